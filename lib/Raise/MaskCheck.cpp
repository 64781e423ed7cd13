//===- MaskCheck.cpp - what an attention mask computes ----------------------------------------===//

#include "MaskCheck.h"

#include "llvm/Support/FormatVariadic.h"

using namespace llvm;

namespace mixserve::raise {

/// Added to a score, this takes a key out: exp underflows in f32.
static constexpr double kHidden = -1e4;

namespace {
/// What the rows of one sequence and head may see: [S, P + S].
struct Sight {
  int64_t past, length;
  std::vector<bool> seen;

  int64_t keys() const { return past + length; }
  bool sees(int64_t row, int64_t key) const { return seen[row * keys() + key]; }
  template <typename Rule> bool follows(Rule rule) const {
    for (int64_t row = 0; row < length; ++row)
      for (int64_t key = 0; key < keys(); ++key)
        if (sees(row, key) != rule(past + row, key))
          return false;
    return true;
  }
};
} // namespace

/// The names of masks that are not causal.
static std::string nameOf(const Sight &sight) {
  if (sight.follows([](int64_t, int64_t) { return true; }))
    return "bidirectional attention: rows see later tokens";
  int64_t last = sight.length - 1, position = sight.past + last, first = 0;
  while (first < sight.keys() && !sight.sees(last, first))
    ++first;
  int64_t window = position - first + 1;
  if (first > 0 &&
      sight.follows([&](int64_t row, int64_t key) { return key <= row && row - key < window; }))
    return formatv("a sliding window of {0} tokens", window);
  int64_t prefix = 0;
  while (prefix < sight.keys() && sight.sees(0, prefix))
    ++prefix;
  if (sight.follows([&](int64_t row, int64_t key) { return key <= row || key < prefix; }))
    return formatv("a prefix of {0} tokens that see each other", prefix);
  bool later = !sight.follows(
      [&](int64_t row, int64_t key) { return sight.sees(row - sight.past, key) && key <= row; });
  return later ? "rows see some later tokens" : "rows do not see all earlier tokens";
}

/// What sequence b and head `head` see; a reason in `why` if the mask is no mask.
static Sight read(const Scenario &scenario, const HostTensor *mask, bool isCausal, int64_t b,
                  int64_t head, std::string &why) {
  const Sizes &sizes = scenario.sizes;
  Sight sight{sizes.past, sizes.length, std::vector<bool>(sizes.length * sizes.keys(), true)};
  for (int64_t row = 0; row < sizes.length; ++row)
    for (int64_t key = 0; key < sizes.keys(); ++key) {
      bool sees = !isCausal || key <= sizes.past + row;
      if (mask) {
        std::array<int64_t, 4> index{b, head, row, key};
        int64_t flat = 0;
        for (int64_t axis = 0; axis < mask->rank(); ++axis)
          flat = flat * mask->size(axis) +
                 (mask->size(axis) == 1 ? 0 : index[4 - mask->rank() + axis]);
        double value = mask->asDouble(flat);
        if (mask->isFloating() && value != 0 && value > kHidden)
          why = formatv("it adds {0} to some scores, which is no mask", value);
        sees &= mask->isFloating() ? value == 0 : value != 0;
      }
      sight.seen[row * sizes.keys() + key] = sees;
    }
  return sight;
}

/// The reason why one batch is not masked as expected, or "".
static std::string check(const Scenario &scenario, const HostTensor *mask, bool isCausal) {
  const Sizes &sizes = scenario.sizes;
  int64_t heads = 1;
  if (mask) {
    std::array<int64_t, 4> wanted{sizes.batch, 0, sizes.length, sizes.keys()};
    for (int64_t axis = 0; axis < mask->rank(); ++axis) {
      int64_t at = 4 - mask->rank() + axis, size = mask->size(axis);
      if (at < 0 || (at != 1 && size != 1 && size != wanted[at]))
        return "its mask is not [B, heads, S, P + S]";
      if (at == 1)
        heads = size;
    }
  }
  for (int64_t b = 0; b < sizes.batch; ++b)
    for (int64_t head = 0; head < heads; ++head) {
      std::string why;
      Sight sight = read(scenario, mask, isCausal, b, head, why);
      if (!why.empty())
        return why;
      for (int64_t row = 0; row < sizes.length; ++row)
        for (int64_t key = 0; key < sizes.keys(); ++key) {
          bool isToken = key >= scenario.pad(b), expected = isToken && key <= sizes.past + row;
          if (sizes.past + row >= scenario.pad(b) && sight.sees(row, key) != expected)
            return scenario.pads.empty() ? nameOf(sight)
                                         : "it does not hide padding as the attention mask says";
        }
    }
  return "";
}

std::string whyNotCausal(Probe &probe, mlir::Value mask, bool isCausal) {
  if (!mask && !isCausal)
    return "bidirectional attention: rows see later tokens";
  int64_t batch = probe.batch(2);
  // The last one is a long past: windows of public models are 128 to 65536 tokens.
  SmallVector<Scenario> scenarios{
      {{batch, 0, 5}, {}, {}}, {{batch, 3, 4}, {}, {}}, {{batch, 7, 1}, {}, {}}};
  if (mask && probe.dependsOn(mask, InputRole::AttentionMask))
    for (int64_t past : {0, 4}) {
      Scenario padded{{batch, past, 5}, {}, {}};
      for (int64_t b = 0; b < batch; ++b)
        padded.pads.push_back(2 - b % 3);
      scenarios.push_back(padded);
    }
  if (probe.has(InputRole::Cache) || !mask)
    scenarios.push_back({{probe.batch(1), 131072, 1}, {}, {}});
  else
    scenarios.push_back({{probe.batch(1), 0, 512}, {}, {}});
  for (const Scenario &scenario : scenarios) {
    if (scenario.sizes.past > 0 && !probe.has(InputRole::Cache))
      continue;
    std::optional<HostTensor> tensor;
    if (mask && !(tensor = probe.evaluate(scenario, mask)))
      return "its mask cannot be computed from sizes and the attention mask: " + probe.error();
    std::string why = check(scenario, tensor ? &*tensor : nullptr, isCausal);
    if (!why.empty())
      return why;
  }
  return "";
}

} // namespace mixserve::raise
