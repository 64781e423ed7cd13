//===- DecoderStep.h - a decoder as the function @step ----------------------===//
//
// Where the two front doors meet: raise describes what it found in an ONNX graph, the importer of
// Hugging Face folders what config.json says, and one builder makes the IR of both.
//
// Letters: H hidden, N heads of queries, G heads of keys, D head size, E experts, K experts per
// token, F width of an expert, V vocabulary.
//
//===----------------------------------------------------------------------===//

#ifndef MIXSERVE_IMPORT_DECODERSTEP_H
#define MIXSERVE_IMPORT_DECODERSTEP_H

#include "mlir/IR/BuiltinOps.h"

#include <optional>
#include <vector>

namespace mixserve {

/// A parameter: its type, and the boxes of files (nn.box) that tile it.
struct StepWeight {
  mlir::RankedTensorType type;
  mlir::ArrayAttr boxes;
  /// What it came from; the op that reads it gets the same.
  mlir::Location loc;
};

struct StepNorm {
  StepWeight weight; ///< [H], or [D] for a norm of every head
  double eps;
};

/// Pairs (i, i + R) of every head of `headDim` turn by position * invFreq[i], times `scale`.
struct StepRope {
  int64_t headDim;
  llvm::SmallVector<double> invFreq; ///< [R]
  double scale;
  mlir::Location loc;
};

/// What becomes one of queries, keys and values: linear, then a norm and rotary embedding if any.
struct StepHeads {
  StepWeight linear; ///< [heads * D, H]
  std::optional<StepNorm> norm;
  std::optional<StepRope> rope;
};

struct StepAttention {
  StepNorm norm;
  StepHeads queries, keys, values;
  int64_t heads, kvHeads, headDim; ///< N, G, D
  double scale;                    ///< of q k^T
  mlir::Location loc;
  StepWeight output; ///< [H, N * D]
};

struct StepExperts {
  StepNorm norm;
  StepWeight router;         ///< [E, H]
  int64_t topK;              ///< K
  bool normalize;            ///< divide the K softmax scores by their sum
  StepWeight gate, up, down; ///< [E, F, H], [E, F, H], [E, H, F]
  mlir::Location loc;
};

struct StepLayer {
  StepAttention attention;
  StepExperts experts;
  mlir::Location afterAttention, afterExperts; ///< of the residual sums
};

/// Embedding, layers, final norm, lm_head.
struct StepDecoder {
  StepWeight embedding; ///< [V, H]
  std::vector<StepLayer> layers;
  StepNorm finalNorm;
  StepWeight logits; ///< [V, H]
};

/// Adds the parameters of `decoder`, under canonical names (`embed`, `layers.N.q`,
/// `layers.N.experts.gate`, ..), and `@step(%batch : !nn.batch) -> logits` to the end of `module`.
/// The order of ops is fixed here, not by what the decoder was read from. Needs the dialects nn,
/// moe, arith and func loaded.
void buildStep(mlir::ModuleOp module, const StepDecoder &decoder);

/// theta^(-i / pairs) for i in [0, pairs): the inverse frequencies of plain rotary embedding.
llvm::SmallVector<double> rotaryFrequencies(double theta, int64_t pairs);

} // namespace mixserve

#endif // MIXSERVE_IMPORT_DECODERSTEP_H
