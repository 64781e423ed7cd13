//===- RequestLoad.cpp ------------------------------------------------------===//
#include "tools/mixserve-bench/RequestLoad.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>

using namespace mixserve::tools;

uint64_t RandomStream::bits() {
  uint64_t z = state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

double RandomStream::unit() { return double(bits() >> 11) * 0x1p-53; }

double RandomStream::normal() {
  constexpr double twoPi = 6.283185307179586;
  const double radius = std::sqrt(-2 * std::log(1 - unit()));
  return radius * std::cos(twoPi * unit());
}

double RandomStream::exponential(double perTime) { return -std::log(1 - unit()) / perTime; }

int64_t RandomStream::below(int64_t count) {
  return std::min(count - 1, static_cast<int64_t>(unit() * double(count)));
}

//===----------------------------------------------------------------------===//
// Lengths
//===----------------------------------------------------------------------===//

static constexpr int64_t kLongest = 1'000'000'000;

static std::optional<int64_t> length(const std::string &text) {
  char *end = nullptr;
  errno = 0;
  const long long value = std::strtoll(text.c_str(), &end, 10);
  if (text.empty() || *end != '\0' || errno != 0 || value < 1 || value > kLongest)
    return std::nullopt;
  return value;
}

static std::optional<double> positive(const std::string &text, double most) {
  char *end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || !(value > 0) || value > most)
    return std::nullopt;
  return value;
}

std::optional<LengthDistribution> LengthDistribution::parse(const std::string &text) {
  LengthDistribution lengths;
  const std::string lognormal = "lognormal:";
  if (text.rfind(lognormal, 0) == 0) {
    const size_t comma = text.find(',');
    if (comma == std::string::npos)
      return std::nullopt;
    const auto mean =
        positive(text.substr(lognormal.size(), comma - lognormal.size()), double(kLongest));
    const auto sigma = positive(text.substr(comma + 1), 10);
    if (!mean || *mean < 1 || !sigma)
      return std::nullopt;
    lengths.mean = *mean;
    lengths.sigma = *sigma;
    return lengths;
  }
  const size_t dots = text.find("..");
  const auto low = length(text.substr(0, dots));
  const auto high = dots == std::string::npos ? low : length(text.substr(dots + 2));
  if (!low || !high || *low > *high)
    return std::nullopt;
  lengths.low = *low;
  lengths.high = *high;
  return lengths;
}

int64_t LengthDistribution::draw(RandomStream &random) const {
  if (mean == 0)
    return low + (high > low ? random.below(high - low + 1) : 0);
  const double logMean = std::log(mean) - sigma * sigma / 2; // of the logarithms
  const double value = std::exp(logMean + sigma * random.normal());
  return std::clamp<int64_t>(std::llround(std::min(value, double(kLongest))), 1, kLongest);
}

//===----------------------------------------------------------------------===//
// Requests
//===----------------------------------------------------------------------===//

Load mixserve::tools::makeLoad(const LoadOptions &options, int64_t vocab, int64_t maxContext) {
  // Streams of their own: another rate leaves the lengths as they are.
  RandomStream arrivals(static_cast<uint64_t>(options.seed) * 3),
      lengths(static_cast<uint64_t>(options.seed) * 3 + 1),
      ids(static_cast<uint64_t>(options.seed) * 3 + 2);
  Load load;
  double time = 0;
  const bool timed = options.duration > 0;
  while (timed || static_cast<int64_t>(load.requests.size()) < options.requests) {
    if (options.rate > 0)
      time += arrivals.exponential(options.rate);
    if (timed && time >= options.duration)
      break;
    LoadedRequest request;
    request.arrival = time;
    const int64_t prompt = options.prompt.draw(lengths), output = options.output.draw(lengths);
    // The last token of a sequence is never cached.
    const int64_t length = std::min(prompt, maxContext);
    request.newTokens = std::min(output, maxContext - length + 1);
    load.cut += length < prompt || request.newTokens < output;
    for (int64_t i = 0; i < length; ++i)
      request.prompt.push_back(static_cast<int32_t>(ids.below(vocab)));
    load.requests.push_back(std::move(request));
  }
  return load;
}
