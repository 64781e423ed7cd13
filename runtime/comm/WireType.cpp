//===- WireType.cpp -----------------------------------------------------------------------------===//

#include "comm/WireType.h"
#include "mixserve_weights.h"

#include <algorithm>
#include <cstring>

namespace mxs {

// Both ends of a block overlap in place, so each block is worked on in a copy: compilers turn the
// inner loops into vector code.
constexpr int64_t kBlock = 256;

int64_t narrowRows(uint8_t *bytes, int64_t floats) {
  float wide[kBlock];
  uint16_t narrow[kBlock];
  for (int64_t begin = 0; begin < floats; begin += kBlock) {
    const int64_t count = std::min(kBlock, floats - begin);
    std::memcpy(wide, bytes + begin * 4, size_t(count) * 4);
    for (int64_t i = 0; i < count; ++i)
      narrow[i] = mxs_bf16_from_f32(wide[i]);
    std::memcpy(bytes + begin * 2, narrow, size_t(count) * 2);
  }
  return floats * 2;
}

int64_t widenRows(uint8_t *bytes, int64_t floats) {
  float wide[kBlock];
  uint16_t narrow[kBlock];
  // From the end: a block's floats lie on the bfloat16 of later blocks, never of earlier ones.
  for (int64_t begin = (floats - 1) / kBlock * kBlock; floats > 0 && begin >= 0; begin -= kBlock) {
    const int64_t count = std::min(kBlock, floats - begin);
    std::memcpy(narrow, bytes + begin * 2, size_t(count) * 2);
    for (int64_t i = 0; i < count; ++i)
      wide[i] = mxs_bf16_to_f32(narrow[i]);
    std::memcpy(bytes + begin * 4, wide, size_t(count) * 4);
  }
  return floats * 4;
}

void roundRows(float *rows, int64_t floats) {
  for (int64_t i = 0; i < floats; ++i)
    rows[i] = mxs_bf16_to_f32(mxs_bf16_from_f32(rows[i]));
}

} // namespace mxs
