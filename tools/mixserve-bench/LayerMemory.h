//===- LayerMemory.h - Whether measured layers fit this machine ---*- C++ -*-===//
#ifndef MIXSERVE_TOOLS_BENCH_LAYERMEMORY_H
#define MIXSERVE_TOOLS_BENCH_LAYERMEMORY_H

#include "tools/mixserve-bench/MoeLayer.h"

#include <vector>

namespace mixserve::tools {

/// Bytes of the buffers that the ranks of `nodes` nodes keep for one shape, in every layout of `methods`. What the
/// network between them keeps is not counted: less than as much again.
double layerBytes(const LayerShape &shape, const std::vector<LayerMethod> &methods, int nodes);

/// InvalidArgument if all `shapes` at once would keep more than this machine has free: the system would end the
/// process in the middle, and others with it. `nodes`: of this process.
mxs::Status checkLayerMemory(const std::vector<LayerShape> &shapes, const std::vector<LayerMethod> &methods,
                             int nodes);

} // namespace mixserve::tools

#endif // MIXSERVE_TOOLS_BENCH_LAYERMEMORY_H
