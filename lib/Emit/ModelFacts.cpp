//===- ModelFacts.cpp - What the runtime must know of the model -------------===//
#include "ModelFacts.h"
#include "dialects/moe/MoEDialect.h"
#include "dialects/nn/NNDialect.h"
#include "dialects/nn/WeightPacking.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/SymbolTable.h"
#include <map>
#include <set>
#include <tuple>

using namespace mlir;
using namespace mixserve;

namespace {

class FactCollector {
public:
  explicit FactCollector(ModuleOp module) : module(module), symbols(module) {}

  FailureOr<ModelFacts> run() {
    for (auto func : module.getOps<func::FuncOp>())
      if (func->hasAttr(plan::kMethodAttr) && failed(collectStep(func)))
        return failure();
    if (facts.vocab == 0 || moe.empty())
      return module.emitError("has no ") << (moe.empty() ? "MoE layer" : "embedding") << "; nothing to serve";
    if (failed(collectEos()))
      return failure();
    facts.layers = layers.size();
    facts.moeLayers.assign(moe.begin(), moe.end());
    for (auto &[number, cache] : caches) {
      if (number != static_cast<int64_t>(facts.caches.size()))
        return module.emitError("caches must be numbered 0, 1, ..., but ") << facts.caches.size() << " is missing";
      facts.caches.push_back(cache);
    }
    return facts;
  }

private:
  LogicalResult collectEos() {
    Attribute attribute = module->getAttr(nn::kEosAttr);
    auto ids = dyn_cast_if_present<DenseI64ArrayAttr>(attribute);
    if (attribute && !ids)
      return module.emitError("'") << nn::kEosAttr << "' is " << attribute << ", expected array<i64>";
    for (int64_t id : ids ? ids.asArrayRef() : ArrayRef<int64_t>()) {
      if (id < 0 || id >= facts.vocab)
        return module.emitError("the end-of-sequence id ")
               << id << " is outside the vocabulary of " << facts.vocab
               << " tokens; correct eos_token_id in the JSON files beside the model";
      facts.eos.push_back(id);
    }
    return success();
  }

  LogicalResult collectStep(func::FuncOp step) {
    auto logits = dyn_cast<RankedTensorType>(step.getResultTypes().empty() ? Type() : step.getResultTypes()[0]);
    if (logits && logits.getRank() == 2)
      facts.vocabLocal = logits.getDimSize(1);
    WalkResult walk = step.walk([&](Operation *op) {
      if (auto layer = op->getAttrOfType<IntegerAttr>(nn::kLayerAttr))
        layers.insert(layer.getInt());
      if (auto embedding = dyn_cast<nn::EmbeddingOp>(op))
        collectEmbedding(embedding);
      if (nn::cacheOf(op))
        return WalkResult(collectAttention(op));
      if (auto experts = dyn_cast<moe::ExpertFfnOp>(op))
        return WalkResult(collectExperts(experts));
      return WalkResult::advance();
    });
    return failure(walk.wasInterrupted());
  }

  /// The whole parameter behind a reference; null for another value.
  nn::ParamOp paramOf(Value value) {
    auto ref = value.getDefiningOp<nn::ParamRefOp>();
    return ref ? symbols.lookup<nn::ParamOp>(ref.getParam()) : nn::ParamOp();
  }

  void collectEmbedding(nn::EmbeddingOp op) {
    if (nn::ParamOp table = paramOf(op.getTable())) {
      facts.vocab = table.getTensorType().getDimSize(0);
      facts.hidden = table.getTensorType().getDimSize(1);
    }
  }

  /// Heads of the whole model: rows of the weight that queries (or keys) come from, by head size.
  int64_t wholeHeads(Value rows, int64_t headDim) {
    while (Operation *op = rows.getDefiningOp()) {
      if (auto linear = dyn_cast<nn::LinearOp>(op)) {
        nn::ParamOp weight = paramOf(linear.getWeight());
        return weight ? weight.getTensorType().getDimSize(0) / headDim : 0;
      }
      if (!isa<nn::RmsNormOp, nn::RopeOp>(op))
        return 0;
      rows = op->getOperand(0);
    }
    return 0;
  }

  LogicalResult collectAttention(Operation *op) {
    auto layer = op->getAttrOfType<IntegerAttr>(nn::kLayerAttr);
    auto element = op->getAttrOfType<StringAttr>(nn::kCacheElementAttr);
    CacheFacts cache;
    cache.layer = layer ? layer.getInt() : -1;
    cache.element = element ? element.str() : "f32";
    if (cache.element != "f32" && cache.element != "bf16")
      return op->emitError("caches keys and values as '") << cache.element << "'; only f32 and bf16 can be";
    if (cache.layer < 0)
      return op->emitError("attention belongs to no layer (no '") << nn::kLayerAttr << "')";
    if (auto latent = dyn_cast<nn::LatentAttentionOp>(op))
      collectLatent(latent, cache);
    else
      collectHeads(cast<nn::AttentionOp>(op), cache);
    auto sizes = [](const CacheFacts &c) {
      return std::make_tuple(c.layer, c.kvHeads, c.headDim, c.latentDim, c.ropeDim);
    };
    auto [it, isNew] = caches.try_emplace(*nn::cacheOf(op), cache);
    if (!isNew && sizes(it->second) != sizes(cache))
      return op->emitError("cache ") << *nn::cacheOf(op) << " is already one of layer " << it->second.layer;
    return success();
  }

  void collectHeads(nn::AttentionOp op, CacheFacts &cache) {
    cache.kvHeads = op.getKvHeads();
    cache.headDim = op.getHeadDim();
    if (facts.headDim != 0)
      return;
    facts.headDim = cache.headDim;
    facts.heads = wholeHeads(op.getQ(), cache.headDim);
    facts.kvHeads = wholeHeads(op.getK(), cache.headDim);
  }

  void collectLatent(nn::LatentAttentionOp op, CacheFacts &cache) {
    cache.latentDim = op.getLatentDim();
    cache.ropeDim = op.getRopeDim();
    cache.heads = op.getHeads();
    cache.nopeDim = op.getQNope().getType().getDimSize(1) / cache.heads;
    cache.valueDim = op.getResult().getType().getDimSize(1) / cache.heads;
    if (facts.headDim != 0)
      return;
    nn::ParamOp weight = paramOf(op.getWUk());
    facts.headDim = op.getWUk().getType().getDimSize(1) + cache.ropeDim;
    facts.heads = weight ? weight.getTensorType().getDimSize(0) / cache.latentDim : 0;
    facts.kvHeads = 1;
  }

  LogicalResult collectExperts(moe::ExpertFfnOp op) {
    nn::ParamOp gate = paramOf(op.getGate());
    if (!gate)
      return op.emitError("expert weights must be parameters");
    const int64_t experts = gate.getTensorType().getDimSize(0), topK = op.getIds().getType().getDimSize(1);
    if (facts.experts != 0 && (facts.experts != experts || facts.topK != topK))
      return op.emitError("has ") << experts << " experts and top " << topK << ", a layer before it " << facts.experts
                                  << " and " << facts.topK << "; all MoE layers must agree";
    facts.experts = experts;
    facts.topK = topK;
    if (auto layer = op->getAttrOfType<IntegerAttr>(nn::kLayerAttr))
      moe.insert(layer.getInt());
    return success();
  }

  ModuleOp module;
  SymbolTable symbols;
  ModelFacts facts;
  std::set<int64_t> layers, moe;
  std::map<int64_t, CacheFacts> caches;
};

} // namespace

FailureOr<ModelFacts> mixserve::collectFacts(ModuleOp fused) { return FactCollector(fused).run(); }
