//===- ByteCount.h - Who sends how many bytes to whom ------------*- C++ -*-===//
//
// One description of the step's messages, evaluated twice: with the recorded expert ids of a run it
// gives exactly the runtime's counters; with a routing-load model it gives their expected value.
//
// A byte counts when it leaves memory owned by one rank for another's: payload and routing
// metadata, no headers, flags or control. Symbols, all in bytes:
//   S = e H           one row: e = 4, or 2 between nodes with bf16 on the wire (WireType)
//   R = 4K + 4K       its routing: K f32 weights and K i32 expert ids
//   I = 4             i32 row index, sent where the receiver cannot know which rows come
// The formula of each op is with its function in lib/Plan/Traffic.h.
//
// Worked: 2x2 mesh, attn_tp=2, moe_tp=2, H=64, K=2, one row owned by each rank, every row goes to
// both nodes, hybrid. Rank 0 sends its row once to rank 2: 256 + 16 + 4 = 276 inter bytes under
// `dispatch`. Its lane then holds 2 rows (its own and rank 2's) and gives each to rank 1: 552 intra
// under `dispatch_ag`. It gives rank 1 partial rows of rank 1's lane, 2 * 256 = 512 intra under
// `combine_rs`, and sends the node's sum home to rank 2, 256 inter under `combine`. attn_ag: its
// row to rank 1, 256; attn_rs: its partial of rank 1's row, 256.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_PLAN_BYTECOUNT_H
#define MIXSERVE_PLAN_BYTECOUNT_H

#include "mixserve/Plan/Mesh.h"
#include "mixserve/Plan/ModelShape.h"
#include "mixserve/Plan/RoutingLoad.h"
#include "mixserve/Plan/RoutingTrace.h"

#include <string>
#include <vector>

namespace mixserve::planner {

/// Sites of communication; the names are those of the runtime's counters.
enum class CommOp { EmbedRs, AttnAg, AttnRs, Dispatch, DispatchAg, CombineRs, Combine, LmHeadAg };
constexpr std::array<CommOp, 8> kCommOps = {CommOp::EmbedRs,  CommOp::AttnAg,     CommOp::AttnRs,
                                            CommOp::Dispatch, CommOp::DispatchAg, CommOp::CombineRs,
                                            CommOp::Combine,  CommOp::LmHeadAg};
const char *name(CommOp op);

enum class Dir { Out, In };

/// Bytes by (op, link, direction, rank). `Count` is int64_t (exact) or double (expected).
template <class Count> class ByteTable {
public:
  explicit ByteTable(int64_t ranks) : ranks(ranks), cells(kCommOps.size() * 4 * ranks) {}

  Count get(CommOp op, Link link, Dir dir, int64_t rank) const {
    return cells[index(op, link, dir, rank)];
  }
  void add(CommOp op, Link link, Dir dir, int64_t rank, Count bytes) {
    cells[index(op, link, dir, rank)] += bytes;
  }
  /// One message: `from` sends `bytes` to `to`. A rank does not send to itself.
  void send(const Mesh &mesh, CommOp op, int64_t from, int64_t to, Count bytes) {
    Link link = mesh.link(from, to);
    add(op, link, Dir::Out, from, bytes);
    add(op, link, Dir::In, to, bytes);
  }
  /// Bytes sent by all ranks together (= received by all ranks together).
  Count total(CommOp op, Link link) const {
    Count sum = 0;
    for (int64_t rank = 0; rank < ranks; ++rank)
      sum += get(op, link, Dir::Out, rank);
    return sum;
  }

  const int64_t ranks;

private:
  size_t index(CommOp op, Link link, Dir dir, int64_t rank) const {
    return ((size_t(op) * 2 + size_t(link)) * 2 + size_t(dir)) * ranks + rank;
  }
  std::vector<Count> cells;
};

/// Rows of a step by the rank that owns them.
template <class Count> struct StepRows {
  std::vector<Count> owned; ///< [P]
  std::vector<Count> asked; ///< [P] owned rows whose logits are asked
};

/// Owned rows when attention group g has `groupRows[g]` rows: member i of the group owns
/// [floor(i T_g / attn_tp), floor((i+1) T_g / attn_tp)).
std::vector<int64_t> ownedRows(const Layout &layout, const std::vector<int64_t> &groupRows);

/// Rows and asked rows of a recorded step; the last `asked` rows of a sequence are the asked ones.
StepRows<int64_t> stepRows(const Layout &layout, const std::vector<TraceSequence> &sequences);

/// `tokens` tokens of `sequences` sequences over the groups as evenly as sequences allow:
/// min(attn_dp, sequences) groups get equal parts (cut like `partBegin`), the others none. Groups
/// are taken as the runtime does: one of every node, then the next of every node.
std::vector<int64_t> balancedGroupRows(const Mesh &mesh, const Layout &layout, int64_t tokens,
                                       int64_t sequences);

/// Owned rows of such a step; one asked row per sequence, spread like the rows.
StepRows<double> evenRows(const Mesh &mesh, const Layout &layout, int64_t tokens,
                          int64_t sequences);

/// What one step moves: outside layers (embedding, lm_head) and in each layer.
template <class Count> struct StepBytes {
  ByteTable<Count> outside;
  ByteTable<Count> layer; ///< of one layer; all layers are alike in expectation
};

/// Expected bytes of a step. Rows may be fractions (asked rows of an average owner).
StepBytes<double> expectedBytes(const Mesh &mesh, const Layout &layout, Method method,
                                const ModelShape &model, const StepRows<double> &rows,
                                const RoutingLoad &load);

/// One line of a stats file; `layer` is -1 outside layers.
struct ByteRow {
  int64_t layer;
  std::string op, link, dir;
  int64_t rank;
  int64_t bytes;
};

/// Exact bytes of all recorded steps together, zero rows left out, sorted by (layer, op, link, dir,
/// rank). On a trace that does not fit mesh, layout or model: nothing, and `error` says where.
std::optional<std::vector<ByteRow>> exactBytes(const Mesh &mesh, const Layout &layout,
                                               const ModelShape &model, const RoutingTrace &trace,
                                               std::string &error);

/// {"schema":"mixserve.stats/v1","bytes":[...]}: what `mixserve-run --stats` writes, without its
/// call counts.
std::string bytesAsJson(const std::vector<ByteRow> &rows);

} // namespace mixserve::planner

#endif // MIXSERVE_PLAN_BYTECOUNT_H
