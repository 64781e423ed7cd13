//===- ComputeCost.cpp - Time of a step's arithmetic ----------------------===//
#include "mixserve/Plan/ComputeCost.h"

#include "mixserve/Plan/ByteCount.h"
#include "mixserve/Plan/MemoryCost.h"

#include <algorithm>
#include <vector>

namespace mixserve::planner {
namespace {

constexpr double kFlopsEfficiency = 0.7, kMemoryEfficiency = 0.8;

int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

int64_t busyGroups(const Layout &layout, const StepLoad &load) {
  return std::min(layout.attnDp, load.sequences);
}

/// What `ranks` ranks of a unit read of weights of which each reads `bytes`, and `distinct` ranks
/// different ones.
double unitWeightBytes(double bytes, int64_t distinct, double ranks) {
  return bytes * (bytes <= kCachedBytes ? std::min<double>(distinct, ranks) : ranks);
}

} // namespace

double busyRanks(const Layout &layout, const StepLoad &load, Unit unit) {
  const int64_t units = layout.attnTp * layout.attnDp / unit.ranks;
  const int64_t groups = ceilDiv(busyGroups(layout, load), units);
  return static_cast<double>(std::min(unit.ranks, groups * layout.attnTp));
}

Unit unitOf(const Cluster &cluster) { return {cluster.device.perNode ? cluster.mesh.devices : 1}; }

int64_t busiestGroupRows(const Layout &layout, const StepLoad &load) {
  return ceilDiv(load.tokens, busyGroups(layout, load));
}

Work attentionWork(const ModelShape &model, const Layout &layout, const StepLoad &load, Unit unit) {
  const double rows = busiestGroupRows(layout, load),
               sequences = ceilDiv(load.sequences, busyGroups(layout, load));
  const double heads = double(model.heads) / layout.attnTp,
               kvHeads = model.localKvHeads(layout.attnTp);
  double projections = double(model.hidden) * model.headDim * (2 * heads + 2 * kvHeads);
  double products = rows * load.context * 4 * model.headDim * heads;
  if (model.isLatent()) {
    const double hidden = model.hidden, latent = model.latentDim, rope = model.ropeDim;
    const double made = double(model.headDim) + model.valueDim; // key and value of a head
    const double positions = sequences * (load.context + (rows / sequences - 1) / 2);
    projections = hidden * (heads * (made + rope) + latent + rope);
    products = 2 * heads *
               std::min(rows * (latent * made + load.context * (2 * latent + rope)),
                        positions * latent * made + rows * load.context * (made + rope));
  }
  Work work;
  work.flops = 2 * rows * projections + products;
  const double ranks = busyRanks(layout, load, unit);
  work.flops *= ranks;
  work.bytes =
      unitWeightBytes(attentionWeightBytes(model, layout), layout.attnTp, ranks) +
      ranks * sequences * load.context * model.cacheWidth(layout.attnTp) * model.dtypeBytes;
  return work;
}

Work expertWork(const ModelShape &model, const Layout &layout, const StepLoad &load,
                const RoutingLoad &routing, Unit unit) {
  const double owned = ceilDiv(busiestGroupRows(layout, load), layout.attnTp);
  const double perExpert = 3.0 * model.hidden * model.ffn / layout.moeTp;
  const double router = double(model.hidden) * model.experts;
  const double routers = busyRanks(layout, load, unit);
  std::vector<Work> ofRank; // by expert-parallel index
  for (int64_t ep = 0; ep < layout.moeEp; ++ep) {
    const ExpertRange range = expertsOf(ep, model.experts, layout);
    ofRank.push_back({2 * perExpert * load.tokens * routing.picks(range),
                      expertBytes(model, layout) * routing.active(range, load.tokens)});
  }
  Work busiest;
  for (int64_t first = 0; first < layout.moeTp * layout.moeEp; first += unit.ranks) {
    Work sum;
    for (int64_t rank = first; rank < first + unit.ranks; ++rank) {
      sum.flops += ofRank[rank / layout.moeTp].flops;
      sum.bytes += ofRank[rank / layout.moeTp].bytes;
    }
    busiest.flops = std::max(busiest.flops, sum.flops);
    busiest.bytes = std::max(busiest.bytes, sum.bytes);
  }
  busiest.flops += routers * 2 * owned * router;
  busiest.bytes += unitWeightBytes(routerBytes(model), 1, routers);
  return busiest;
}

Work headWork(const ModelShape &model, const Layout &layout, const StepLoad &load, Unit unit) {
  const double asked = ceilDiv(load.sequences, busyGroups(layout, load));
  const double weights = double(model.hidden) * model.vocab / layout.attnTp;
  const double ranks = busyRanks(layout, load, unit);
  return {2 * asked * weights * ranks,
          unitWeightBytes(headBytes(model, layout), layout.attnTp, ranks)};
}

double workTime(const Cluster &cluster, const ModelShape &model, const Work &work) {
  const auto flops = cluster.device.flopsPerNs.find(model.dtype);
  const double arithmetic = flops == cluster.device.flopsPerNs.end()
                                ? 0
                                : work.flops / (kFlopsEfficiency * flops->second);
  const double reading = cluster.device.memoryBytesPerNs > 0
                             ? work.bytes / (kMemoryEfficiency * cluster.device.memoryBytesPerNs)
                             : 0;
  return std::max(arithmetic, reading);
}

} // namespace mixserve::planner
