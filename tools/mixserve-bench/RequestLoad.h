//===- RequestLoad.h - Which requests arrive, and when ------------*- C++ -*-===//
//
// The same seed gives the same load on every machine: the generator and the distributions are ours.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_TOOLS_BENCH_REQUESTLOAD_H
#define MIXSERVE_TOOLS_BENCH_REQUESTLOAD_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mixserve::tools {

/// Uniform numbers (SplitMix64), and what is made of them.
class RandomStream {
public:
  explicit RandomStream(uint64_t seed) : state(seed) {}
  uint64_t bits();
  double unit();                      ///< in [0, 1)
  double normal();                    ///< mean 0, deviation 1
  double exponential(double perTime); ///< mean 1 / perTime
  int64_t below(int64_t count);       ///< in [0, count)

private:
  uint64_t state;
};

/// Lengths in tokens.
class LengthDistribution {
public:
  /// "128": always; "64..256": uniform; "lognormal:200,0.8": mean of the lengths, and deviation of
  /// their logarithms. Nothing if `text` is none of these, with lengths in [1, 10^9].
  static std::optional<LengthDistribution> parse(const std::string &text);
  static constexpr const char *kForms = "a length such as 128, a range such as 64..256, or "
                                        "lognormal:MEAN,SIGMA such as lognormal:200,0.8";

  /// At least 1.
  int64_t draw(RandomStream &random) const;

private:
  int64_t low = 0, high = 0;
  double mean = 0, sigma = 0; ///< of a lognormal; mean 0: uniform in [low, high]
};

struct LoadOptions {
  int64_t requests = 64;
  double duration = 0; ///< > 0: as many as arrive in this time [s], instead of `requests`
  double rate = 0;     ///< Poisson arrivals per second; 0: all at once
  LengthDistribution prompt, output;
  int64_t seed = 1;
};

struct LoadedRequest {
  double arrival = 0; ///< after the begin of the load [s]
  std::vector<int32_t> prompt;
  int64_t newTokens = 1;
};

struct Load {
  std::vector<LoadedRequest> requests;
  int64_t cut = 0; ///< requests that were made shorter to fit `maxContext`
};

/// Random ids in [0, vocab).
Load makeLoad(const LoadOptions &options, int64_t vocab, int64_t maxContext);

} // namespace mixserve::tools

#endif // MIXSERVE_TOOLS_BENCH_REQUESTLOAD_H
