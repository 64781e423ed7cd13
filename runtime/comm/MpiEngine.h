//===- MpiEngine.h - MPI as the network between processes -----------------------------*- C++ -*-===//
//
// One process = one node. The engine lives in a library of its own, libmixserve_mpi.so, which is
// loaded when it is asked for: a machine without MPI runs everything else.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_RUNTIME_COMM_MPIENGINE_H
#define MIXSERVE_RUNTIME_COMM_MPIENGINE_H

#include "comm/Topology.h"
#include "comm/Transport.h"

#include <memory>

namespace mxs {

struct MpiOptions {
  uint64_t deadlineNs = 30'000'000'000; ///< bound on start, connect, close and finish [ns]
  uint64_t lostAfterNs = 0;     ///< silence after which a node counts as lost [ns]; 0: deadline / 2
  int64_t pieceBytes = 1 << 30; ///< MPI counts are 32 bits: longer messages are described in pieces
};

/// MPI of this process, on a thread of its own; threads that wait for a message call MPI as well.
class MpiProcess {
public:
  /// Finishes if finish() was not called.
  virtual ~MpiProcess() = default;

  virtual int node() const = 0;
  virtual int nodes() const = 0;

  /// A transport of node() for a World of `topology`. Every process calls it, in the same order;
  /// one transport at a time. MXS_INVALID_ARGUMENT: not one process per node. MXS_TIMEOUT.
  virtual Status connect(const Topology &topology, std::unique_ptr<Transport> &out) = 0;

  /// Ends MPI. After a lost node or an abort MPI is left as it is, since ending it would wait for
  /// that node; the process should then exit. MXS_TIMEOUT: MPI did not end; its thread is left
  /// behind.
  virtual Status finish() = 0;
};

/// Loads the engine and starts MPI; once per process. MXS_INVALID_ARGUMENT: this build or machine
/// has no MPI. MXS_MISMATCH: a task of srun that was not given PMIx. MXS_TIMEOUT: the other
/// processes did not come.
Status startMpi(const MpiOptions &options, std::unique_ptr<MpiProcess> &out);

/// MPI of this process for whoever asks: started with `options` at the first call, finished when
/// the process exits. The same failures; a start that failed is not tried again.
Status sharedMpi(const MpiOptions &options, MpiProcess *&out);

/// What libmixserve_mpi.so exports as "mxs_mpi_start". Called only if its "mxs_mpi_interface" is this
/// side's MXS_MPI_INTERFACE, a hash of the headers between both: with other classes it would crash.
using MpiStart = void (*)(const MpiOptions &options, Status &status,
                          std::unique_ptr<MpiProcess> &out);

} // namespace mxs

#endif // MIXSERVE_RUNTIME_COMM_MPIENGINE_H
