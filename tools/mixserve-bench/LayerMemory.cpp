//===- LayerMemory.cpp - Whether measured layers fit this machine ---------===//
#include "tools/mixserve-bench/LayerMemory.h"

#include "machine/ControlGroup.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <set>
#include <string>
#include <utility>

using namespace mixserve::tools;

double mixserve::tools::layerBytes(const LayerShape &shape, const std::vector<LayerMethod> &methods,
                                   int nodes) {
  std::set<std::pair<int, int>> layouts;
  for (const LayerMethod &method : methods)
    layouts.emplace(method.attnTp, method.moeTp);
  const double devices = shape.devices, ranks = double(shape.nodes) * devices;
  // What a rank's MoeLayer holds, as parts of all rows: received, parts; lane, laneSums; partial,
  // reduced, gathered of its attention group; before, residual, x, combined, normed of its own.
  double parts = 0;
  for (const auto &[attnTp, moeTp] : layouts)
    parts += 2 + 2 / devices + (3.0 * attnTp + 5) / ranks;
  const double rows = double(shape.tokens) * shape.nodes;
  return parts * rows * double(shape.hidden) * 4 * nodes * devices;
}

double mixserve::tools::memoryForLayers(bool alone) {
  double bytes = mxs::UsableMemory::read().bytes;
  if (!alone)
    return bytes;
  std::ifstream memory("/proc/meminfo");
  for (std::string word; memory >> word;)
    if (double kib = 0; word == "MemAvailable:" && memory >> kib)
      bytes = std::min(bytes, kib * 1024);
  return bytes;
}

mxs::Status mixserve::tools::checkLayerMemory(const std::vector<LayerShape> &shapes,
                                              const std::vector<LayerMethod> &methods, int nodes,
                                              double have) {
  double bytes = 0;
  for (const LayerShape &shape : shapes)
    bytes += layerBytes(shape, methods, nodes);
  if (bytes <= have)
    return mxs::okStatus();
  char text[200];
  std::snprintf(text, sizeof text,
                "ranks here would hold %.4g GiB of rows alone, and this machine (or container) has "
                "%.4g GiB for them; ask for less (--tokens, --hidden, --nodes, --devices)",
                bytes / (1 << 30), have / (1 << 30));
  return mxs::invalidArgument(text);
}
