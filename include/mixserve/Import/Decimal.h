//===- Decimal.h - the number that a float was meant to be ------------------===//

#ifndef MIXSERVE_IMPORT_DECIMAL_H
#define MIXSERVE_IMPORT_DECIMAL_H

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdlib>

namespace mixserve {

/// `value` rounded to that many decimal digits.
inline double roundedTo(int digits, double value) {
  llvm::SmallString<32> text;
  llvm::raw_svector_ostream(text) << llvm::format("%.*e", digits - 1, value);
  return std::strtod(text.c_str(), nullptr);
}

/// The decimal of fewest digits that rounds to `value` as f32, so that 9.99999997e-07 is 1e-06
/// again. Its f32 is unchanged, and exporters that write f32 agree with those that write text.
inline double shortestDecimal(double value) {
  for (int digits = 1; digits < 9; ++digits)
    if (double decimal = roundedTo(digits, value);
        static_cast<float>(decimal) == static_cast<float>(value))
      return decimal;
  return value;
}

} // namespace mixserve

#endif // MIXSERVE_IMPORT_DECIMAL_H
