//===- Philox.cpp ---------------------------------------------------------------------------===//
#include "sample/Philox.h"

using namespace mxs;

std::array<uint32_t, 4> mxs::philox(std::array<uint32_t, 4> c, std::array<uint32_t, 2> key) {
  constexpr uint64_t multiplier0 = 0xd2511f53, multiplier1 = 0xcd9e8d57;
  constexpr uint32_t weyl0 = 0x9e3779b9, weyl1 = 0xbb67ae85;
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = multiplier0 * c[0], product1 = multiplier1 * c[2];
    c = {static_cast<uint32_t>(product1 >> 32) ^ c[1] ^ key[0], static_cast<uint32_t>(product1),
         static_cast<uint32_t>(product0 >> 32) ^ c[3] ^ key[1], static_cast<uint32_t>(product0)};
    key[0] += weyl0;
    key[1] += weyl1;
  }
  return c;
}

double mxs::uniformAt(uint64_t seed, uint64_t position) {
  const auto words =
      philox({static_cast<uint32_t>(position), static_cast<uint32_t>(position >> 32), 0, 0},
             {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)});
  const uint64_t bits = (uint64_t(words[0]) << 32 | words[1]) >> 11;
  return static_cast<double>(bits) * 0x1p-53;
}
