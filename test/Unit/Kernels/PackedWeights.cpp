//===- PackedWeights.cpp --------------------------------------------------------------------===//
#include "PackedWeights.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

using namespace mxs;
using namespace mxs::test;

std::vector<float> test::randomFloats(int64_t count, unsigned seed) {
  std::mt19937 engine(seed);
  std::uniform_real_distribution<float> uniform(-1.0f, 1.0f);
  std::vector<float> values(static_cast<size_t>(count));
  for (float &value : values)
    value = uniform(engine);
  return values;
}

/// `bytes` bytes of `fill` at a multiple of 64 in `memory`.
static uint8_t *aligned(std::vector<uint8_t> &memory, int64_t bytes, uint8_t fill) {
  memory.assign(static_cast<size_t>(bytes) + 64, fill);
  void *start = memory.data();
  size_t room = memory.size();
  return static_cast<uint8_t *>(std::align(64, static_cast<size_t>(bytes), start, room));
}

PackedWeights::PackedWeights(mxs_weight_type_t type, int64_t matrices, int64_t n, int64_t k,
                             int64_t group, unsigned seed)
    : PackedWeights(type, matrices, n, k, group) {
  for (int64_t matrix = 0; matrix < matrices; ++matrix)
    put(matrix, randomFloats(n * k, seed + static_cast<unsigned>(matrix)));
}

PackedWeights::PackedWeights(mxs_weight_type_t type, int64_t n, int64_t k, int64_t group,
                             const std::vector<float> &given)
    : PackedWeights(type, 1, n, k, group) {
  put(0, given);
}

PackedWeights::PackedWeights(mxs_weight_type_t type, int64_t matrices, int64_t n, int64_t k,
                             int64_t group) {
  weight.layout = WeightLayout::N64;
  weight.type = type;
  weight.n = n;
  weight.k = k;
  weight.matrices = matrices;
  weight.group = mxs_weight_has_scales(type) ? group : 0;
  // 0.0 of every type where there is no element.
  data = aligned(dataMemory, matrices * mxs_weight_data_bytes(type, n, k),
                 type == MXS_WEIGHT_I4 ? 0x88 : 0);
  weight.data = data;
  if (weight.group) {
    scales = reinterpret_cast<uint16_t *>(
        aligned(scaleMemory, matrices * mxs_weight_scale_bytes(type, n, k, group), 0));
    weight.scales = scales;
  }
  values.resize(static_cast<size_t>(matrices * n * k));
}

void PackedWeights::put(int64_t matrix, const std::vector<float> &given) {
  const int64_t n = weight.n, k = weight.k, group = weight.group;
  const bool scaled = group != 0;
  const float most = weight.type == MXS_WEIGHT_I8 ? 127.0f : 7.0f;
  for (int64_t row = 0; row < n; ++row)
    for (int64_t i = 0; i < k; ++i) {
      float scale = 1.0f, value = given[row * k + i];
      if (scaled) {
        float largest = 0.0f;
        for (int64_t j = i / group * group; j < std::min(k, (i / group + 1) * group); ++j)
          largest = std::max(largest, std::fabs(given[row * k + j]));
        const uint16_t bits = mxs_bf16_from_f32(largest / most);
        scale = mxs_bf16_to_f32(bits);
        const_cast<uint16_t *>(
            weight.matrixScales(matrix))[mxs_weight_scale_index(k, group, row, i)] = bits;
      }
      uint8_t *place = const_cast<uint8_t *>(weight.matrixData(matrix)) +
                       mxs_weight_data_offset(weight.type, k, row, i);
      const int q = static_cast<int>(std::clamp(std::nearbyint(value / scale), -most, most));
      const uint16_t half = mxs_bf16_from_f32(value);
      switch (weight.type) {
      case MXS_WEIGHT_F32:
        std::memcpy(place, &value, sizeof value);
        break;
      case MXS_WEIGHT_BF16:
        std::memcpy(place, &half, sizeof half);
        value = mxs_bf16_to_f32(half);
        break;
      case MXS_WEIGHT_I8:
        *place = static_cast<uint8_t>(q);
        value = scale * static_cast<float>(q);
        break;
      case MXS_WEIGHT_I4:
        *place = static_cast<uint8_t>(i % 8 < 4 ? (*place & 0xf0) | (q + 8)
                                                : (*place & 0x0f) | (q + 8) << 4);
        value = scale * static_cast<float>(q);
        break;
      }
      values[(matrix * n + row) * k + i] = value;
    }
}
