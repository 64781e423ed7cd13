//===- PackedWeights.h - Packed weights and what they stand for ---------------------*- C++ -*-===//
#ifndef MIXSERVE_TEST_UNIT_KERNELS_PACKEDWEIGHTS_H
#define MIXSERVE_TEST_UNIT_KERNELS_PACKEDWEIGHTS_H

#include "kernels/Weight.h"

#include <memory>
#include <vector>

namespace mxs::test {

/// Uniform in [-1, 1], the same for the same seed.
std::vector<float> randomFloats(int64_t count, unsigned seed);

/// Stacked matrices [E, N, K], packed element by element as mixserve_weights.h says.
class PackedWeights {
public:
  PackedWeights(mxs_weight_type_t type, int64_t matrices, int64_t n, int64_t k, int64_t group,
                unsigned seed);
  /// One matrix of the given values [N, K].
  PackedWeights(mxs_weight_type_t type, int64_t n, int64_t k, int64_t group,
                const std::vector<float> &given);

  const mxs_weight_t &handle() const { return weight; }
  /// The value that element [matrix, n, k] has in its type.
  float value(int64_t matrix, int64_t n, int64_t k) const {
    return values[(matrix * weight.n + n) * weight.k + k];
  }

private:
  /// All elements 0.
  PackedWeights(mxs_weight_type_t type, int64_t matrices, int64_t n, int64_t k, int64_t group);
  void put(int64_t matrix, const std::vector<float> &given);

  mxs_weight_t weight;
  std::vector<float> values;
  std::vector<uint8_t> dataMemory, scaleMemory;
  uint8_t *data = nullptr;
  uint16_t *scales = nullptr;
};

} // namespace mxs::test

#endif // MIXSERVE_TEST_UNIT_KERNELS_PACKEDWEIGHTS_H
