//===- PlanDialect.h - Mesh, sharding, layout, table, cost --------*- C++ -*-===//
#ifndef MIXSERVE_DIALECTS_PLAN_PLANDIALECT_H
#define MIXSERVE_DIALECTS_PLAN_PLANDIALECT_H

#include "mlir/IR/Attributes.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include <optional>
#include <string>

#include "dialects/plan/PlanDialect.h.inc"
#include "dialects/plan/PlanEnums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/plan/PlanAttrs.h.inc"

namespace mixserve::plan {

/// Rows are independent: see Plan_RowWise in ShardRule.td.
template <typename ConcreteType>
class RowWise : public mlir::OpTrait::TraitBase<ConcreteType, RowWise> {};

/// A method as the command line writes it ("hybrid-fused"), and back.
std::string methodOption(Method method);
std::optional<Method> parseMethodOption(llvm::StringRef text);

/// The module's `plan.wire`; f32 if it has none.
WireType wireOf(mlir::Operation *module);

/// Names of the module and function attributes that carry the plan.
inline constexpr llvm::StringLiteral kMeshAttr = "plan.mesh";
inline constexpr llvm::StringLiteral kHardwareAttr = "plan.hardware";
inline constexpr llvm::StringLiteral kWorkloadAttr = "plan.workload";
inline constexpr llvm::StringLiteral kLimitsAttr = "plan.limits";
inline constexpr llvm::StringLiteral kLayoutAttr = "plan.layout";
inline constexpr llvm::StringLiteral kTableAttr = "plan.table";
/// Methods that are compiled in beside the table's (array of #plan.method), for runs that force
/// one.
inline constexpr llvm::StringLiteral kVariantsAttr = "plan.variants";
/// Element type of rows between nodes that the plan was made for (#plan.wire); absent: f32.
inline constexpr llvm::StringLiteral kWireAttr = "plan.wire";
inline constexpr llvm::StringLiteral kCostAttr = "plan.cost";
inline constexpr llvm::StringLiteral kPredictedAttr = "plan.predicted";
/// On a step function after shard: the dispatch method it implements (#plan.method).
inline constexpr llvm::StringLiteral kMethodAttr = "plan.method";
/// On parameters and ops after shard: who chose the sharding (a string).
inline constexpr llvm::StringLiteral kChosenByAttr = "plan.chosen_by";
/// On collectives after shard: #plan.bytes of one step.
inline constexpr llvm::StringLiteral kBytesAttr = "plan.bytes";

} // namespace mixserve::plan

#include "dialects/plan/ShardRule.h.inc"

#endif // MIXSERVE_DIALECTS_PLAN_PLANDIALECT_H
