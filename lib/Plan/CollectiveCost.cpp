//===- CollectiveCost.cpp - Time of the step's communication --------------===//
#include "mixserve/Plan/CollectiveCost.h"

#include "mixserve/Plan/Overlap.h"

#include <algorithm>

namespace mixserve::planner {

double transferTime(const LinkSpec &link, double bytes) {
  if (bytes <= 0)
    return 0;
  const double small = link.smallBytesPerNs > 0 ? std::min(bytes, link.smallBelow) : 0;
  const double start = small > 0 ? small / link.smallBytesPerNs : 0;
  return link.latencyNs + start + (bytes - small) / link.bytesPerNs;
}

StageLoad stageLoad(const Cluster &cluster, const ByteTable<double> &table, CommOp op, Link link) {
  StageLoad load{link, 0, 0};
  const bool shared = link == Link::Inter && cluster.inter.perNode;
  const int64_t members = shared ? cluster.mesh.devices : 1; // ranks behind one NIC
  for (int64_t first = 0; first < table.ranks; first += members) {
    double out = 0, in = 0;
    for (int64_t rank = first; rank < first + members; ++rank) {
      out += table.get(op, link, Dir::Out, rank);
      in += table.get(op, link, Dir::In, rank);
    }
    load.outBytes = std::max(load.outBytes, out);
    load.inBytes = std::max(load.inBytes, in);
  }
  return load;
}

namespace {

double stageTime(const Cluster &cluster, const StageLoad &load) {
  return transferTime(cluster.link(load.link), std::max(load.outBytes, load.inBytes));
}

/// One chunk's share of a stage.
Stage chunkStage(const Cluster &cluster, const StageLoad &load, int64_t chunks) {
  const bool intra = load.link == Link::Intra;
  const LinkSpec &link = cluster.link(load.link);
  Stage stage;
  stage[intra ? Resource::IntraOut : Resource::NicOut] = transferTime(link, load.outBytes / chunks);
  stage[intra ? Resource::IntraIn : Resource::NicIn] = transferTime(link, load.inBytes / chunks);
  return stage;
}

} // namespace

double opTime(const Cluster &cluster, const ByteTable<double> &table, CommOp op, bool independent) {
  const double intra = stageTime(cluster, stageLoad(cluster, table, op, Link::Intra));
  const double inter = stageTime(cluster, stageLoad(cluster, table, op, Link::Inter));
  return independent ? std::max(intra, inter) : intra + inter;
}

double expertCommTime(const Cluster &cluster, const ByteTable<double> &table, Method method) {
  double sum = 0;
  for (CommOp op : {CommOp::Dispatch, CommOp::DispatchAg, CommOp::CombineRs, CommOp::Combine})
    sum += opTime(cluster, table, op, method == Method::FlatEp);
  return sum;
}

FusedTime fusedTime(const Cluster &cluster, const Layout &layout, const ByteTable<double> &table,
                    int64_t chunks) {
  auto stage = [&](CommOp op, Link link) {
    return chunkStage(cluster, stageLoad(cluster, table, op, link), chunks);
  };
  FusedTime time;
  time.includesAttention = layout.attnTp > 1 && layout.attnTp <= cluster.mesh.devices;
  std::vector<Stage> out, home;
  if (time.includesAttention)
    out.push_back(stage(CommOp::AttnRs, Link::Intra));
  out.push_back(stage(CommOp::Dispatch, Link::Inter));
  out.push_back(stage(CommOp::DispatchAg, Link::Intra));
  home.push_back(stage(CommOp::CombineRs, Link::Intra));
  home.push_back(stage(CommOp::Combine, Link::Inter));
  if (time.includesAttention)
    home.push_back(stage(CommOp::AttnAg, Link::Intra));
  time.agDispatchNs = pipelineTime(out, chunks);
  time.rsCombineNs = pipelineTime(home, chunks);
  return time;
}

LayerCommTime layerCommTime(const Cluster &cluster, const Layout &layout, Method method,
                            int64_t chunks, const ByteTable<double> &table) {
  if (const auto scale = cluster.scales.find(method); scale != cluster.scales.end()) {
    Cluster links;
    links.mesh = cluster.mesh;
    links.intra = scaled(cluster.intra, scale->second);
    links.inter = scaled(cluster.inter, scale->second);
    return layerCommTime(links, layout, method, chunks, table);
  }
  LayerCommTime time;
  time.attnNs =
      opTime(cluster, table, CommOp::AttnAg, false) + opTime(cluster, table, CommOp::AttnRs, false);
  if (method == Method::HybridFused) {
    const FusedTime fused = fusedTime(cluster, layout, table, chunks);
    time.moeNs = fused.agDispatchNs + fused.rsCombineNs;
    if (fused.includesAttention)
      time.attnNs = 0;
  } else {
    time.moeNs = expertCommTime(cluster, table, method);
  }
  return time;
}

} // namespace mixserve::planner
