//===- Diff.h - What differs between two artifacts ----------------*- C++ -*-===//
#ifndef MIXSERVE_TOOLS_INSPECT_DIFF_H
#define MIXSERVE_TOOLS_INSPECT_DIFF_H

#include "tools/mixserve-inspect/Contents.h"

namespace mixserve::tools {

/// One thing that is not the same: where, in the first, in the second ("-" if absent).
struct Difference {
  std::string where, first, second;
};

/// Layout, table, limits, memory, shardings of parameters, collectives and their bytes, predicted cost.
std::vector<Difference> difference(const Contents &first, const Contents &second);

} // namespace mixserve::tools

#endif // MIXSERVE_TOOLS_INSPECT_DIFF_H
