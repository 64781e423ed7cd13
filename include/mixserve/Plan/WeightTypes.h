//===- WeightTypes.h - Element types of weights, and their bytes -*- C++ -*-===//
//
// Bytes of a packed matrix [N,K] are those of runtime/include/mixserve_weights.h: N is padded to
// 64, K to 1, 2, 4 or 8, and int8 and int4 have 2 bytes of scale per `group` values. Worked: [65,96]
// in int8 with groups of 32: 2 * 64 * 96 + 2 * 3 * 64 * 2 = 13056.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_PLAN_WEIGHTTYPES_H
#define MIXSERVE_PLAN_WEIGHTTYPES_H

#include "runtime/include/mixserve_weights.h"

#include <cstdint>
#include <optional>
#include <string>

namespace mixserve::planner {

/// How a weight's elements are stored.
struct WeightType {
  mxs_weight_type_t element = MXS_WEIGHT_F32;
  int64_t group = 0; ///< values along K that share a scale; 0 in a type without scales
};

inline double packedBytes(WeightType type, int64_t n, int64_t k) {
  return double(mxs_weight_data_bytes(type.element, n, k)) +
         double(mxs_weight_scale_bytes(type.element, n, k, type.group));
}

/// What the user asked for; what is not set is as the model has it.
struct WeightChoice {
  std::optional<WeightType> weights; ///< all matrices but the router's
  std::optional<WeightType> experts; ///< expert weights only; wins over `weights`
  std::optional<WeightType> linears; ///< of attention and lm_head only; wins over `weights`
  std::optional<mxs_weight_type_t> cache; ///< of keys and values: F32 or BF16
};

/// `weights`: "", auto, f32 or bf16. `quantize`: "", int8 or int4, of expert weights; int8-all or
/// int4-all, of attention's and lm_head's, too. `group`: 32 or 128, 0 = 32; only with `quantize`.
/// `kvCache`: "", auto, f32 or bf16. On failure: nothing, and `error` names the option, what it got
/// and what it takes.
std::optional<WeightChoice> parseWeightChoice(const std::string &weights,
                                              const std::string &quantize, int64_t group,
                                              const std::string &kvCache, std::string &error);

/// Why groups of scales do not fit a K of `k` cut into `parts`, or "". Scales are those of the whole
/// matrix, so that a split changes no weight: a part must begin with a group, or lie in one.
std::string whyGroupsDoNotFit(WeightType type, int64_t k, int64_t parts);

} // namespace mixserve::planner

#endif // MIXSERVE_PLAN_WEIGHTTYPES_H
