//===- Random.h - numbers that are the same on every machine --------------===//
//
// Element i of a stream is a function of the stream's key and i: any part of a tensor can be
// computed alone, by any thread. Only integer arithmetic and single roundings, no library
// functions.
//
//===----------------------------------------------------------------------===//

#ifndef MIXSERVE_TEST_GENERATE_RANDOM_H
#define MIXSERVE_TEST_GENERATE_RANDOM_H

#include <cstdint>
#include <string_view>

namespace mixserve::generate {

/// SplitMix64 (Steele, Lea, Flood 2014): a good hash of a counter.
inline uint64_t mix(uint64_t value) {
  value += 0x9e3779b97f4a7c15u;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
  return value ^ (value >> 31);
}

/// The stream of a name (FNV-1a) under a seed.
inline uint64_t streamKey(uint64_t seed, std::string_view name) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (char c : name)
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return mix(seed ^ mix(hash));
}

/// Nearly normal numbers of mean 0: a sum of four uniform ones, within 3.5 deviations.
class NormalStream {
public:
  NormalStream(uint64_t key, double deviation)
      : key(key), scale(static_cast<float>(deviation / kDeviationOfSum)) {}

  float operator()(uint64_t i) const {
    const uint64_t bits = mix(key + i);
    const auto part = [&](int at) { return static_cast<int32_t>(bits >> at & 0xffff); };
    return static_cast<float>(part(0) + part(16) + part(32) + part(48) - 2 * 0xffff) * scale;
  }

private:
  /// sqrt(4 * (2^32 - 1) / 12)
  static constexpr double kDeviationOfSum = 37837.2272;
  uint64_t key;
  float scale;
};

} // namespace mixserve::generate

#endif // MIXSERVE_TEST_GENERATE_RANDOM_H
