//===- LayerMemory.h - Whether measured layers fit this machine ---*- C++ -*-===//
#ifndef MIXSERVE_TOOLS_BENCH_LAYERMEMORY_H
#define MIXSERVE_TOOLS_BENCH_LAYERMEMORY_H

#include "tools/mixserve-bench/MoeLayer.h"

#include <vector>

namespace mixserve::tools {

/// Bytes of rows that the ranks of `nodes` nodes hold for one shape, in every layout of `methods`.
/// What the network between them keeps comes on top.
double layerBytes(const LayerShape &shape, const std::vector<LayerMethod> &methods, int nodes);

/// Bytes that layers may take here without swapping: what is free now, at most what the process's
/// group is allowed. Not `alone`: what the machine has in all, so that processes on several alike
/// machines decide alike.
double memoryForLayers(bool alone);

/// InvalidArgument if all `shapes` at once would hold more than `have` bytes: the system would end
/// the process in the middle of its work. `nodes`: of this process. Other processes of the same
/// machine are not counted.
mxs::Status checkLayerMemory(const std::vector<LayerShape> &shapes,
                             const std::vector<LayerMethod> &methods, int nodes, double have);

} // namespace mixserve::tools

#endif // MIXSERVE_TOOLS_BENCH_LAYERMEMORY_H
