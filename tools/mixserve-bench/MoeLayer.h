//===- MoeLayer.h - One MoE layer's communication on one rank -----*- C++ -*-===//
//
// From attention's partial sums to the next attention's input: reduce, residual, norm, router,
// top-k, dispatch, combine, residual, norm, gather. Norm, router and top-k are real, so the row
// counts of a layer are not known before it runs. The experts are left out.
//
// Symbols: T rows of a node, H hidden, E experts, K experts per row, N nodes, D devices per node.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_TOOLS_BENCH_MOELAYER_H
#define MIXSERVE_TOOLS_BENCH_MOELAYER_H

#include "comm/Communicator.h"
#include "comm/WireType.h"
#include "kernels/Weight.h"
#include "kernels/cpu/Workspace.h"

#include <memory>
#include <string>
#include <vector>

namespace mixserve::tools {

struct LayerShape {
  int nodes = 2, devices = 4;
  int64_t tokens = 512; ///< T
  int64_t hidden = 2048, experts = 128, topK = 8;
  double zipf = 0; ///< popularity of the i-th most popular expert ~ (i + 1)^-zipf; 0: uniform
  /// Time of one (row, expert) pair on a rank that holds the whole expert [ns]; a rank with a slice
  /// of it takes its part. Ranks sleep it, as devices of their own would compute.
  double expertNsPerRow = 0;
  mxs::WireType wire = mxs::WireType::F32; ///< of rows between nodes
};

/// "f32" or "bf16", as the planner and --wire call it.
const char *wireName(mxs::WireType wire);

/// How a layer travels, and the layout that belongs to it. FusedGather is what compiled models do;
/// Fused has the next attention's all_gather after the fused combine.
struct LayerMethod {
  enum Kind { Sequential, Hybrid, Fused, FusedGather, FlatEp, HierEp, AllGather } kind;
  std::string name;
  int attnTp, moeTp;
  int chunks = 1;

  bool isFused() const { return kind == Fused || kind == FusedGather; }
  bool hasChunks() const { return isFused() || kind == HierEp; }
  /// Runs by a schedule, whose bits are those of the method in one piece.
  bool overlaps() const { return isFused() || (kind == HierEp && chunks > 1); }
  /// The fused pair with attn_tp > moe_tp adds the partial rows that hier-ep adds.
  Kind inOnePiece() const { return !isFused() ? kind : moeTp < attnTp ? HierEp : Hybrid; }
};

/// All of them on a mesh; `chunks`: of the fused ones, one entry each, and of hier-ep, which is
/// there in one piece, too.
std::vector<LayerMethod> layerMethods(const LayerShape &shape, const std::vector<int64_t> &chunks);

/// The router of all ranks: logits = x W^T + the logarithm of the experts' popularity.
class LayerRouter {
public:
  explicit LayerRouter(const LayerShape &shape);
  /// weights, ids [rows, K] of x [rows, H]; `logits` is scratch of [rows, E].
  void route(mxs::cpu::Workspace &space, const float *x, int64_t rows, float *logits,
             float *weights, int32_t *ids) const;

private:
  const LayerShape shape;
  std::vector<float> popularity;   ///< [E]
  std::unique_ptr<float[]> memory; ///< packed, with room to align
  mxs_weight_t weight;
};

class MoeLayer {
public:
  /// `comm` belongs to a world of the layout of the methods that are run.
  MoeLayer(mxs::Communicator &comm, const mxs::Topology &topology, const mxs::RowMap &rows,
           const LayerShape &shape, const LayerRouter &router);

  /// Makes run() compute something that depends on every row's experts and can be checked; slower.
  void setChecked(bool value) { checked = value; }
  /// All ranks call it with the same method.
  mxs::Status run(const LayerMethod &method);
  /// One stage alone, for the links' constants: an all_gather of the owned rows inside the node,
  /// and the rows' way to other nodes as hybrid sends them. After run().
  mxs::Status gatherInNode();
  mxs::Status sendToNodes();
  /// What is wrong with the last checked run (sampled rows against a plain computation), or
  /// nothing.
  std::string check();
  /// Result of the last run: the group's rows [group rows, H].
  const std::vector<float> &next() const { return gathered; }

private:
  void region(int64_t first, int64_t count);
  const float *experts();
  mxs::Status reduceAttention(const LayerMethod &method);
  mxs::Status exchange(const LayerMethod &method);
  /// An attention group of one rank gathers nothing.
  bool gathersFused(const LayerMethod &method) const {
    return method.kind == LayerMethod::FusedGather && topo.attnTp > 1;
  }
  mxs::Status exchangeFused(bool gathers);
  mxs::Status exchangeHybrid(bool sequential);
  void nextRegion(int64_t first, int64_t count);

  mxs::Communicator &comm;
  const mxs::Topology topo;
  const mxs::RowMap rows;
  const LayerShape shape;
  const LayerRouter &router;
  mxs::cpu::Workspace space;
  const int64_t owned, groupRows;
  bool checked = false;
  std::vector<float> partial, reduced, before, residual, x, weights, logits;
  std::vector<int32_t> ids;
  struct Routed {
    Routed(int64_t rows, const LayerShape &shape)
        : x(rows * shape.hidden), weights(rows * shape.topK), ids(rows * shape.topK) {}
    mxs::RoutedRows in() const { return {x.data(), weights.data(), ids.data()}; }
    mxs::RoutedRowsOut out() { return {x.data(), weights.data(), ids.data()}; }
    std::vector<float> x, weights;
    std::vector<int32_t> ids;
  };
  Routed lane, received;
  std::vector<float> parts, laneSums, combined, normed, gathered;
};

} // namespace mixserve::tools

#endif // MIXSERVE_TOOLS_BENCH_MOELAYER_H
