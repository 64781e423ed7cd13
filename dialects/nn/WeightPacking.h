//===- WeightPacking.h - How a parameter lies in the artifact ---*- C++ -*-===//
//
// `pack` of nn.param is the layout; two more attributes say what is in it:
//   nn.element   "f32", "bf16", "int8" or "int4"
//   nn.group     i64, values along K that share a bfloat16 scale; only with int8 and int4
// The plan phase sets all three. Verified with nn.param:
//   - (C5) nn.element is one of the four and stands beside a pack; plain is f32, or bf16 for a
//   table of rows.
//   - (C6) int8 and int4 have an nn.group of 32 or 128, f32 and bf16 have none.
//   - (C7) what is packed n64 is [N, K] or stacked [E, N, K].
//
// Example: {nn.element = "int4", nn.group = 32 : i64, pack = #nn.pack<n64>}
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_DIALECTS_NN_WEIGHTPACKING_H
#define MIXSERVE_DIALECTS_NN_WEIGHTPACKING_H

#include "dialects/nn/NNDialect.h"

namespace mixserve::nn {

inline constexpr llvm::StringLiteral kElementAttr = "nn.element";
inline constexpr llvm::StringLiteral kGroupAttr = "nn.group";
/// On nn.attention: element type of its cached keys and values, f32 or bf16.
inline constexpr llvm::StringLiteral kCacheElementAttr = "nn.cache_element";

/// The numbers of mxs_weight_type_t in mixserve_weights.h.
enum class WeightType { F32 = 0, BF16 = 1, Int8 = 2, Int4 = 3 };
inline constexpr int kWeightTypes = 4;

llvm::StringRef stringifyWeightType(WeightType type);
std::optional<WeightType> parseWeightType(llvm::StringRef name);

/// int8 and int4.
inline bool hasScales(WeightType type) {
  return type == WeightType::Int8 || type == WeightType::Int4;
}

struct Packing {
  Pack layout = Pack::Plain;
  WeightType element = WeightType::F32;
  int64_t group = 0; ///< 0 without scales

  bool operator==(const Packing &other) const {
    return layout == other.layout && element == other.element && group == other.group;
  }
  bool operator!=(const Packing &other) const { return !(*this == other); }
  /// "n64 int4/32"
  std::string str() const;
};

/// What the attributes of a verified parameter say (f32 if only `pack` is there); nothing without
/// `pack`.
std::optional<Packing> packingOf(ParamOp param);
void setPacking(ParamOp param, const Packing &packing);

/// Whether the model's files have all of the parameter as bf16, however it is packed.
bool isBf16InModel(ParamOp param);

/// (C5), (C6), (C7); called by the verifier of nn.param.
llvm::LogicalResult verifyPacking(ParamOp param);

} // namespace mixserve::nn

#endif // MIXSERVE_DIALECTS_NN_WEIGHTPACKING_H
