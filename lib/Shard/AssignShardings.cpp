//===- AssignShardings.cpp - Gives every parameter its place on the mesh ----===//
#include "LayoutAxes.h"
#include "ParamRoles.h"
#include "mixserve/Shard/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mixserve {
#define GEN_PASS_DEF_ASSIGNSHARDINGS
#include "mixserve/Shard/Passes.h.inc"
} // namespace mixserve

using namespace mlir;

namespace mixserve {
namespace {

using plan::AxesAttr;
using plan::ShardingAttr;
using shard::LayoutAxes;
using shard::ParamRole;
using shard::ParamUse;

/// A choice and who made it.
struct Choice {
  ShardingAttr sharding;
  StringRef chosenBy;
};

//===----------------------------------------------------------------------===//
// (S1) .. (S5): does the model divide?
//===----------------------------------------------------------------------===//

LogicalResult checkAttention(Operation *op, const LayoutAxes &axes) {
  auto attention = dyn_cast<nn::AttentionOp>(op); // latent: every rank has the rows that all heads read
  const int64_t tp = axes.layout.getAttnTp();
  const int64_t heads = attention ? attention.getHeads() : cast<nn::LatentAttentionOp>(op).getHeads();
  const int64_t kvHeads = attention ? attention.getKvHeads() : 1;
  if (heads % tp != 0)
    return op->emitOpError("(S1) ") << heads << " heads do not divide over attn_tp = " << tp
                                    << "; choose an attn_tp that divides " << heads;
  if (failed(axes.kvAxes(kvHeads)))
    return op->emitOpError("(S2) ") << kvHeads << " KV heads neither divide over attn_tp = " << tp
                                   << " nor are copied evenly by it; choose an attn_tp that divides, or is "
                                      "a multiple of, "
                                   << kvHeads;
  return success();
}

LogicalResult checkExperts(moe::ExpertsOp op, const LayoutAxes &axes) {
  auto gate = op.getGate().getType();
  const int64_t experts = gate.getDimSize(0), ffn = gate.getDimSize(1);
  const int64_t tp = axes.layout.getMoeTp(), ep = axes.layout.getMoeEp();
  if (ffn % tp != 0)
    return op.emitOpError("(S3) F = ") << ffn << " does not divide over moe_tp = " << tp
                                       << "; choose a moe_tp that divides " << ffn;
  if (experts < ep)
    return op.emitOpError("(S5) ") << experts << " experts are fewer than moe_ep = " << ep
                                   << ": a rank would hold none; choose a moe_ep of at most " << experts;
  return success();
}

/// (S4) `table` is [V,H].
LogicalResult checkVocabulary(Operation *op, RankedTensorType table, const LayoutAxes &axes) {
  const int64_t vocabulary = table.getDimSize(0), tp = axes.layout.getAttnTp();
  if (vocabulary % tp != 0)
    return op->emitOpError("(S4) V = ") << vocabulary << " does not divide over attn_tp = " << tp
                                        << "; choose an attn_tp that divides " << vocabulary;
  return success();
}

LogicalResult checkUse(Operation *user, ParamUse use, RankedTensorType type, const LayoutAxes &axes) {
  switch (use.role) {
  case ParamRole::Embedding:
  case ParamRole::LmHead:
    return checkVocabulary(user, type, axes);
  case ParamRole::Query:
  case ParamRole::KeyValue:
  case ParamRole::LatentHeads:
  case ParamRole::LatentRow:
  case ParamRole::AttentionOutput:
    return checkAttention(use.attention, axes);
  case ParamRole::ExpertIn:
  case ParamRole::ExpertDown:
    return checkExperts(cast<moe::ExpertsOp>(user), axes);
  case ParamRole::Norm:
  case ParamRole::Router:
    return success();
  }
  llvm_unreachable("all roles are covered");
}

//===----------------------------------------------------------------------===//
// The choice
//===----------------------------------------------------------------------===//

/// How a parameter of `rank` dimensions lies, given what it is for. The use was checked.
Choice choose(ParamUse use, int64_t rank, const LayoutAxes &axes) {
  MLIRContext *context = axes.mesh.getContext();
  const AxesAttr none = AxesAttr::get(context, {});
  SmallVector<AxesAttr> dims(rank, none);
  StringRef chosenBy = "replicated";
  switch (use.role) {
  case ParamRole::Embedding:
  case ParamRole::LmHead:
  case ParamRole::Query:
  case ParamRole::LatentHeads:
    dims[0] = axes.attnTp;
    chosenBy = "layout attn_tp";
    break;
  case ParamRole::KeyValue:
    dims[0] = *axes.kvAxes(cast<nn::AttentionOp>(use.attention).getKvHeads());
    chosenBy = "layout attn_tp";
    break;
  case ParamRole::AttentionOutput:
    dims[1] = axes.attnTp;
    chosenBy = "layout attn_tp";
    break;
  case ParamRole::ExpertIn:
    dims[0] = axes.moeEp;
    dims[1] = axes.moeTp;
    chosenBy = "layout moe_ep, moe_tp";
    break;
  case ParamRole::ExpertDown:
    dims[0] = axes.moeEp;
    dims[2] = axes.moeTp;
    chosenBy = "layout moe_ep, moe_tp";
    break;
  case ParamRole::LatentRow:
  case ParamRole::Norm:
  case ParamRole::Router:
    break;
  }
  return {ShardingAttr::get(context, dims, none, plan::RowSet::None), chosenBy};
}

struct AssignShardings : impl::AssignShardingsBase<AssignShardings> {
  void runOnOperation() override {
    FailureOr<LayoutAxes> axes = LayoutAxes::of(getOperation());
    if (failed(axes))
      return signalPassFailure();
    SymbolTable symbols(getOperation());
    llvm::DenseMap<nn::ParamOp, ShardingAttr> assigned;
    WalkResult walk = getOperation().walk([&](nn::ParamRefOp ref) {
      auto func = ref->getParentOfType<func::FuncOp>();
      if (func && func->hasAttr(plan::kMethodAttr))
        return WalkResult::advance(); // partitioned: its types follow the shardings already
      auto param = symbols.lookup<nn::ParamOp>(ref.getParam());
      for (OpOperand &use : ref->getUses())
        if (failed(assign(param, use, *axes, assigned)))
          return WalkResult::interrupt();
      return WalkResult::advance();
    });
    if (walk.wasInterrupted())
      signalPassFailure();
  }

  LogicalResult assign(nn::ParamOp param, OpOperand &use, const LayoutAxes &axes,
                       llvm::DenseMap<nn::ParamOp, ShardingAttr> &assigned) {
    Operation *user = use.getOwner();
    FailureOr<ParamUse> found = shard::roleOf(use);
    if (failed(found))
      return (user->emitOpError("(S8) uses parameter @")
              << param.getSymName() << " in a way that no layout covers")
                 .attachNote(param.getLoc())
             << "known are embedding, norms, attention's linears, router, experts and lm_head";
    RankedTensorType type = param.getTensorType();
    if (failed(checkUse(user, *found, type, axes)))
      return failure();
    const Choice choice = choose(*found, type.getRank(), axes);
    auto [known, isNew] = assigned.try_emplace(param, choice.sharding);
    if (!isNew && known->second != choice.sharding)
      return user->emitOpError("(S8) wants parameter @")
             << param.getSymName() << " as " << choice.sharding << ", another use as " << known->second;
    param.setShardingAttr(choice.sharding);
    param->setAttr(plan::kChosenByAttr, StringAttr::get(&getContext(), choice.chosenBy));
    return success();
  }
};

} // namespace
} // namespace mixserve
