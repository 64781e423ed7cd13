//===- ExpertMethods.cpp - moe.experts by dispatch method -------------------===//
#include "ExpertMethods.h"
#include "RuleInference.h"
#include "dialects/coll/CollDialect.h"

using namespace mlir;
using namespace mixserve;
using namespace mixserve::shard;
using plan::AxesAttr;
using plan::Method;
using plan::RowSet;

std::string shard::whyIllegal(Method method, const LayoutAxes &axes) {
  if (axes.world.empty())
    return method == Method::AllGather ? "" : "one rank has nobody to send rows to; only allgather is legal";
  if ((method == Method::Hybrid || method == Method::HybridFused) &&
      overlap(axes.mesh, axes.moeTp, axes.betweenNodes))
    return "MoE TP groups of " + std::to_string(axes.layout.getMoeTp()) +
           " ranks span nodes; choose a moe_tp that fits a node, or another method with --moe-comm";
  return "";
}

namespace {
/// Builds the ops of one layer's experts.
class ExpertBuilder {
public:
  ExpertBuilder(OpBuilder &builder, moe::ExpertsOp experts, Method method, const LayoutAxes &axes)
      : builder(builder), experts(experts), axes(axes),
        method(method == Method::HybridFused ? Method::Hybrid : method),
        chosenBy(builder.getStringAttr("method " + plan::methodOption(method))) {}

  using Rows = std::array<Value, 3>; ///< rows [T,H], weights [T,K], ids [T,K]

  Rows allGather(const Rows &rows, RowSet to, AxesAttr over) {
    auto op = coll::AllGatherOp::create(builder, loc(), types(rows, to), ValueRange(ArrayRef<Value>(rows)),
                                        over, coll::Site::DispatchAg);
    mark(op);
    return {op.getOutputs()[0], op.getOutputs()[1], op.getOutputs()[2]};
  }

  Rows dispatch(const Rows &rows, RowSet to, AxesAttr over) {
    auto op = coll::DispatchOp::create(builder, loc(), types(rows, to), rows[0], rows[1], rows[2],
                                       method, over, coll::Site::Dispatch);
    mark(op);
    return {op.getRows(), op.getRowWeights(), op.getRowIds()};
  }

  Value ffn(const Rows &rows, const LocalExperts &local, RowSet set) {
    auto op = moe::ExpertFfnOp::create(builder, loc(), rowType(rows[0], set, axes.world), rows[0], rows[1],
                                       rows[2], local.gate, local.up, local.down, experts.getActivationAttr());
    mark(op);
    return op.getResult();
  }

  Value reduceScatter(Value partial, RowSet to, AxesAttr over, AxesAttr left) {
    auto op = coll::ReduceScatterOp::create(builder, loc(), rowType(partial, to, left), partial, over,
                                            coll::Site::CombineRs);
    mark(op);
    return op.getResult();
  }

  Value combine(Value partial, AxesAttr over) {
    auto op = coll::CombineOp::create(builder, loc(), rowType(partial, RowSet::Owned, {}), partial,
                                      method, over, coll::Site::Combine);
    mark(op);
    return op.getResult();
  }

private:
  Location loc() { return experts.getLoc(); }

  void mark(Operation *op) {
    for (NamedAttribute attr : experts->getDiscardableAttrs())
      op->setDiscardableAttr(attr.getName(), attr.getValue());
    op->setAttr(plan::kChosenByAttr, chosenBy);
  }

  Type rowType(Value like, RowSet rows, AxesAttr partial) {
    auto type = cast<RankedTensorType>(like.getType());
    return RankedTensorType::get(type.getShape(), type.getElementType(),
                                 rowSharding(axes, rows, type.getRank(), partial));
  }

  SmallVector<Type> types(const Rows &rows, RowSet to) {
    return llvm::map_to_vector(rows, [&](Value value) { return rowType(value, to, {}); });
  }

  OpBuilder &builder;
  moe::ExpertsOp experts;
  const LayoutAxes &axes;
  Method method;
  StringAttr chosenBy;
};
} // namespace

Value shard::buildExperts(OpBuilder &builder, moe::ExpertsOp experts, const LocalExperts &local,
                          Method method, const LayoutAxes &axes) {
  ExpertBuilder build(builder, experts, method, axes);
  const ExpertBuilder::Rows owned = {local.input, local.weights, local.ids};
  if (axes.world.empty())
    return build.ffn(owned, local, RowSet::Owned);
  switch (method) {
  case Method::AllGather: {
    Value partial =
        build.ffn(build.allGather(owned, RowSet::Received, axes.world), local, RowSet::Received);
    return build.reduceScatter(partial, RowSet::Owned, axes.world, {});
  }
  case Method::FlatEP:
  case Method::HierEP: {
    Value partial =
        build.ffn(build.dispatch(owned, RowSet::Received, axes.world), local, RowSet::Received);
    return build.combine(partial, axes.world);
  }
  case Method::Hybrid:
  case Method::HybridFused: {
    const auto lane = build.dispatch(owned, RowSet::Lane, axes.betweenNodes);
    Value partial =
        build.ffn(build.allGather(lane, RowSet::Received, axes.inNode), local, RowSet::Received);
    Value nodeSum = build.reduceScatter(partial, RowSet::Lane, axes.inNode, axes.betweenNodes);
    return build.combine(nodeSum, axes.betweenNodes);
  }
  }
  llvm_unreachable("all methods are covered");
}
