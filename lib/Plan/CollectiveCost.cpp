//===- CollectiveCost.cpp - Time of the step's communication --------------===//
#include "mixserve/Plan/CollectiveCost.h"

#include "mixserve/Plan/EarlyAnswers.h"
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

StageLoad stageLoad(const Cluster &cluster, const ByteTable<double> &table,
                    std::initializer_list<CommOp> ops, Link link) {
  StageLoad load{link, 0, 0};
  const bool shared = link == Link::Inter && cluster.inter.perNode;
  const int64_t members = shared ? cluster.mesh.devices : 1; // ranks behind one NIC
  for (int64_t first = 0; first < table.ranks; first += members) {
    double out = 0, in = 0;
    for (CommOp op : ops)
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
  return transferTime(cluster.link(load.link), load.bytes());
}

} // namespace

double opTime(const Cluster &cluster, const ByteTable<double> &table, CommOp op, bool independent) {
  const double intra = stageTime(cluster, stageLoad(cluster, table, {op}, Link::Intra));
  const double inter = stageTime(cluster, stageLoad(cluster, table, {op}, Link::Inter));
  return independent ? std::max(intra, inter) : intra + inter;
}

double expertCommTime(const Cluster &cluster, const ByteTable<double> &table, Method method,
                      int64_t chunks) {
  if (method == Method::HierEp && chunks > 1)
    return forwardedTime(cluster, table, chunks);
  double sum = 0;
  for (CommOp op : {CommOp::Dispatch, CommOp::DispatchAg, CommOp::CombineRs, CommOp::Combine})
    sum += opTime(cluster, table, op, method == Method::FlatEp);
  if (method != Method::FlatEp)
    return sum;
  double inside = 0;
  for (CommOp op : {CommOp::Dispatch, CommOp::Combine})
    inside += stageTime(cluster, stageLoad(cluster, table, {op}, Link::Intra));
  return std::max(inside, sum - earlyAnswerBytes(cluster, table) / cluster.inter.bytesPerNs);
}

namespace {

/// What one of `chunks` equal chunks takes on the links.
class ChunkTimes {
public:
  ChunkTimes(const Cluster &cluster, const ByteTable<double> &table, int64_t chunks)
      : cluster(cluster), table(table), chunks(static_cast<double>(chunks)),
        own(1.0 / static_cast<double>(cluster.mesh.nodes)) {}

  double inNode(CommOp op, double share = 1) const {
    return transferTime(cluster.intra, share * bytes(op, Link::Intra));
  }
  /// `inside`: how rows spread inside the node.
  DispatchChunk dispatch(CommOp inside) const {
    DispatchChunk chunk;
    chunk.networkNs = network(CommOp::Dispatch);
    chunk.latencyNs = latency(CommOp::Dispatch);
    chunk.ownNs = inNode(inside, own);
    chunk.otherNs = inNode(inside, 1 - own);
    return chunk;
  }
  /// `inside`: how sums are made inside the node.
  CombineChunk combine(CommOp inside) const {
    CombineChunk chunk;
    chunk.reduceNs = inNode(inside, 1 - own);
    chunk.networkNs = network(CommOp::Combine);
    chunk.latencyNs = latency(CommOp::Combine);
    chunk.ownNs = inNode(inside, own);
    return chunk;
  }

private:
  double bytes(CommOp op, Link link) const {
    return stageLoad(cluster, table, {op}, link).bytes() / chunks;
  }
  double network(CommOp op) const { return bytes(op, Link::Inter) / cluster.inter.bytesPerNs; }
  double latency(CommOp op) const {
    return transferTime(cluster.inter, bytes(op, Link::Inter)) - network(op);
  }

  const Cluster &cluster;
  const ByteTable<double> &table;
  const double chunks;
  /// Of all rows that a node's ranks give each other, one node's share is their own.
  const double own;
};

} // namespace

FusedTime fusedTime(const Cluster &cluster, const Layout &layout, const ByteTable<double> &table,
                    int64_t chunks) {
  FusedTime time;
  time.includesAttention = layout.attnTp > 1 && layout.attnTp <= cluster.mesh.devices;
  const ChunkTimes times(cluster, table, chunks);
  DispatchChunk out = times.dispatch(CommOp::DispatchAg);
  CombineChunk home = times.combine(CommOp::CombineRs);
  if (time.includesAttention) {
    out.reduceNs = times.inNode(CommOp::AttnRs);
    home.gatherNs = times.inNode(CommOp::AttnAg);
  }
  time.agDispatchNs = dispatchTime(out, chunks);
  time.rsCombineNs = combineTime(home, chunks);
  return time;
}

double forwardedTime(const Cluster &cluster, const ByteTable<double> &table, int64_t chunks) {
  const ChunkTimes times(cluster, table, chunks);
  return dispatchTime(times.dispatch(CommOp::Dispatch), chunks) +
         combineTime(times.combine(CommOp::Combine), chunks);
}

namespace {

/// Over the links as they are.
LayerCommTime linkTime(const Cluster &cluster, const Layout &layout, Method method, int64_t chunks,
                       const ByteTable<double> &table) {
  LayerCommTime time;
  time.attnNs =
      opTime(cluster, table, CommOp::AttnAg, false) + opTime(cluster, table, CommOp::AttnRs, false);
  if (method == Method::HybridFused) {
    const FusedTime fused = fusedTime(cluster, layout, table, chunks);
    time.moeNs = fused.agDispatchNs + fused.rsCombineNs;
    if (fused.includesAttention)
      time.attnNs = 0;
  } else {
    time.moeNs = expertCommTime(cluster, table, method, chunks);
  }
  return time;
}

} // namespace

LayerCommTime layerCommTime(const Cluster &cluster, const Layout &layout, Method method,
                            int64_t chunks, double tokens, const ByteTable<double> &table,
                            WireType wire) {
  const MethodFit *fitted = fitsOf(cluster.fits, wire).find(method, layout);
  if (!fitted)
    return linkTime(cluster, layout, method, chunks, table);
  const MethodFit &fit = *fitted;
  Cluster links;
  links.mesh = cluster.mesh;
  links.intra = fittedLink(cluster.intra, fit);
  links.inter = fittedLink(cluster.inter, fit);
  LayerCommTime time = linkTime(links, layout, method, chunks, table);
  const double onLinks = time.total();
  const double constants = overlapped(onLinks, processorTime(fit, chunks, tokens));
  const double whole = correctedTime(fit.residuals, chunks, tokens, constants);
  // What processors add belongs to both parts alike; without links all of it to the experts' part.
  if (onLinks > 0)
    time.attnNs *= whole / onLinks;
  time.moeNs = whole - time.attnNs;
  time.processorNs = std::min(whole, processorTime(fit, chunks, tokens));
  return time;
}

} // namespace mixserve::planner
