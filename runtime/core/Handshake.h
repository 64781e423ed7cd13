//===- Handshake.h - Do all nodes run the same thing? -----------------------*- C++ -*-===//
//
// Before the first collective every process tells all others what it opened. All of them then judge
// the same facts, so all of them go on or none does.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_RUNTIME_CORE_HANDSHAKE_H
#define MIXSERVE_RUNTIME_CORE_HANDSHAKE_H

#include "comm/MpiEngine.h"
#include "core/Artifact.h"

#include <string>
#include <vector>

namespace mxs {

/// What a node says of itself.
struct Hello {
  int32_t abi = MXS_ABI_VERSION;
  Status status;        ///< of opening the artifact; the rest is empty if it failed
  std::string identity; ///< sha256 of manifest.json, which holds the checksums of all files
  std::string planHash;
  int32_t nodes = 0;      ///< of the artifact's mesh
  std::string linearRows; ///< Env::linearRows
  std::string kernels;    ///< name of the instruction set that this process's kernels use

  static Hello of(const Status &status, const Artifact &artifact, const std::string &linearRows);
};

/// The verdict on what all nodes said, [processes]; every node comes to the same one. The text
/// names the nodes. MXS_MISMATCH: different runtimes, artifacts or settings, or not one process per
/// node of the mesh; else the failure of the first node that could not open its artifact.
Status judge(const std::vector<Hello> &hellos);

/// What nodes that may run together should know, or "": kernels of different instruction sets
/// may add in different orders. A cluster of different processors is no mistake, so nothing is
/// refused.
std::string warningOn(const std::vector<Hello> &hellos);

/// Exchanges `own` with all processes of `mpi`, and judges; `warning` is what warningOn() says.
/// MXS_TIMEOUT, MXS_ABORTED: a node is lost.
Status shakeHands(MpiProcess &mpi, uint64_t deadlineNs, const Hello &own, std::string &warning);

} // namespace mxs

#endif // MIXSERVE_RUNTIME_CORE_HANDSHAKE_H
