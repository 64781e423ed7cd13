//===- RotaryTables.h - the inverse frequencies behind tables of cosines and sines ------------===//

#ifndef MIXSERVE_LIB_RAISE_ROTARYTABLES_H
#define MIXSERVE_LIB_RAISE_ROTARYTABLES_H

#include "Probe.h"

#include "llvm/ADT/STLFunctionalExtras.h"

#include <string>
#include <vector>

namespace mixserve::raise {

/// cos and sin of every pair of every row of a batch: [T, R].
struct RotaryTable {
  std::vector<double> cos, sin;
};

/// Tables for a scenario; none if they cannot be computed there (a table that ends earlier, for
/// example).
using RotaryReader = llvm::function_ref<std::optional<RotaryTable>(const Scenario &)>;

/// Either frequencies and scale, or why there are none.
struct Rotary {
  llvm::SmallVector<double> invFreq;
  double scale = 1;
  std::string whyNot;
};

/// A Rotary with what it was found for, so that all layers share one search.
struct RotaryAnswer {
  mlir::Value cos, sin, positions;
  Layout layout;
  Rotary rotary;
};

/// Finds inv_freq [R] and scale with cos = scale * cos(position * inv_freq), sin likewise, for the
/// positions of the rows, and checks them at small, scattered and large positions.
/// If theta^(-i/R) fits all of them for a theta of few decimal digits, the frequencies are computed
/// from that theta in double precision, so that all exporters of one model give the same numbers.
Rotary recoverRotary(const Probe &probe, int64_t pairs, RotaryReader read);

} // namespace mixserve::raise

#endif // MIXSERVE_LIB_RAISE_ROTARYTABLES_H
