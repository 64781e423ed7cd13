//===- Topology.cpp -----------------------------------------------------------------------------===//

#include "comm/Topology.h"

namespace mxs {

RankGroup Topology::consecutive(int first, int count) const {
  RankGroup group;
  group.first = first;
  group.count = count;
  group.firstNode = nodeOf(first);
  group.nodes = nodeOf(first + count - 1) - group.firstNode + 1;
  group.firstDevice = group.spansNodes() ? 0 : deviceOf(first);
  group.devices = group.spansNodes() ? devices : count;
  return group;
}

static Status checkDegree(const char *name, int degree, int nodes, int devices) {
  const bool insideNode = degree >= 1 && degree <= devices && devices % degree == 0;
  const bool wholeNodes =
      degree > devices && degree % devices == 0 && (nodes * devices) % degree == 0;
  if (insideNode || wholeNodes)
    return okStatus();
  return invalidArgument(std::string(name) + " = " + std::to_string(degree) + " does not factor " +
                         std::to_string(nodes) + " nodes of " + std::to_string(devices) +
                         " devices: it must divide the devices of a node, or be a multiple of them "
                         "that divides all ranks");
}

Status Topology::check() const {
  if (nodes < 1 || devices < 1 || experts < 1)
    return invalidArgument("a topology needs at least one node, device and expert, got " +
                           std::to_string(nodes) + ", " + std::to_string(devices) + ", " +
                           std::to_string(experts));
  MXS_TRY(checkDegree("attn_tp", attnTp, nodes, devices));
  return checkDegree("moe_tp", moeTp, nodes, devices);
}

} // namespace mxs
