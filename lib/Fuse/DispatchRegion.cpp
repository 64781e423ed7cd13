//===- DispatchRegion.cpp - What goes into a fused dispatch -----------------===//
#include "DispatchRegion.h"
#include "FusedBody.h"
#include "dialects/moe/MoEDialect.h"
#include "dialects/nn/NNDialect.h"

using namespace mlir;
using namespace mixserve;
using namespace mixserve::fuse;
using plan::RowSet;
using plan::ShardingAttr;

/// The router's linear is small and its result is needed to know where rows go. Other linears stay
/// outside: they run once for the whole batch.
static bool isRouterLinear(nn::LinearOp linear) {
  return llvm::all_of(linear->getUsers(), [](Operation *user) { return isa<moe::RouteOp>(user); });
}

/// True if `op`, which computes an input of the dispatch, goes into its region.
static bool belongs(Operation *op, coll::DispatchOp dispatch) {
  if (!op || op->getBlock() != dispatch->getBlock() || !coll::isRowWise(op))
    return false;
  if (op->getAttr(nn::kLayerAttr) != dispatch->getAttr(nn::kLayerAttr))
    return false;
  if (auto linear = dyn_cast<nn::LinearOp>(op); linear && !isRouterLinear(linear))
    return false;
  return llvm::any_of(op->getOperands(), isRows);
}

/// Ops that `dispatch` needs and that belong, in program order.
static SmallVector<Operation *> collectOps(coll::DispatchOp dispatch) {
  llvm::SetVector<Operation *> found;
  SmallVector<Value> open(dispatch->getOperands());
  while (!open.empty()) {
    Operation *op = open.pop_back_val().getDefiningOp();
    if (belongs(op, dispatch) && found.insert(op))
      llvm::append_range(open, op->getOperands());
  }
  SmallVector<Operation *> ops = found.takeVector();
  llvm::sort(ops, [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  return ops;
}

namespace {
/// Tells apart who uses a value of the region.
struct Uses {
  const llvm::SmallPtrSetImpl<Operation *> &inside;
  coll::DispatchOp dispatch;
  coll::AllGatherOp gather;

  /// A user that is neither in the region nor the dispatch.
  bool isOther(Operation *user) const { return user != dispatch && !inside.contains(user); }
  bool isKept(Value value) const {
    return llvm::any_of(value.getUsers(), [&](Operation *user) { return isOther(user); });
  }
  /// One that would stand before the fused op that makes the value.
  Operation *tooEarly(Value value) const {
    for (Operation *user : value.getUsers())
      if (isOther(user) && user->getBlock() == gather->getBlock() && user->isBeforeInBlock(gather))
        return user;
    return nullptr;
  }
};
} // namespace

/// The reduce_scatter of attention's partial sum among the inputs, if there is one.
static coll::ReduceScatterOp attentionSum(const llvm::SetVector<Value> &inputs, coll::DispatchOp dispatch) {
  for (Value input : inputs)
    if (auto reduce = input.getDefiningOp<coll::ReduceScatterOp>();
        reduce && reduce.getSite() == coll::Site::AttnRs &&
        reduce->getAttr(nn::kLayerAttr) == dispatch->getAttr(nn::kLayerAttr))
      return reduce;
  return {};
}

FailureOr<DispatchRegion> DispatchRegion::of(coll::DispatchOp dispatch, coll::AllGatherOp gather,
                                             plan::MeshAttr mesh, std::string &reason) {
  DispatchRegion region;
  region.ops = collectOps(dispatch);
  if (region.ops.empty()) {
    reason = "(F5) no row-wise op computes what is dispatched";
    return failure();
  }
  const llvm::SmallPtrSet<Operation *, 8> inside(region.ops.begin(), region.ops.end());
  auto addInput = [&](Value value) {
    if (isRows(value) && !inside.contains(value.getDefiningOp()))
      region.inputs.insert(value);
  };
  for (Operation *op : region.ops)
    llvm::for_each(op->getOperands(), addInput);
  llvm::for_each(dispatch->getOperands(), addInput);
  for (Value input : region.inputs)
    if (ShardingAttr::of(input).getRows() != RowSet::Owned || !ShardingAttr::of(input).getPartial().empty()) {
      reason = "(F5) the region needs owned rows, one input has " +
               stringifyRowSet(ShardingAttr::of(input).getRows()).str() + " rows";
      return failure();
    }

  if (coll::ReduceScatterOp sum = attentionSum(region.inputs, dispatch))
    (isInsideNode(sum.getOver(), mesh) ? region.reduce : region.spanningReduce) = sum;
  const Uses uses{inside, dispatch, gather};
  SmallVector<Value> made;
  if (region.reduce) {
    made.push_back(region.reduce.getResult());
    // The first input is the one that is reduced.
    llvm::SetVector<Value> ordered;
    ordered.insert(region.reduce.getResult());
    ordered.insert(region.inputs.begin(), region.inputs.end());
    region.inputs = std::move(ordered);
  }
  for (Operation *op : region.ops)
    llvm::append_range(made, op->getResults());
  for (Value value : made) {
    if (Operation *user = uses.tooEarly(value)) {
      reason = "(F4) '" + user->getName().getStringRef().str() + "' uses rows of the region before they "
               "have been dispatched";
      return failure();
    }
    if (uses.isKept(value))
      region.kept.push_back(value);
  }
  return region;
}
