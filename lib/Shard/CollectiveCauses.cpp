//===- CollectiveCauses.cpp - Which value made which collective necessary ---===//
#include "CollectiveCauses.h"

using namespace mlir;
using namespace mixserve;
using namespace mixserve::shard;

bool shard::isCollective(Operation *op) {
  return isa_and_nonnull<coll::AllReduceOp, coll::ReduceScatterOp, coll::AllGatherOp, coll::DispatchOp,
                         coll::CombineOp, coll::AgDispatchOp, coll::RsCombineOp, coll::RsCombineAgOp>(op);
}

plan::AxesAttr shard::axesOf(Operation *collective, plan::MeshAttr mesh) {
  auto axes = plan::AxesAttr::get(mesh.getContext(), {});
  for (StringRef name : {"over", "reduce_over", "lanes", "gather"})
    if (auto part = collective->getAttrOfType<plan::AxesAttr>(name))
      axes = unite(mesh, axes, part);
  return axes;
}

Collectives shard::causedBy(Value activation) {
  Collectives found;
  for (Operation *user : activation.getUsers())
    if (isCollective(user))
      found.insert(user);
  return found;
}

/// Adds the chain of collectives that `value` came through.
static void addBefore(Value value, Collectives &found) {
  for (Operation *op = value.getDefiningOp(); isCollective(op); op = op->getOperand(0).getDefiningOp())
    found.insert(op);
}

/// Adds the chain of collectives that `value` goes through.
static void addAfter(Value value, Collectives &found) {
  for (Operation *user : value.getUsers())
    if (isCollective(user) && found.insert(user))
      addAfter(user->getResult(0), found);
}

Collectives shard::causedBy(nn::ParamRefOp ref, plan::ShardingAttr sharding, plan::MeshAttr mesh) {
  Collectives all, found;
  for (Operation *user : ref->getUsers()) {
    for (Value operand : user->getOperands())
      addBefore(operand, all);
    for (Value result : user->getResults())
      addAfter(result, all);
  }
  for (Operation *op : all)
    if (llvm::any_of(sharding.getDims(), [&](plan::AxesAttr split) {
          return overlap(mesh, split, axesOf(op, mesh));
        }))
      found.insert(op);
  return found;
}
