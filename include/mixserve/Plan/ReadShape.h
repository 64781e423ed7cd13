//===- ReadShape.h - A model's shape from its IR -----------------*- C++ -*-===//
#ifndef MIXSERVE_PLAN_READSHAPE_H
#define MIXSERVE_PLAN_READSHAPE_H

#include "mixserve/Plan/ModelShape.h"
#include "mlir/IR/BuiltinOps.h"

#include <optional>

namespace mixserve {

/// Sizes of a module in raised form, and the element types that mixserve-assign-weight-types chose
/// (read off the embedding and the first layer's experts). Nothing, with an error at the op that does not fit, if there
/// is no `func.func @step`, or its layers are not alike: one attention and one experts block each.
std::optional<planner::ModelShape> readModelShape(mlir::ModuleOp module);

} // namespace mixserve

#endif // MIXSERVE_PLAN_READSHAPE_H
