//===- ModelShape.cpp - Reads a shape file --------------------------------===//
#include "mixserve/Plan/ModelShape.h"

#include "TextFile.h"
#include "YamlReader.h"

namespace mixserve::planner {

void ModelShape::choose(const WeightChoice &choice) {
  if (choice.weights) {
    weights = expertWeights = tableWeights = *choice.weights;
    dtype = mxs_weight_type_name(weights.element);
  }
  if (choice.experts)
    expertWeights = *choice.experts;
  if (choice.linears)
    weights = *choice.linears;
  if (choice.cache)
    dtypeBytes = *choice.cache == MXS_WEIGHT_F32 ? 4 : 2;
}

std::optional<ModelShape> parseModelShape(const std::string &text, const std::string &path,
                                          std::string &error) {
  ModelShape model;
  const bool ok = readYaml(text, path, error, [&](const YamlMap &top) {
    top.allowOnly({"schema", "name", "source", "dtype", "vocab", "hidden", "layers", "heads",
                   "kv_heads", "head_dim", "qk_norm", "experts", "top_k", "ffn"});
    if (top.text("schema") != "mixserve.model/v1")
      top.fail(top.at("schema"), "schema",
               "expected mixserve.model/v1, got '" + top.text("schema") + "'");
    constexpr int64_t largest = 1 << 24;
    model.vocab = top.count("vocab", largest);
    model.hidden = top.count("hidden", largest);
    model.layers = top.count("layers", largest);
    model.heads = top.count("heads", largest);
    model.kvHeads = top.count("kv_heads", largest);
    model.headDim = top.count("head_dim", largest);
    model.experts = top.count("experts", largest);
    model.topK = top.count("top_k", largest);
    model.ffn = top.count("ffn", largest);
    model.qkNorm = top.has("qk_norm") && top.flag("qk_norm");
    model.dtype = top.text("dtype");
    if (model.dtype != "f32" && model.dtype != "bf16" && model.dtype != "f16")
      top.fail(top.at("dtype"), "dtype", "expected f32, bf16 or f16, got '" + model.dtype + "'");
    model.dtypeBytes = model.dtype == "f32" ? 4 : 2;
    model.wire = model.dtype == "bf16" ? WireType::BF16 : WireType::F32;
    // f16 weights have as many bytes as bf16 ones.
    model.weights.element = model.dtype == "f32" ? MXS_WEIGHT_F32 : MXS_WEIGHT_BF16;
    model.expertWeights = model.tableWeights = model.weights;
    if (model.topK > model.experts)
      top.fail(top.at("top_k"), "top_k", "exceeds the number of experts");
    if (model.heads % model.kvHeads != 0)
      top.fail(top.at("kv_heads"), "kv_heads", "must divide heads");
  });
  if (!ok)
    return std::nullopt;
  return model;
}

std::optional<ModelShape> readModelShape(const std::string &path, std::string &error) {
  const std::optional<std::string> text = readTextFile(path, "shape file", error);
  if (!text)
    return std::nullopt;
  return parseModelShape(*text, path, error);
}

} // namespace mixserve::planner
