//===- StepPlan.h - One step as every rank of a node sees it ----------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_CORE_STEPPLAN_H
#define MIXSERVE_RUNTIME_CORE_STEPPLAN_H

#include "comm/RowMap.h"
#include "core/Batch.h"

#include <vector>

namespace mxs {

/// What follows from a batch descriptor alone; read-only while the step runs. A group's sequences
/// and rows are consecutive, since sequences ascend by group.
struct StepPlan {
  Batch batch;
  RowMap rows;
  std::vector<int32_t> positions;     ///< [T], like batch.tokens
  std::vector<int64_t> groupBegin;    ///< [groups + 1] first row of each group
  std::vector<size_t> groupSequences; ///< [groups + 1] first sequence of each group

  /// Allocates for the artifact's largest step; update() then allocates nothing.
  void reserve(const Manifest &manifest, const Topology &topology);
  /// Makes all else follow from `batch`, which was checked.
  Status update(const Topology &topology);

private:
  std::vector<int64_t> groupTokens; // of each group
  std::vector<uint8_t> asked;       // [T] flags
};

} // namespace mxs

#endif // MIXSERVE_RUNTIME_CORE_STEPPLAN_H
