//===- MpiSegments.h - Shared memory that Open MPI leaves behind ---------------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_COMM_MPISEGMENTS_H
#define MIXSERVE_RUNTIME_COMM_MPISEGMENTS_H

namespace mxs {

/// Removes the files of the shared memory through which Open MPI joins the processes of a host. It
/// does so itself in MPI_Finalize, which is not called after a failure; a process that was killed
/// leaves its file to the survivors, who remove those of all. Who has them mapped keeps them.
void removeMpiSegments();

} // namespace mxs

#endif // MIXSERVE_RUNTIME_COMM_MPISEGMENTS_H
