//===- LayerMemory.cpp - Whether measured layers fit this machine ---------===//
#include "tools/mixserve-bench/LayerMemory.h"

#include <cstdio>
#include <fstream>
#include <set>
#include <string>
#include <unistd.h>
#include <utility>

using namespace mixserve::tools;

double mixserve::tools::layerBytes(const LayerShape &shape, const std::vector<LayerMethod> &methods,
                                   int nodes) {
  std::set<std::pair<int, int>> layouts;
  for (const LayerMethod &method : methods)
    layouts.emplace(method.attnTp, method.moeTp);
  const double devices = shape.devices, ranks = double(shape.nodes) * devices;
  // A rank's vectors in MoeLayer, in rows: what it may receive and its sums, its lane's and theirs, three
  // of its attention group, five of its own.
  double shares = 0;
  for (const auto &[attnTp, moeTp] : layouts)
    shares += 2 + 2 / devices + (3.0 * attnTp + 5) / ranks;
  const double rows = double(shape.tokens) * shape.nodes;
  return shares * rows * double(shape.hidden) * 4 * nodes * devices;
}

/// Without swapping; what the machine has in all where the system does not say.
static double freeBytes() {
  std::ifstream file("/proc/meminfo");
  for (std::string name, unit; file >> name;) {
    double kib = 0;
    if (name == "MemAvailable:" && file >> kib)
      return kib * 1024;
    std::getline(file, unit);
  }
  return double(sysconf(_SC_PHYS_PAGES)) * double(sysconf(_SC_PAGESIZE));
}

mxs::Status mixserve::tools::checkLayerMemory(const std::vector<LayerShape> &shapes,
                                              const std::vector<LayerMethod> &methods, int nodes) {
  double bytes = 0;
  for (const LayerShape &shape : shapes)
    bytes += layerBytes(shape, methods, nodes);
  const double free = freeBytes();
  if (bytes <= free)
    return mxs::okStatus();
  char text[200];
  std::snprintf(text, sizeof text,
                "ranks here would hold %.4g GiB of rows alone, and this machine has %.4g GiB free; "
                "ask for less (--tokens, --hidden, --methods, --nodes, --devices)",
                bytes / (1 << 30), free / (1 << 30));
  return mxs::invalidArgument(text);
}
