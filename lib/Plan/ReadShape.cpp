//===- ReadShape.cpp - A model's shape from its IR ------------------------===//
#include "mixserve/Plan/ReadShape.h"

#include "dialects/moe/MoEDialect.h"
#include "dialects/nn/WeightPacking.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;

namespace mixserve {
namespace {

struct Blocks {
  SmallVector<Operation *> attentions; ///< of either kind
  SmallVector<moe::ExpertsOp> experts;
  SmallVector<nn::EmbeddingOp> embeddings;
  nn::LinearOp linear; ///< the first that is no router
  bool qkNorm = false;
};

Blocks collect(func::FuncOp step) {
  Blocks blocks;
  step.walk([&](Operation *op) {
    if (nn::cacheOf(op))
      blocks.attentions.push_back(op);
    else if (auto experts = dyn_cast<moe::ExpertsOp>(op))
      blocks.experts.push_back(experts);
    else if (auto embedding = dyn_cast<nn::EmbeddingOp>(op))
      blocks.embeddings.push_back(embedding);
    else if (auto linear = dyn_cast<nn::LinearOp>(op))
      blocks.linear = blocks.linear || moe::isRouter(linear) ? blocks.linear : linear;
    else if (auto norm = dyn_cast<nn::RmsNormOp>(op))
      blocks.qkNorm |= norm.isPerHead();
  });
  return blocks;
}

/// The sizes of an attention op in the shape.
void readAttention(Operation *op, planner::ModelShape &shape) {
  if (auto attention = dyn_cast<nn::AttentionOp>(op)) {
    shape.heads = attention.getHeads();
    shape.kvHeads = attention.getKvHeads();
    shape.headDim = attention.getHeadDim();
    return;
  }
  auto latent = cast<nn::LatentAttentionOp>(op);
  shape.heads = latent.getHeads();
  shape.kvHeads = 1;
  shape.headDim = latent.getWUk().getType().getDimSize(1);
  shape.latentDim = latent.getLatentDim();
  shape.ropeDim = latent.getRopeDim();
  shape.valueDim = latent.getResult().getType().getDimSize(1) / shape.heads;
}

bool sameHeads(Operation *a, Operation *b) {
  planner::ModelShape first, second;
  readAttention(a, first);
  readAttention(b, second);
  auto sizes = [](const planner::ModelShape &shape) {
    return std::make_tuple(shape.heads, shape.kvHeads, shape.headDim, shape.latentDim, shape.ropeDim,
                           shape.valueDim);
  };
  return sizes(first) == sizes(second);
}

/// Every layer is planned like the first one, so it must look like it.
LogicalResult checkUniform(func::FuncOp step, Blocks &blocks) {
  if (blocks.embeddings.size() != 1)
    return emitError(step.getLoc(), "cannot plan this model: it has ")
           << blocks.embeddings.size() << " nn.embedding ops, expected 1";
  if (blocks.attentions.empty() || blocks.attentions.size() != blocks.experts.size())
    return emitError(step.getLoc(), "cannot plan this model: it has ")
           << blocks.attentions.size() << " nn.attention and " << blocks.experts.size()
           << " moe.experts ops; every layer must have one of each (dense FFN layers are not "
              "planned)";
  for (Operation *attention : blocks.attentions)
    if (!sameHeads(attention, blocks.attentions.front()))
      return emitError(attention->getLoc(),
                       "cannot plan this model: attention sizes differ between layers");
  for (moe::ExpertsOp experts : blocks.experts)
    if (experts.getGate().getType() != blocks.experts.front().getGate().getType() ||
        experts.getIds().getType().getDimSize(1) !=
            blocks.experts.front().getIds().getType().getDimSize(1))
      return emitError(experts.getLoc(),
                       "cannot plan this model: expert sizes differ between layers");
  return success();
}

/// What the weight that `value` refers to is packed as; f32 before that is chosen.
planner::WeightType weightType(Value value) {
  auto ref = value.getDefiningOp<nn::ParamRefOp>();
  auto param = ref ? SymbolTable::lookupNearestSymbolFrom<nn::ParamOp>(ref, ref.getParamAttr())
                   : nn::ParamOp();
  const std::optional<nn::Packing> packing = param ? nn::packingOf(param) : std::nullopt;
  if (!packing)
    return {};
  return {static_cast<mxs_weight_type_t>(packing->element), packing->group};
}

/// Whether all matrices of linears and experts are bf16 in the model, however they will be stored.
bool ownMatricesAreBf16(func::FuncOp step) {
  bool hasAny = false, areAll = true;
  step.walk([&](nn::ParamRefOp ref) {
    auto param = SymbolTable::lookupNearestSymbolFrom<nn::ParamOp>(ref, ref.getParamAttr());
    if (!param || param.getTensorType().getRank() < 2)
      return;
    for (Operation *user : ref->getUsers())
      if (isa<nn::LinearOp, nn::LatentAttentionOp, moe::ExpertsOp>(user)) {
        hasAny = true;
        areAll &= nn::isBf16InModel(param);
      }
  });
  return hasAny && areAll;
}

} // namespace

std::optional<planner::ModelShape> readModelShape(ModuleOp module) {
  auto step = module.lookupSymbol<func::FuncOp>("step");
  if (!step) {
    emitError(module.getLoc(), "there is no func.func @step: run the raise phase first");
    return std::nullopt;
  }
  Blocks blocks = collect(step);
  if (failed(checkUniform(step, blocks)))
    return std::nullopt;
  moe::ExpertsOp experts = blocks.experts.front();
  RankedTensorType table = blocks.embeddings.front().getTable().getType();
  RankedTensorType gate = experts.getGate().getType();
  Type element = gate.getElementType();
  planner::ModelShape shape;
  shape.vocab = table.getDimSize(0);
  shape.hidden = table.getDimSize(1);
  shape.layers = blocks.attentions.size();
  readAttention(blocks.attentions.front(), shape);
  shape.experts = gate.getDimSize(0);
  shape.ffn = gate.getDimSize(1);
  shape.topK = experts.getIds().getType().getDimSize(1);
  if (auto trained = module->getAttrOfType<IntegerAttr>(nn::kTrainedPositionsAttr))
    shape.trainedPositions = trained.getInt();
  shape.qkNorm = blocks.qkNorm;
  shape.dtypeBytes = (element.getIntOrFloatBitWidth() + 7) / 8;
  shape.tableWeights = weightType(blocks.embeddings.front().getTable());
  shape.weights = blocks.linear ? weightType(blocks.linear.getWeight()) : shape.tableWeights;
  shape.expertWeights = weightType(experts.getGate());
  shape.dtype = mxs_weight_type_name(shape.tableWeights.element);
  shape.wire = ownMatricesAreBf16(step) ? planner::WireType::BF16 : planner::WireType::F32;
  return shape;
}

} // namespace mixserve
