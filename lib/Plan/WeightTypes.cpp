//===- WeightTypes.cpp - Element types of weights as options --------------===//
#include "mixserve/Plan/WeightTypes.h"

namespace mixserve::planner {

std::optional<WeightChoice> parseWeightChoice(const std::string &weights,
                                              const std::string &quantize, int64_t group,
                                              const std::string &kvCache, std::string &error) {
  WeightChoice choice;
  if (weights == "f32")
    choice.weights = WeightType{MXS_WEIGHT_F32, 0};
  else if (weights == "bf16")
    choice.weights = WeightType{MXS_WEIGHT_BF16, 0};
  else if (!weights.empty() && weights != "auto") {
    error = "weights: '" + weights + "' is not one of auto, f32, bf16" +
            (weights == "int8" || weights == "int4"
                 ? "; expert weights are quantised by quantize=" + weights
                 : "");
    return std::nullopt;
  }
  if (kvCache == "f32" || kvCache == "bf16")
    choice.cache = kvCache == "f32" ? MXS_WEIGHT_F32 : MXS_WEIGHT_BF16;
  else if (!kvCache.empty() && kvCache != "auto") {
    error = "kv-cache: '" + kvCache + "' is not one of auto, f32, bf16";
    return std::nullopt;
  }
  if (group != 0 && group != 32 && group != 128) {
    error = "quantize-group: " + std::to_string(group) + " is neither 32 nor 128";
    return std::nullopt;
  }
  if (quantize.empty()) {
    if (group == 0)
      return choice;
    error = "quantize-group: there is nothing to group without quantize=int8 or quantize=int4";
    return std::nullopt;
  }
  const std::string type = quantize.substr(0, 4), what = quantize.substr(type.size());
  if ((type != "int8" && type != "int4") || (what != "" && what != "-all")) {
    error = "quantize: '" + quantize + "' is not one of int8, int4, int8-all, int4-all";
    return std::nullopt;
  }
  choice.experts =
      WeightType{type == "int8" ? MXS_WEIGHT_I8 : MXS_WEIGHT_I4, group == 0 ? 32 : group};
  if (what == "-all")
    choice.linears = choice.experts;
  return choice;
}

std::string whyGroupsDoNotFit(WeightType type, int64_t k, int64_t parts) {
  if (mxs_weight_split_fits(k, parts, type.group))
    return "";
  return std::string(mxs_weight_type_name(type.element)) + " weights have a scale per " +
         std::to_string(type.group) + " values, which " + std::to_string(parts) + " parts of " +
         std::to_string(k / parts) + " of " + std::to_string(k) + " would cut";
}

} // namespace mixserve::planner
