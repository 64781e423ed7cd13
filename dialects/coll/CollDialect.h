//===- CollDialect.h - Collectives over mesh axes -----------------*- C++ -*-===//
#ifndef MIXSERVE_DIALECTS_COLL_COLLDIALECT_H
#define MIXSERVE_DIALECTS_COLL_COLLDIALECT_H

#include "dialects/plan/PlanDialect.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/coll/CollDialect.h.inc"
#include "dialects/coll/CollEnums.h.inc"

namespace mixserve::coll {
/// EnumAttr accessors of generated ops name this attribute without its namespace.
using plan::MethodAttr;
/// True if `op` computes row t of its results from row t of its operands alone.
bool isRowWise(mlir::Operation *op);
} // namespace mixserve::coll

#define GET_ATTRDEF_CLASSES
#include "dialects/coll/CollAttrs.h.inc"
#define GET_OP_CLASSES
#include "dialects/coll/CollOps.h.inc"

namespace mixserve::coll {
/// The end of a fused op's region; null for any other op.
YieldOp yieldOf(mlir::Operation *op);
/// How many of a fused op's yielded values it moves; the others are rows that it keeps.
inline unsigned numMoved(mlir::Operation *op) { return llvm::isa<AgDispatchOp>(op) ? 3 : 1; }
} // namespace mixserve::coll

#endif // MIXSERVE_DIALECTS_COLL_COLLDIALECT_H
