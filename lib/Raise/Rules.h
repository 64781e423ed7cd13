//===- Rules.h - what nodes of an ONNX graph mean, by topic -----------------------------------===//
//
// A rule looks at one node and the meanings of its operands. It returns nothing if the node is not
// of its form, so that the next rule is asked. Rules for commutative operators expect their
// operands in the order that their comment says; the interpreter tries both.
//
//===-----------------------------------------------------------------------------------------===//

#ifndef MIXSERVE_LIB_RAISE_RULES_H
#define MIXSERVE_LIB_RAISE_RULES_H

#include "Context.h"
#include "dialects/onnx/OnnxDialect.h"

namespace mixserve::raise {

// Views.cpp: nodes that only move elements. They change the layout, or the boxes of a weight.
Result reshape(Context &context, mlir::Operation *op,
               const Meaning &in); // Reshape Squeeze Unsqueeze
Result transpose(Context &context, onnx::TransposeOp op, const Meaning &in);
Result repeat(Context &context, mlir::Operation *op, const Meaning &in); // Expand Tile
Result pass(Context &context, mlir::Operation *op, const Meaning &in);   // Identity Cast CastLike
Result slice(Context &context, onnx::SliceOp op, const Meaning &in);
llvm::SmallVector<Meaning> split(Context &context, onnx::SplitOp op, const Meaning &in);

// Linears.cpp
Result embed(Context &context, onnx::GatherOp op, const Meaning &table, const Meaning &ids);
Result linear(Context &context, onnx::MatMulOp op, const Meaning &x, const Meaning &weight);
Result gemm(Context &context, onnx::GemmOp op, const Meaning &x, const Meaning &weight,
            const Meaning &bias);
Result addRows(Context &context, onnx::AddOp op, const Meaning &a, const Meaning &b);
/// Adds zeros: the start of an accumulation.
Result addZero(Context &context, onnx::AddOp op, const Meaning &in, const Meaning &zeros);
Result addBias(Context &context, onnx::AddOp op, const Meaning &rows,
               const Meaning &bias); // always refused

// Norms.cpp
Result square(Context &context, mlir::Operation *op, const Meaning &a,
              const Meaning &b); // Mul; Pow with b = 2
Result meanSquare(Context &context, onnx::ReduceMeanOp op, const Meaning &squares);
Result addEpsilon(Context &context, onnx::AddOp op, const Meaning &mean, const Meaning &eps);
Result root(Context &context, onnx::SqrtOp op, const Meaning &shifted);
Result inverseRoot(Context &context, mlir::Operation *op,
                   const Meaning &in); // Reciprocal; Pow with -0.5
Result normalize(Context &context, mlir::Operation *op, const Meaning &x,
                 const Meaning &root); // Mul, Div
Result weighNorm(Context &context, onnx::MulOp op, const Meaning &normalized,
                 const Meaning &weight);
Result rmsNorm(Context &context, onnx::RMSNormalizationOp op, const Meaning &x,
               const Meaning &scale);

// Rotaries.cpp
Result negate(Context &context, onnx::NegOp op, const Meaning &in);
Result rotateHalves(Context &context, onnx::ConcatOp op, const Meaning &first,
                    const Meaning &second);
Result timesTable(Context &context, onnx::MulOp op, const Meaning &rows, const Meaning &table);
Result rotate(Context &context, onnx::AddOp op, const Meaning &cosines, const Meaning &sines);
Result rotaryOp(Context &context, onnx::RotaryEmbeddingOp op, const Meaning &x);

// Attentions.cpp
Result joinCache(Context &context, onnx::ConcatOp op, const Meaning &cache, const Meaning &rows);
Result scores(Context &context, onnx::MatMulOp op, const Meaning &queries, const Meaning &keys);
/// Mul, or Div with `divide`.
Result timesNumber(Context &context, mlir::Operation *op, const Meaning &in, const Meaning &number,
                   bool divide);
Result addMask(Context &context, onnx::AddOp op, const Meaning &scores, const Meaning &mask);
Result probabilities(Context &context, onnx::SoftmaxOp op, const Meaning &scores);
Result attend(Context &context, onnx::MatMulOp op, const Meaning &probabilities,
              const Meaning &values);
/// onnx.Attention: its output and what it stores.
struct AttentionResults {
  Meaning output, presentKey, presentValue;
};
AttentionResults attentionOp(Context &context, onnx::AttentionOp op,
                             llvm::ArrayRef<Meaning> operands);

// Routers.cpp
Result routerScores(Context &context, onnx::SoftmaxOp op, const Meaning &logits);
Result topWeightsOfLogits(Context &context, onnx::SoftmaxOp op, const Meaning &logits);
struct TopKResults {
  Meaning values, ids;
};
TopKResults topK(Context &context, onnx::TopKOp op, const Meaning &scores);
Result sumWeights(Context &context, onnx::ReduceSumOp op, const Meaning &weights);
Result normalizeWeights(Context &context, onnx::DivOp op, const Meaning &weights,
                        const Meaning &sum);

// Experts.cpp: activation, one expert after the other (form B), gathered weights (form D)
Result sigmoid(Context &context, onnx::SigmoidOp op, const Meaning &x);
Result silu(Context &context, onnx::MulOp op, const Meaning &x, const Meaning &sigmoid);
Result swiglu(Context &context, onnx::MulOp op, const Meaning &gate, const Meaning &up);
Result slotMask(Context &context, onnx::EqualOp op, const Meaning &ids, const Meaning &expert);
Result maskWeights(Context &context, onnx::MulOp op, const Meaning &weights, const Meaning &mask);
Result expertWeight(Context &context, onnx::ReduceSumOp op, const Meaning &masked);
Result weighExpert(Context &context, onnx::MulOp op, const Meaning &rows, const Meaning &weight);
Result gather(Context &context, mlir::Operation *op, const Meaning &stack,
              const Meaning &ids); // Gather GatherND
Result gatheredLinear(Context &context, onnx::MatMulOp op, const Meaning &a, const Meaning &b);
Result weighSlots(Context &context, onnx::MulOp op, const Meaning &rows, const Meaning &weights);
Result sumSlots(Context &context, onnx::ReduceSumOp op, const Meaning &slots);

/// The single axis that a reduction removes, counted from the front; none if there are more.
std::optional<int64_t> reducedAxis(Context &context, mlir::Value axes, bool noopWithoutAxes,
                                   int64_t rank);

} // namespace mixserve::raise

#endif // MIXSERVE_LIB_RAISE_RULES_H
