//===- Philox.h - Random numbers by counter ------------------------------------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_SAMPLE_PHILOX_H
#define MIXSERVE_RUNTIME_SAMPLE_PHILOX_H

#include <array>
#include <cstdint>

namespace mxs {

/// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
std::array<uint32_t, 4> philox(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

/// Uniform in [0, 1), a multiple of 2^-53. A function of its arguments alone: no state that other
/// sequences of the batch, ranks or earlier steps could change.
double uniformAt(uint64_t seed, uint64_t position);

} // namespace mxs

#endif // MIXSERVE_RUNTIME_SAMPLE_PHILOX_H
