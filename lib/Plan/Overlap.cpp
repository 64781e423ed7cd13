//===- Overlap.cpp - A list scheduler for pipelined collectives -----------===//
#include "mixserve/Plan/Overlap.h"

#include <algorithm>
#include <cassert>

namespace mixserve::planner {

double pipelineTime(const std::vector<Stage> &stages, int64_t chunks) {
  assert(chunks >= 1);
  std::array<double, kResources> freeAt{};
  std::vector<double> readyAt(chunks); // when the chunk's previous stage has ended
  std::vector<size_t> nextStage(chunks);
  double end = 0;
  for (size_t done = 0; done < stages.size() * chunks; ++done) {
    int64_t best = -1;
    double bestStart = 0;
    for (int64_t chunk = 0; chunk < chunks; ++chunk) {
      if (nextStage[chunk] == stages.size())
        continue;
      double start = readyAt[chunk];
      for (int64_t r = 0; r < kResources; ++r)
        if (stages[nextStage[chunk]].busyNs[r] > 0)
          start = std::max(start, freeAt[r]);
      const bool later = best >= 0 && start == bestStart && nextStage[chunk] > nextStage[best];
      if (best < 0 || start < bestStart || later) {
        best = chunk;
        bestStart = start;
      }
    }
    double finish = bestStart;
    for (int64_t r = 0; r < kResources; ++r)
      if (double busy = stages[nextStage[best]].busyNs[r]; busy > 0) {
        freeAt[r] = bestStart + busy;
        finish = std::max(finish, freeAt[r]);
      }
    readyAt[best] = finish;
    ++nextStage[best];
    end = std::max(end, finish);
  }
  return end;
}

} // namespace mixserve::planner
