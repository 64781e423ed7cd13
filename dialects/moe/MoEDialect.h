//===- MoEDialect.h - Routers and experts -------------------------*- C++ -*-===//
#ifndef MIXSERVE_DIALECTS_MOE_MOEDIALECT_H
#define MIXSERVE_DIALECTS_MOE_MOEDIALECT_H

#include "dialects/plan/PlanDialect.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/moe/MoEDialect.h.inc"
#include "dialects/moe/MoEEnums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/moe/MoEAttrs.h.inc"
#define GET_OP_CLASSES
#include "dialects/moe/MoEOps.h.inc"

namespace mixserve::moe {

/// Whether a route takes a result of `op`, which is a router's linear then.
bool isRouter(mlir::Operation *op);

} // namespace mixserve::moe

#endif // MIXSERVE_DIALECTS_MOE_MOEDIALECT_H
