//===- Compare.h - Planned bytes beside counted ones --------------*- C++ -*-===//
#ifndef MIXSERVE_TOOLS_PLAN_COMPARE_H
#define MIXSERVE_TOOLS_PLAN_COMPARE_H

#include "mixserve/Plan/ByteCount.h"
#include <optional>
#include <string>
#include <vector>

namespace mixserve {

/// The byte rows of a stats file (mixserve-run --stats=FILE). On anything wrong: nothing, and `error`.
std::optional<std::vector<planner::ByteRow>> readCountedBytes(const std::string &path, std::string &error);

/// Prints planned beside counted bytes per op and link (sums over layers and ranks, at the sender) and the first
/// single row that differs. Returns true if every row is equal.
bool printComparison(const std::vector<planner::ByteRow> &planned, const std::vector<planner::ByteRow> &counted);

} // namespace mixserve

#endif // MIXSERVE_TOOLS_PLAN_COMPARE_H
