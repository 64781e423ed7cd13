//===- RotaryTables.cpp - the inverse frequencies behind tables of cosines and sines ----------===//

#include "RotaryTables.h"
#include "mixserve/Import/Decimal.h"
#include "mixserve/Import/DecoderStep.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"

#include <cmath>

using namespace llvm;

namespace mixserve::raise {

/// Frequencies are read from angles stored as f32: this is how far they may be off, relatively.
static constexpr double kFrequencyTolerance = 5e-7;

static bool fits(ArrayRef<double> measured, ArrayRef<double> computed) {
  return llvm::all_of(llvm::zip_equal(measured, computed), [](auto pair) {
    auto [got, want] = pair;
    return std::abs(got - want) <= kFrequencyTolerance * want;
  });
}

/// The frequencies of the theta with the fewest digits that fits; those measured if none does.
static SmallVector<double> canonical(ArrayRef<double> measured) {
  int64_t pairs = measured.size();
  if (pairs < 2)
    return SmallVector<double>(measured);
  double theta = std::pow(measured.back(), -static_cast<double>(pairs) / (pairs - 1));
  for (int digits = 1; digits <= 6 && std::isfinite(theta); ++digits) {
    SmallVector<double> computed = rotaryFrequencies(roundedTo(digits, theta), pairs);
    if (fits(measured, computed))
      return computed;
  }
  return SmallVector<double>(measured);
}

/// From the rows at position 1.
static Rotary measure(const RotaryTable &table, int64_t row, int64_t pairs) {
  Rotary rotary;
  double largest = 0, smallest = INFINITY;
  for (int64_t i = 0; i < pairs; ++i) {
    double cos = table.cos[row * pairs + i], sin = table.sin[row * pairs + i];
    rotary.invFreq.push_back(std::atan2(sin, cos));
    largest = std::max(largest, std::hypot(sin, cos));
    smallest = std::min(smallest, std::hypot(sin, cos));
    if (!(rotary.invFreq.back() > 0))
      rotary.whyNot = formatv("pair {0} turns by {1} at position 1", i, rotary.invFreq.back());
  }
  if (!(largest - smallest <= 1e-6 * largest))
    rotary.whyNot = formatv("its pairs are scaled differently, from {0} to {1}", smallest, largest);
  rotary.scale = std::abs(largest - 1) < 1e-6 ? 1.0 : shortestDecimal(largest);
  rotary.invFreq = canonical(rotary.invFreq);
  return rotary;
}

/// Compares all rows with the closed form; the reason if one differs.
static std::string check(const Rotary &rotary, const Scenario &scenario, const RotaryTable &table) {
  int64_t pairs = rotary.invFreq.size();
  for (int64_t b = 0; b < scenario.sizes.batch; ++b)
    for (int64_t s = 0; s < scenario.sizes.length; ++s)
      for (int64_t i = 0; i < pairs; ++i) {
        int64_t row = b * scenario.sizes.length + s, position = scenario.position(b, s);
        double angle = position * rotary.invFreq[i];
        // f32 angles lose precision in proportion to their size.
        double tolerance = rotary.scale * (1e-5 + 3e-7 * angle);
        double cos = table.cos[row * pairs + i] - rotary.scale * std::cos(angle);
        double sin = table.sin[row * pairs + i] - rotary.scale * std::sin(angle);
        if (!(std::abs(cos) <= tolerance && std::abs(sin) <= tolerance))
          return formatv("with {0} tokens in the cache, the row at position {1} turns pair {2} by "
                         "cos {3}, sin {4} instead of position * {5}",
                         scenario.sizes.past, position, i, table.cos[row * pairs + i],
                         table.sin[row * pairs + i], rotary.invFreq[i]);
      }
  return "";
}

Rotary recoverRotary(const Probe &probe, int64_t pairs, RotaryReader read) {
  Scenario start{{probe.batch(2), 0, 2}, {}, {}};
  std::optional<RotaryTable> table = read(start);
  if (!table)
    return {{}, 1, "its tables cannot be computed from positions: " + probe.error()};
  Rotary rotary = measure(*table, /*row=*/1, pairs);
  if (!rotary.whyNot.empty())
    return rotary;
  rotary.whyNot = check(rotary, start, *table);

  SmallVector<Scenario> scenarios{{{probe.batch(2), 11, 13}, {}, {}}};
  if (probe.has(InputRole::Positions)) {
    // A caller may pass any positions: the rows must follow them, not their place in the batch.
    Scenario scattered{{probe.batch(2), 3, 5}, {}, {}};
    for (int64_t t = 0; t < scattered.sizes.tokens(); ++t)
      scattered.positions.push_back((7 * t + 3) % 29);
    scenarios.push_back(scattered);
  }
  for (const Scenario &scenario : scenarios)
    if (rotary.whyNot.empty()) {
      table = read(scenario);
      rotary.whyNot = table ? check(rotary, scenario, *table)
                            : "its tables cannot be computed: " + probe.error();
    }
  // As far as the table goes.
  for (int64_t past : {131000, 32000, 8000, 4000, 2000, 1000, 500, 250, 120, 60}) {
    Scenario far{{probe.batch(1), past, 3}, {}, {}};
    if (!rotary.whyNot.empty() || !(table = read(far)))
      continue;
    rotary.whyNot = check(rotary, far, *table);
    break;
  }
  return rotary;
}

} // namespace mixserve::raise
