//===- MpiSettings.h - What Open MPI must be told before it starts ------------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_COMM_MPISETTINGS_H
#define MIXSERVE_RUNTIME_COMM_MPISETTINGS_H

#include <cstdlib>

namespace mxs {

struct MpiSetting {
  const char *variable, *value;
};

/// Read by MPI_Init from the environment; what the user (or mpirun --mca) set wins. They beat
/// Open MPI's parameter files.
inline constexpr MpiSetting kMpiSettings[] = {
    // Over TCP a message above these limits first asks the receiver, and that question waits behind
    // bulk data in the same socket: 57-79 ms instead of 42-46 ms for 4 MB each way at 1 Gbit/s.
    // Receives are posted ahead and sized for the worst case, so nothing needs asking.
    {"OMPI_MCA_btl_tcp_eager_limit", "4194304"},
    {"OMPI_MCA_btl_tcp_rndv_eager_limit", "4194304"},
    {"OMPI_MCA_btl_tcp_max_send_size", "4194304"},
    // Bytes are sent, not fetched: when a message is longer than its receive, 4.1.4 fetches it
    // whole
    // and writes past the end of the buffer. (Containers often forbid the single copy, too.)
    {"OMPI_MCA_btl_tcp_flags", "send,inplace"},
    {"OMPI_MCA_btl_vader_single_copy_mechanism", "none"},
    // Fewer and larger pieces instead: three of them move per look.
    {"OMPI_MCA_btl_vader_max_send_size", "262144"},
    // With poll, its default, 4.1.4 may spin for ever in its event loop after a write to a peer that
    // has ended: it waits for the socket that it has just closed, poll reports that one as ready at
    // every look, and the loop ends only when nothing is. epoll forgets sockets that are closed.
    {"OMPI_MCA_opal_event_include", "epoll"},
    // Waits inside MPI (start and end only) leave the processor to the ranks.
    {"OMPI_MCA_mpi_yield_when_idle", "1"},
};

inline void applyMpiSettings() {
  for (const MpiSetting &setting : kMpiSettings)
    ::setenv(setting.variable, setting.value, /*overwrite=*/0);
}

} // namespace mxs

#endif // MIXSERVE_RUNTIME_COMM_MPISETTINGS_H
