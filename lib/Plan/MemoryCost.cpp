//===- MemoryCost.cpp - What one rank must hold ---------------------------===//
#include "mixserve/Plan/MemoryCost.h"

#include <algorithm>

namespace mixserve::planner {

/// q_nope, q_rope, latent, rope, output; W_uk and W_uv, which are never quantised.
static double latentWeightBytes(const ModelShape &model, int64_t heads) {
  const auto bytes = [&](int64_t n, int64_t k) { return packedBytes(model.weights, n, k); };
  const auto whole = [&](int64_t n, int64_t k) { return packedBytes(model.tableWeights, n, k); };
  return bytes(heads * model.headDim, model.hidden) + bytes(heads * model.ropeDim, model.hidden) +
         bytes(model.latentDim, model.hidden) + bytes(model.ropeDim, model.hidden) +
         whole(heads * model.latentDim, model.headDim) + whole(heads * model.valueDim, model.latentDim) +
         bytes(model.hidden, heads * model.valueDim);
}

double attentionWeightBytes(const ModelShape &model, const Layout &layout) {
  if (model.isLatent())
    return latentWeightBytes(model, model.heads / layout.attnTp);
  const int64_t queries = model.heads / layout.attnTp * model.headDim,
                keys = model.localKvHeads(layout.attnTp) * model.headDim;
  return packedBytes(model.weights, queries, model.hidden) +
         packedBytes(model.weights, model.hidden, queries) +
         2 * packedBytes(model.weights, keys, model.hidden);
}

double routerBytes(const ModelShape &model) {
  return packedBytes(WeightType{}, model.experts, model.hidden);
}

double expertBytes(const ModelShape &model, const Layout &layout) {
  const int64_t ffn = model.ffn / layout.moeTp;
  return 2 * packedBytes(model.expertWeights, ffn, model.hidden) +
         packedBytes(model.expertWeights, model.hidden, ffn);
}

double headBytes(const ModelShape &model, const Layout &layout) {
  return packedBytes(model.weights, model.vocab / layout.attnTp, model.hidden);
}

static double tableBytes(WeightType type, int64_t rows, int64_t width) {
  return double(rows) * width * (type.element == MXS_WEIGHT_F32 ? 4 : 2);
}

Memory memoryPerRank(const ModelShape &model, const Layout &layout, const Limits &limits) {
  const double hidden = model.hidden, headDim = model.headDim, rows = limits.maxBatchTokens;
  const double heads = double(model.heads) / layout.attnTp,
               kvHeads = model.localKvHeads(layout.attnTp);
  const double vocab = double(model.vocab) / layout.attnTp, ffn = double(model.ffn) / layout.moeTp;
  const double experts = (model.experts + layout.moeEp - 1) / layout.moeEp;

  const int64_t localVocab = model.vocab / layout.attnTp;
  double layer = attentionWeightBytes(model, layout) + routerBytes(model);
  layer += 4 * (2 * hidden + (model.qkNorm ? 2 * headDim : 0));
  layer += experts * expertBytes(model, layout);

  Memory memory;
  memory.weights = tableBytes(model.tableWeights, localVocab, model.hidden) +
                   headBytes(model, layout) + 4 * hidden +
                   model.layers * layer;
  memory.cache = double(model.dtypeBytes) * model.layers * limits.maxSeqs * limits.maxContext *
                 model.cacheWidth(layout.attnTp);
  const double attention =
      model.isLatent() ? heads * (headDim + model.ropeDim + model.valueDim) + model.latentDim + model.ropeDim
                       : headDim * (heads + 2 * kvHeads);
  memory.buffers = 4 * rows * 2 * (hidden + 2 * model.topK + 1);
  memory.workspace = 4 * rows *
                     (2 * hidden + attention +
                      std::min<double>(model.topK, experts) * (2 * hidden + 2 * ffn) + vocab);
  return memory;
}

} // namespace mixserve::planner
