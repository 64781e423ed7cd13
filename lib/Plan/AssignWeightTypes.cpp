//===- AssignWeightTypes.cpp - Layout and element type of every weight ----===//
#include "mixserve/Plan/Passes.h"
#include "mixserve/Plan/WeightTypes.h"

#include "dialects/moe/MoEDialect.h"
#include "dialects/nn/WeightPacking.h"

using namespace mlir;

namespace mixserve {
#define GEN_PASS_DEF_ASSIGNWEIGHTTYPES
#include "mixserve/Plan/Passes.h.inc"
namespace {

using planner::WeightChoice;
using planner::WeightType;

/// The type in which the model's files have a parameter, if the artifact has it; f32 holds all others.
WeightType ownType(nn::ParamOp param) {
  return {nn::isBf16InModel(param) ? MXS_WEIGHT_BF16 : MXS_WEIGHT_F32, 0};
}

nn::Packing packingOf(OpOperand &use, nn::ParamOp param, const WeightChoice &choice) {
  auto make = [&](nn::Pack layout, WeightType type) {
    return nn::Packing{layout, static_cast<nn::WeightType>(type.element), type.group};
  };
  Operation *user = use.getOwner();
  const WeightType type = choice.weights.value_or(ownType(param));
  if (auto linear = dyn_cast<nn::LinearOp>(user); linear && use.get() == linear.getWeight())
    // Rounded scores choose other experts, and the router's weight is small: it is never rounded.
    return make(nn::Pack::N64,
                moe::isRouter(linear) ? WeightType{} : choice.linears.value_or(type));
  if (auto embedding = dyn_cast<nn::EmbeddingOp>(user);
      embedding && use.get() == embedding.getTable())
    return make(nn::Pack::Plain, type);
  if (isa<nn::LatentAttentionOp>(user))
    return make(nn::Pack::N64, type);
  if (isa<moe::ExpertsOp, moe::ExpertFfnOp>(user))
    return make(nn::Pack::N64, choice.experts.value_or(type));
  return make(nn::Pack::Plain, {});
}

void assignCache(ModuleOp module, mxs_weight_type_t type, bool isAsked) {
  module.walk([&](Operation *op) {
    if (nn::cacheOf(op) && (isAsked || !op->hasAttr(nn::kCacheElementAttr)))
      op->setAttr(nn::kCacheElementAttr,
                  StringAttr::get(op->getContext(), mxs_weight_type_name(type)));
  });
}

struct AssignWeightTypes : impl::AssignWeightTypesBase<AssignWeightTypes> {
  using AssignWeightTypesBase::AssignWeightTypesBase;

  void runOnOperation() override {
    if (failed(assign(getOperation())))
      signalPassFailure();
  }

  LogicalResult assign(ModuleOp module) {
    std::string error;
    const std::optional<WeightChoice> choice =
        planner::parseWeightChoice(weights, quantize, quantizeGroup, kvCache, error);
    if (!choice)
      return emitError(module.getLoc(), error);
    // What a person wrote into the IR stands unless an option says otherwise.
    const bool isAsked = choice->weights || choice->experts;
    SymbolTable symbols(module);
    llvm::DenseMap<nn::ParamOp, nn::Packing> assigned;
    bool isBf16 = true; // all matrices of linears and experts, in the model
    WalkResult walk = module.walk([&](nn::ParamRefOp ref) {
      auto param = symbols.lookup<nn::ParamOp>(ref.getParam());
      if (param.getPack() && !isAsked && !assigned.contains(param))
        return WalkResult::advance();
      for (OpOperand &use : ref->getUses()) {
        const nn::Packing packing = packingOf(use, param, *choice);
        if (packing.layout == nn::Pack::N64 && ownType(param).element != MXS_WEIGHT_BF16)
          isBf16 = false;
        auto [known, isNew] = assigned.try_emplace(param, packing);
        if (!isNew && known->second != packing) {
          use.getOwner()->emitOpError("reads parameter @")
              << param.getSymName() << " as " << packing.str() << ", another op as " << known->second.str()
              << "; it can be packed one way only: give it two names";
          return WalkResult::interrupt();
        }
        nn::setPacking(param, packing);
      }
      return WalkResult::advance();
    });
    assignCache(module, choice->cache.value_or(isBf16 && !assigned.empty() ? MXS_WEIGHT_BF16
                                                                           : MXS_WEIGHT_F32),
                choice->cache.has_value());
    return failure(walk.wasInterrupted());
  }
};

} // namespace
} // namespace mixserve
