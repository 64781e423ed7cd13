//===- Terms.h - what the values of an ONNX graph mean ----------------------------------------===//
//
// A term is what one value of the graph computes, said in the words of a transformer. Finished
// terms (Embedding, Norm, Linear, ..) become ops of nn and moe; the others are steps on the way to
// one and must not be left over. Letters: T tokens, H hidden, N heads of queries, G heads of keys,
// D head size, E experts, K experts per token, F width of an expert.
//
//===-----------------------------------------------------------------------------------------===//

#ifndef MIXSERVE_LIB_RAISE_TERMS_H
#define MIXSERVE_LIB_RAISE_TERMS_H

#include "Layout.h"
#include "ParamView.h"

#include <string>

namespace mixserve::raise {

enum class Kind {
  Broken,
  Param,
  Cache,
  // Rows [T, width]:
  Embedding,
  Norm,
  Linear,
  Rope,
  Attention,
  Sum,
  ExpertSum,
  Slice,
  Swiglu,
  ExpertLinear,
  // On the way to Norm:
  Square,
  MeanSquare,
  Shifted,
  Root,
  InverseRoot,
  Normalized,
  // On the way to Rope:
  Negated,
  RotatedHalf,
  TableProduct,
  // On the way to Attention:
  Scaled,
  Joined,
  Scores,
  Masked,
  Probabilities,
  // On the way to ExpertSum:
  RouterScores,
  TopLogits,
  TopWeights,
  TopIds,
  TopSum,
  SlotMask,
  MaskedWeights,
  ExpertWeight,
  Sigmoid,
  Silu,
  WeightedExpert,
  Gathered,
  WeightedSlots
};

struct Term {
  Kind kind;
  /// The ONNX node that completed it.
  mlir::Location loc;

  Term(Kind kind, mlir::Location loc) : kind(kind), loc(loc) {}
  virtual ~Term() = default;
};

template <Kind K> struct TermOf : Term {
  explicit TermOf(mlir::Location loc) : Term(K, loc) {}
  static bool classof(const Term *term) { return term->kind == K; }
};

/// A value that is nothing we know: why, and at which node (`loc`) that began.
struct Broken : TermOf<Kind::Broken> {
  using TermOf::TermOf;
  std::string reason;
  /// Counts up in the order of the graph.
  size_t order;
};

struct Param : TermOf<Kind::Param> {
  using TermOf::TermOf;
  ParamView view;
};

/// Keys or values of earlier tokens, a graph input; layout as the graph has it.
struct Cache : TermOf<Kind::Cache> {
  using TermOf::TermOf;
  unsigned argument;
};

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

/// Rows [T, width] of packed activations.
struct Rows : Term {
  int64_t width = 0;

  using Term::Term;
  static bool classof(const Term *term) {
    return term->kind >= Kind::Embedding && term->kind <= Kind::ExpertLinear;
  }
};

template <Kind K> struct RowsOf : Rows {
  explicit RowsOf(mlir::Location loc) : Rows(K, loc) {}
  static bool classof(const Term *term) { return term->kind == K; }
};

struct Embedding : RowsOf<Kind::Embedding> {
  using RowsOf::RowsOf;
  ParamView table; // [V, H]
};

/// Every block of `weight`'s length of a row, normalised alone.
struct Norm : RowsOf<Kind::Norm> {
  using RowsOf::RowsOf;
  const Rows *input;
  ParamView weight;
  double eps;
};

struct Linear : RowsOf<Kind::Linear> {
  using RowsOf::RowsOf;
  const Rows *input;
  ParamView weight; // [width, input width]
};

/// Pairs (i, i + R) of every head turned by position * invFreq[i].
struct Rope : RowsOf<Kind::Rope> {
  using RowsOf::RowsOf;
  const Rows *input;
  int64_t headDim;
  llvm::SmallVector<double> invFreq;
  double scale;
};

/// New keys or values behind the cached ones: [B, G, past + length, D]. `cache` is null for a graph
/// without.
struct Joined : TermOf<Kind::Joined> {
  using TermOf::TermOf;
  const Cache *cache = nullptr;
  const Rows *rows;
  int64_t heads, headDim;
};

struct Attention : RowsOf<Kind::Attention> {
  using RowsOf::RowsOf;
  const Rows *queries;
  const Joined *keys, *values;
  int64_t heads;
  double scale;
};

/// `a + b`; a chain of them is taken apart when the step is built, so its order does not matter.
struct Sum : RowsOf<Kind::Sum> {
  using RowsOf::RowsOf;
  const Term *a, *b; // Rows or WeightedExpert
  /// True if something reads this very sum, so that it is a point of the residual stream.
  mutable bool read = false;
};

/// Columns start .. of every head of `headDim` columns.
struct Slice : RowsOf<Kind::Slice> {
  using RowsOf::RowsOf;
  const Rows *input;
  int64_t start, headDim;
};

/// silu(gate) * up.
struct Swiglu : RowsOf<Kind::Swiglu> {
  using RowsOf::RowsOf;
  const Rows *gate, *up;
};

//===----------------------------------------------------------------------===//
// Norm
//===----------------------------------------------------------------------===//

/// x * x, mean(x * x), mean + eps, sqrt, 1 / sqrt, x / sqrt: the steps of a root mean square norm.
template <Kind K> struct NormStep : TermOf<K> {
  using TermOf<K>::TermOf;
  const Rows *input;
  double eps = 0;
};
using Square = NormStep<Kind::Square>;
using MeanSquare = NormStep<Kind::MeanSquare>;
using Shifted = NormStep<Kind::Shifted>;
using Root = NormStep<Kind::Root>;
using InverseRoot = NormStep<Kind::InverseRoot>;
using Normalized = NormStep<Kind::Normalized>;

//===----------------------------------------------------------------------===//
// Rotary embedding and attention
//===----------------------------------------------------------------------===//

/// -x, of a Slice.
struct Negated : TermOf<Kind::Negated> {
  using TermOf::TermOf;
  const Slice *input;
};

/// [-second half, first half] of every head.
struct RotatedHalf : TermOf<Kind::RotatedHalf> {
  using TermOf::TermOf;
  const Rows *input;
};

/// `input` (Rows or RotatedHalf) times a value that depends on positions only.
struct TableProduct : TermOf<Kind::TableProduct> {
  using TermOf::TermOf;
  const Term *input;
  mlir::Value table;
};

/// Rows or Joined times a number.
struct Scaled : TermOf<Kind::Scaled> {
  using TermOf::TermOf;
  const Term *input;
  double factor;
};

/// scale * q k^T: [B, N, S, keys]. Masked and Probabilities are the same, further on.
template <Kind K> struct ScoresOf : TermOf<K> {
  using TermOf<K>::TermOf;
  const Rows *queries;
  const Joined *keys;
  int64_t heads;
  double scale;
};
using Scores = ScoresOf<Kind::Scores>;
using Masked = ScoresOf<Kind::Masked>;
using Probabilities = ScoresOf<Kind::Probabilities>;

//===----------------------------------------------------------------------===//
// Router and experts
//===----------------------------------------------------------------------===//

/// softmax(logits) over all experts.
struct RouterScores : TermOf<Kind::RouterScores> {
  using TermOf::TermOf;
  const Linear *logits;
};

/// One TopK node: which experts, seen from its outputs and all that is made of them.
struct Router {
  const Linear *logits;
  int64_t topK;
};

template <Kind K> struct RouterTerm : TermOf<K> {
  using TermOf<K>::TermOf;
  const Router *router;
};
/// TopK of the logits themselves; their softmax is TopWeights with `normalize`.
using TopLogits = RouterTerm<Kind::TopLogits>;
using TopIds = RouterTerm<Kind::TopIds>;
/// Sum of TopWeights over the slots.
using TopSum = RouterTerm<Kind::TopSum>;

/// Routing weights [T, K].
struct TopWeights : RouterTerm<Kind::TopWeights> {
  using RouterTerm::RouterTerm;
  bool normalize = false;
};

/// ids == expert, [T, K].
struct SlotMask : RouterTerm<Kind::SlotMask> {
  using RouterTerm::RouterTerm;
  int64_t expert;
};

/// Routing weight of one expert, zero where it is not chosen: [T, K], after the sum over slots [T,
/// 1].
template <Kind K> struct ExpertWeightOf : TermOf<K> {
  using TermOf<K>::TermOf;
  const TopWeights *weights;
  int64_t expert;
};
using MaskedWeights = ExpertWeightOf<Kind::MaskedWeights>;
using ExpertWeight = ExpertWeightOf<Kind::ExpertWeight>;

struct Sigmoid : TermOf<Kind::Sigmoid> {
  using TermOf::TermOf;
  const Rows *input;
};

/// x * sigmoid(x).
struct Silu : TermOf<Kind::Silu> {
  using TermOf::TermOf;
  const Rows *input;
};

/// What one expert gives to all rows, times its routing weight.
struct WeightedExpert : TermOf<Kind::WeightedExpert> {
  using TermOf::TermOf;
  const Linear *output;
  const ExpertWeight *weight;
};

/// Stacked weights [E, N, K] taken by expert id.
struct Gathered : TermOf<Kind::Gathered> {
  using TermOf::TermOf;
  ParamView stack;
  const Router *router;
};

/// Each (row, slot) through its own expert's linear.
struct ExpertLinear : RowsOf<Kind::ExpertLinear> {
  using RowsOf::RowsOf;
  const Rows *input;
  ParamView stack; // [E, width, input width]
  const Router *router;
};

/// ExpertLinear times its routing weight, before the sum over slots.
struct WeightedSlots : TermOf<Kind::WeightedSlots> {
  using TermOf::TermOf;
  const ExpertLinear *output;
  const TopWeights *weights;
};

/// The finished sum over slots of gathered experts.
struct ExpertSum : RowsOf<Kind::ExpertSum> {
  using RowsOf::RowsOf;
  const WeightedSlots *slots;
};

} // namespace mixserve::raise

#endif // MIXSERVE_LIB_RAISE_TERMS_H
