//===- NNDialect.h - Transformer ops and parameters by reference --*- C++ -*-===//
#ifndef MIXSERVE_DIALECTS_NN_NNDIALECT_H
#define MIXSERVE_DIALECTS_NN_NNDIALECT_H

#include "dialects/plan/PlanDialect.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/nn/NNDialect.h.inc"
#include "dialects/nn/NNEnums.h.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/nn/NNTypes.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/nn/NNAttrs.h.inc"
#define GET_OP_CLASSES
#include "dialects/nn/NNOps.h.inc"

namespace mixserve::nn {

/// Number of the decoder layer that an op belongs to (an i64), on every op of a layer from raise on.
inline constexpr llvm::StringLiteral kLayerAttr = "nn.layer";
/// Module attribute: the folder that the boxes' files are relative to.
inline constexpr llvm::StringLiteral kSourceFolderAttr = "nn.source_folder";
/// Module attribute: the token ids that end a generation (array<i64>, ascending).
inline constexpr llvm::StringLiteral kEosAttr = "nn.eos";
/// Module attribute: how many positions the model was trained on (an i64), if it says so.
inline constexpr llvm::StringLiteral kTrainedPositionsAttr = "nn.trained_positions";

/// The cache number of an op that owns one (nn.attention, nn.latent_attention); nothing for others.
std::optional<int64_t> cacheOf(mlir::Operation *op);
/// `op` owns a cache.
void setCache(mlir::Operation *op, int64_t number);

} // namespace mixserve::nn

#endif // MIXSERVE_DIALECTS_NN_NNDIALECT_H
