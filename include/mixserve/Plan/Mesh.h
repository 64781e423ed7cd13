//===- Mesh.h - Ranks, layouts and dispatch methods -------------*- C++ -*-===//
//
// The vocabulary of the planner's plain C++ part: no MLIR, so that unit tests and tools reach it.
// Letters: T tokens, H hidden, F ffn, E experts, K top-k, P ranks, V vocabulary.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_PLAN_MESH_H
#define MIXSERVE_PLAN_MESH_H

#include <array>
#include <cstdint>
#include <optional>
#include <string>

namespace mixserve::planner {

/// Class of the link between two ranks: inter if and only if their nodes differ.
enum class Link { Intra, Inter };

/// N nodes of D devices; rank = node * D + device.
struct Mesh {
  int64_t nodes = 1;
  int64_t devices = 1;

  int64_t ranks() const { return nodes * devices; }
  int64_t node(int64_t rank) const { return rank / devices; }
  int64_t device(int64_t rank) const { return rank % devices; }
  int64_t rank(int64_t node, int64_t device) const { return node * devices + device; }
  Link link(int64_t a, int64_t b) const { return node(a) == node(b) ? Link::Intra : Link::Inter; }
};

/// How attention and experts are split over the ranks: attn_tp * attn_dp = moe_tp * moe_ep = P.
/// TP is innermost: attention group of a rank = rank / attn_tp, expert-parallel index = rank /
/// moe_tp.
struct Layout {
  int64_t attnTp = 1, attnDp = 1, moeTp = 1, moeEp = 1;

  bool operator==(const Layout &o) const {
    return attnTp == o.attnTp && attnDp == o.attnDp && moeTp == o.moeTp && moeEp == o.moeEp;
  }
  bool operator!=(const Layout &o) const { return !(*this == o); }
  /// "attn_tp=2,attn_dp=2,moe_tp=1,moe_ep=4", the form that `--layout` reads.
  std::string str() const;
};

/// Reads the form of `Layout::str` (any order, all four keys). On failure: nothing, and `error`
/// says why.
std::optional<Layout> parseLayout(const std::string &text, std::string &error);

/// Element type of rows in messages between nodes: the model's f32 values as they are, or rounded
/// to bf16. Inside a node rows are f32 always; they are read where they lie.
enum class WireType { F32, BF16 };
const char *name(WireType wire); ///< "f32", "bf16"
std::optional<WireType> parseWireType(const std::string &text);
/// Bytes of an element of a row on a link.
constexpr int64_t elementBytes(WireType wire, Link link) {
  return link == Link::Inter && wire == WireType::BF16 ? 2 : 4;
}

/// How owned rows reach the experts and come back (lib/Plan/README.md has a table).
enum class Method { AllGather, FlatEp, HierEp, Hybrid, HybridFused };
constexpr std::array<Method, 5> kMethods = {Method::AllGather, Method::FlatEp, Method::HierEp,
                                            Method::Hybrid, Method::HybridFused};
const char *name(Method method);
/// Whether dispatch and combine can be cut into chunks of rows that overlap.
constexpr bool worksInChunks(Method method) {
  return method == Method::HierEp || method == Method::HybridFused;
}
std::optional<Method> parseMethod(const std::string &text);

/// First element of part `index` when `n` elements are cut into `parts`: floor(index * n / parts).
/// Experts over ranks, rows over owners and rows over chunks are all cut this way.
constexpr int64_t partBegin(int64_t index, int64_t n, int64_t parts) { return index * n / parts; }

/// Experts of expert-parallel index `ep`: [first, last).
struct ExpertRange {
  int64_t first = 0, last = 0;
  int64_t size() const { return last - first; }
};
inline ExpertRange expertsOf(int64_t ep, int64_t experts, const Layout &layout) {
  return {partBegin(ep, experts, layout.moeEp), partBegin(ep + 1, experts, layout.moeEp)};
}
/// Experts that a rank holds (a slice of F of each).
inline ExpertRange expertsOfRank(int64_t rank, int64_t experts, const Layout &layout) {
  return expertsOf(rank / layout.moeTp, experts, layout);
}
/// Experts that some rank of `node` holds: contiguous, because ranks are in order.
ExpertRange expertsOfNode(int64_t node, int64_t experts, const Mesh &mesh, const Layout &layout);

} // namespace mixserve::planner

#endif // MIXSERVE_PLAN_MESH_H
