//===- Env.h - Every environment variable of the runtime, in one place ------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_CORE_ENV_H
#define MIXSERVE_RUNTIME_CORE_ENV_H

#include "core/Status.h"

#include <cstdint>
#include <string>

namespace mxs {

/// This process among those that mpirun, srun or another launcher started together.
struct Launch {
  int process = 0, processes = 1;
  int local = 1;            ///< of them on this host, as far as the launcher says
  std::string variable;     ///< which variable said so; empty: started alone
  bool pmixMissing = false; ///< a task of srun without PMIx, by which Open MPI finds the others
};

/// Defaults that the environment may change; options of a call win over them. No other file of the
/// runtime reads the environment.
struct Env {
  /// MXS_DEADLINE_MS: bound on every wait [ms] where mxs_options_t::deadline_ns is 0.
  uint64_t deadlineNs = 30'000'000'000;

  /// MXS_THREADS: bound on threads of this process that compute at the same time; 0 (not set): its
  /// share of the CPUs (machine/CpuShare.h).
  int threads = 0;

  /// MXS_ISA: the instruction set of the CPU kernels, a name of kernels/cpu/CpuFeatures.h; empty
  /// (not set): the best that this processor has. Processes that serve a model together are warned
  /// where theirs differ (Handshake.h).
  std::string isa;

  /// MXS_LINEAR_ROWS: how linears outside the experts read their rows where bfloat16 weights have
  /// instructions of their own: f32 (also if it is not set, or empty) or bf16, rounded, at twice
  /// the rate. Processes that serve a model together must agree (Handshake.h).
  std::string linearRows = "f32";

  /// Set by whoever started this process as one of several.
  Launch launch;

  /// Reads the environment. MXS_INVALID_ARGUMENT: a value that is no positive number.
  static Status read(Env &out);
};

} // namespace mxs

#endif // MIXSERVE_RUNTIME_CORE_ENV_H
