//===- VerifySharded.cpp - Nothing global is left, no collective missing ----===//
#include "RuleInference.h"
#include "dialects/nn/NNDialect.h"
#include "mixserve/Shard/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mixserve {
#define GEN_PASS_DEF_VERIFYSHARDED
#include "mixserve/Shard/Passes.h.inc"
} // namespace mixserve

using namespace mlir;

namespace mixserve {
namespace {

using plan::RowSet;
using plan::ShardingAttr;
using shard::LayoutAxes;

struct VerifySharded : impl::VerifyShardedBase<VerifySharded> {
  void runOnOperation() override {
    FailureOr<LayoutAxes> axes = LayoutAxes::of(getOperation());
    if (failed(axes))
      return signalPassFailure();
    SymbolTable symbols(getOperation());
    for (auto func : getOperation().getOps<func::FuncOp>())
      if (failed(checkFunction(func, *axes, symbols)))
        return signalPassFailure();
  }

  LogicalResult checkFunction(func::FuncOp func, const LayoutAxes &axes, SymbolTable &symbols) {
    if (!func->hasAttr(plan::kMethodAttr))
      return func.emitError("(V1) function on global types is left: it has no '") << plan::kMethodAttr << "'";
    WalkResult walk = func.getBody().walk([&](Operation *op) {
      return failed(checkOp(op, axes, symbols)) ? WalkResult::interrupt() : WalkResult::advance();
    });
    return failure(walk.wasInterrupted());
  }

  LogicalResult checkOp(Operation *op, const LayoutAxes &axes, SymbolTable &symbols) {
    if (isa<moe::ExpertsOp>(op))
      return op->emitOpError("(V1) is global, expected moe.expert_ffn and collectives");
    if (auto ref = dyn_cast<nn::ParamRefOp>(op))
      return checkParam(ref, axes, symbols);
    for (Value result : op->getResults())
      if (failed(checkRows(op, result, axes)))
        return failure();
    if (isa_and_nonnull<coll::CollDialect>(op->getDialect()))
      return success(); // their own verifiers say which rows and sums they take
    for (Value operand : op->getOperands())
      if (ShardingAttr sharding = ShardingAttr::of(operand); sharding && !sharding.getPartial().empty())
        return op->emitOpError("(V3) uses a value that is a partial sum over ")
               << sharding.getPartial() << ": a collective is missing";
    if (isa<func::ReturnOp>(op))
      return checkReturn(op);
    return checkRule(op, axes, symbols);
  }

  LogicalResult checkParam(nn::ParamRefOp ref, const LayoutAxes &axes, SymbolTable &symbols) {
    auto param = symbols.lookup<nn::ParamOp>(ref.getParam());
    ShardingAttr sharding = param.getShardingAttrOrNull();
    if (!sharding)
      return ref.emitOpError("(V5) parameter @") << ref.getParam() << " has no sharding";
    RankedTensorType local = shard::localType(param.getTensorType(), sharding, axes.mesh);
    if (ref.getResult().getType() != local)
      return ref.emitOpError("(V5) expected the local type ") << local << ", got " << ref.getResult().getType();
    return success();
  }

  LogicalResult checkRows(Operation *op, Value result, const LayoutAxes &axes) {
    auto type = dyn_cast<RankedTensorType>(result.getType());
    if (!type)
      return success();
    ShardingAttr sharding = ShardingAttr::of(type);
    if (!sharding || sharding.getRows() == RowSet::None ||
        static_cast<int64_t>(sharding.getDims().size()) != type.getRank())
      return op->emitOpError("(V2) activation carries no sharding: ") << type;
    if (sharding.getDims()[0] != axes.rowAxes(sharding.getRows()))
      return op->emitOpError("(V2) ") << stringifyRowSet(sharding.getRows()) << " rows lie over "
                                      << axes.rowAxes(sharding.getRows()) << ", got " << sharding;
    return success();
  }

  LogicalResult checkReturn(Operation *op) {
    for (Value value : op->getOperands()) {
      ShardingAttr sharding = ShardingAttr::of(value);
      if (!sharding || sharding.getRows() != RowSet::Asked)
        return op->emitOpError("(V6) a step returns the asked rows, got ") << value.getType();
    }
    return success();
  }

  LogicalResult checkRule(Operation *op, const LayoutAxes &axes, SymbolTable &symbols) {
    SmallVector<ShardingAttr> operands;
    for (Value operand : op->getOperands()) {
      auto ref = operand.getDefiningOp<nn::ParamRefOp>();
      operands.push_back(ref ? symbols.lookup<nn::ParamOp>(ref.getParam()).getShardingAttrOrNull()
                             : ShardingAttr::of(operand));
    }
    const ShardingAttr first = op->getNumResults() ? ShardingAttr::of(op->getResult(0)) : ShardingAttr();
    std::string reason;
    FailureOr<SmallVector<ShardingAttr>> expected =
        shard::inferResults(op, operands, axes, first ? first.getRows() : RowSet::None, reason);
    if (failed(expected))
      return op->emitOpError("(V4) ") << reason << ": a collective is missing";
    for (auto [result, sharding] : llvm::zip_equal(op->getResults(), *expected))
      if (ShardingAttr::of(result) != sharding)
        return op->emitOpError("(V4) operands give ")
               << sharding << ", the result has " << ShardingAttr::of(result) << ": a collective is missing";
    return success();
  }
};

} // namespace
} // namespace mixserve
