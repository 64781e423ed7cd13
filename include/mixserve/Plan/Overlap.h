//===- Overlap.h - A list scheduler for pipelined collectives ----*- C++ -*-===//
#ifndef MIXSERVE_PLAN_OVERLAP_H
#define MIXSERVE_PLAN_OVERLAP_H

#include <array>
#include <cstdint>
#include <vector>

namespace mixserve::planner {

enum class Resource { IntraIn, IntraOut, NicIn, NicOut, Compute };
constexpr int64_t kResources = 5;

/// One stage of a chunk: how long it holds each resource [ns]. It ends when the last one is free.
struct Stage {
  std::array<double, kResources> busyNs{};
  double &operator[](Resource resource) { return busyNs[int64_t(resource)]; }
};

/// Time until all chunks have passed all stages. Every chunk passes the same stages in order; a
/// stage starts when the chunk's previous stage has ended and all its resources are free. Among
/// those that can start earliest the later stage goes first (it drains the pipeline), then the
/// lower chunk. Worked: two stages of 10 ns on different resources, 4 chunks -> 10 + 4 * 10 = 50
/// ns; on the same: 80 ns.
double pipelineTime(const std::vector<Stage> &stages, int64_t chunks);

} // namespace mixserve::planner

#endif // MIXSERVE_PLAN_OVERLAP_H
