//===- ModelFacts.h - What the runtime must know of the model -----*- C++ -*-===//
#ifndef MIXSERVE_LIB_EMIT_MODELFACTS_H
#define MIXSERVE_LIB_EMIT_MODELFACTS_H

#include "mlir/IR/BuiltinOps.h"

namespace mixserve {

/// Cache of one layer on a rank: keys and values, or latent rows that `heads` heads read.
struct CacheFacts {
  int64_t layer = 0, kvHeads = 0, headDim = 0;
  int64_t latentDim = 0, ropeDim = 0, heads = 0; ///< 0 unless latent
  int64_t nopeDim = 0, valueDim = 0;             ///< likewise; of a head's query and its result
  std::string element;                           ///< f32 or bf16
};

/// Read from the fused IR; whole-model sizes but where it says local.
struct ModelFacts {
  int64_t vocab = 0, hidden = 0, layers = 0, experts = 0, topK = 0;
  int64_t heads = 0, kvHeads = 0, headDim = 0; ///< of the first attention
  llvm::SmallVector<int64_t> moeLayers;
  llvm::SmallVector<CacheFacts> caches; ///< local, by cache number
  int64_t vocabLocal = 0;               ///< columns of a rank's logits
  llvm::SmallVector<int64_t> eos;       ///< token ids that end a generation; may be empty
};

/// Fails, saying which, on a model whose MoE layers differ in experts or top-k, or whose caches are
/// not numbered 0, 1, ..., or whose `nn.eos` is not a list of token ids of its vocabulary.
llvm::FailureOr<ModelFacts> collectFacts(mlir::ModuleOp fused);

} // namespace mixserve

#endif // MIXSERVE_LIB_EMIT_MODELFACTS_H
