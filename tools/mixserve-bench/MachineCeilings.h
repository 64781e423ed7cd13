//===- MachineCeilings.h - What the machine can do, measured beside the steps -*- C++ -*-===//
#ifndef MIXSERVE_TOOLS_BENCH_MACHINECEILINGS_H
#define MIXSERVE_TOOLS_BENCH_MACHINECEILINGS_H

#include "core/Manifest.h"
#include "tools/mixserve-bench/StepWork.h"

#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

namespace mixserve::tools {

/// Rates of all threads of the pool together.
struct Ceilings {
  double bytesPerSecond = 0;
  double flopsPerSecond[4] = {}; ///< by mxs_weight_type_t; 0: not in use, or no such loop

  double byteSeconds(const StepWork &work) const { return work.bytes() / bytesPerSecond; }
  /// Least time of `work` if each of its parts ran at the peak of its own type.
  double flopSeconds(const StepWork &work) const;
  /// {read_bytes_per_s, flops_per_s: {type: x}}.
  nlohmann::json asJson() const;
};

/// The median of every rate, of those measurements that `which` names. It names some.
Ceilings middleOf(const std::vector<Ceilings> &measured, const std::vector<size_t> &which);

/// Measures them, for the weight types of a model. They move with what else runs on the machine: a
/// step is compared with what was measured around it.
class MachineCeilings {
public:
  /// `memoryBytes` are read for the bandwidth: take more than the caches hold.
  MachineCeilings(const mxs::Manifest &manifest, int64_t memoryBytes);

  Ceilings measure();

private:
  const int64_t memoryBytes;
  struct Free {
    void operator()(uint8_t *memory) const { std::free(memory); }
  };
  std::unique_ptr<uint8_t[], Free> memory;
  bool used[4] = {};
};

} // namespace mixserve::tools

#endif // MIXSERVE_TOOLS_BENCH_MACHINECEILINGS_H
