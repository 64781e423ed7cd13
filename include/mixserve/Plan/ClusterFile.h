//===- ClusterFile.h - What the planner knows about the machines -*- C++ -*-===//
#ifndef MIXSERVE_PLAN_CLUSTERFILE_H
#define MIXSERVE_PLAN_CLUSTERFILE_H

#include "mixserve/Plan/Calibration.h"
#include "mixserve/Plan/Mesh.h"

#include <limits>
#include <map>
#include <optional>
#include <string>

namespace mixserve::planner {

/// Where a number comes from.
enum class CostSource { Formula, Calibrated, Measured };
const char *name(CostSource source);

/// One level's link, per direction.
struct LinkSpec {
  double latencyNs = 0;       ///< [ns] fixed cost of a message or stage
  double bytesPerNs = 1;      ///< [byte/ns = GB/s] once a transfer is past `smallBelow`
  double smallBytesPerNs = 0; ///< [byte/ns] of the first `smallBelow` bytes; 0: same as bytesPerNs
  double smallBelow = 0;      ///< [byte]
  bool perNode = false;       ///< the devices of a node share it (one NIC per node)
  std::string kind;           ///< free text: nvlink, infiniband, ...
};

struct DeviceSpec {
  double memoryBytes = 0; ///< of a device
  /// The next two are a node's, shared by its devices: ranks that are threads of one process share
  /// its processors, and one that waits leaves them to the others.
  bool perNode = false;
  double memoryBytesPerNs = 0;              ///< [byte/ns]; 0: not given, memory time is not counted
  std::map<std::string, double> flopsPerNs; ///< by dtype ("f32", "bf16", ...) [FLOP/ns]
};

/// A cluster: mesh, links and device. The `inter` link exists if there is more than one node,
/// `intra` if a node has more than one device; the other one is left at its defaults and never
/// asked.
struct Cluster {
  Mesh mesh;
  bool hasNodeLevel = false, hasDeviceLevel = false; ///< levels that the file has
  LinkSpec intra, inter;
  DeviceSpec device;
  CostSource linkSource = CostSource::Formula; ///< Calibrated: the file has a `measured` block
  Calibration calibration;
  WireFits fits;    ///< to `calibration`
  std::string path; ///< where it was read, for messages

  const LinkSpec &link(Link link) const { return link == Link::Intra ? intra : inter; }
};

/// Reads `text` (YAML, schema mixserve.cluster/v1). Levels go from outer to inner and are named
/// `node` and `device`; one of the two may be left out. Required: schema, levels with name, count,
/// link.bw, link.latency, and device.memory. Every quantity has a unit; unknown and repeated keys
/// are refused. What a `measured` block says about links replaces `levels`; one of another mesh is
/// refused. On failure: nothing, and `error` = "file:line: key: what, and what to do".
std::optional<Cluster> parseCluster(const std::string &text, const std::string &path,
                                    std::string &error);
std::optional<Cluster> readClusterFile(const std::string &path, std::string &error);

} // namespace mixserve::planner

#endif // MIXSERVE_PLAN_CLUSTERFILE_H
