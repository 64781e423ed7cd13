//===- RandomFloats.h - Reproducible inputs ---------------------------------*- C++ -*-===//
#ifndef MIXSERVE_TEST_RANDOMFLOATS_H
#define MIXSERVE_TEST_RANDOMFLOATS_H

#include <cstddef>
#include <random>
#include <vector>

/// Uniform in [-1, 1), the same for the same seed.
inline std::vector<float> randomFloats(size_t count, unsigned seed) {
  std::mt19937 engine(seed);
  std::uniform_real_distribution<float> uniform(-1.0f, 1.0f);
  std::vector<float> values(count);
  for (float &value : values)
    value = uniform(engine);
  return values;
}

#endif // MIXSERVE_TEST_RANDOMFLOATS_H
