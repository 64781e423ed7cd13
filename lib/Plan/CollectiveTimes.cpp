//===- CollectiveTimes.cpp - A step's communication by collective ---------===//
#include "mixserve/Plan/CollectiveTimes.h"

#include "mixserve/Plan/CollectiveCost.h"

#include <algorithm>
#include <numeric>

namespace mixserve::planner {

namespace {

constexpr size_t kAgDispatch = kCommOps.size(), kRsCombine = kAgDispatch + 1;

double &at(CollectiveTimes &times, CommOp op) { return times[static_cast<size_t>(op)]; }

/// Of one layer, over the links as the cluster file gives them.
CollectiveTimes layerOnLinks(const Cluster &cluster, const Layout &layout, Method method,
                             int64_t chunks, const ByteTable<double> &table) {
  CollectiveTimes times{};
  const FusedTime fused =
      method == Method::HybridFused ? fusedTime(cluster, layout, table, chunks) : FusedTime();
  if (!fused.includesAttention)
    for (CommOp op : {CommOp::AttnAg, CommOp::AttnRs})
      at(times, op) = opTime(cluster, table, op, /*independent=*/false);
  if (method == Method::HybridFused) {
    times[kAgDispatch] = fused.agDispatchNs;
    times[kRsCombine] = fused.rsCombineNs;
    return times;
  }
  double alone = 0;
  for (CommOp op : {CommOp::Dispatch, CommOp::DispatchAg, CommOp::CombineRs, CommOp::Combine})
    alone += at(times, op) = opTime(cluster, table, op, method == Method::FlatEp);
  if (alone > 0)
    for (CommOp op : {CommOp::Dispatch, CommOp::Combine}) // both ways gain alike
      at(times, op) *= expertCommTime(cluster, table, method, chunks) / alone;
  return times;
}

} // namespace

CollectiveTimes collectiveTimes(const PlanContext &context, const Layout &layout, Method method,
                                int64_t chunks, const StepLoad &load) {
  const Cluster &cluster = context.cluster;
  const ModelShape &model = context.model;
  const StepBytes<double> bytes = stepBytes(context, layout, method, load);
  CollectiveTimes times = layerOnLinks(cluster, layout, method, chunks, bytes.layer);
  const double onLinks = std::accumulate(times.begin(), times.end(), 0.0);
  const double whole = layerCommTime(cluster, layout, method, chunks,
                                     static_cast<double>(load.tokens), bytes.layer, model.wire)
                           .total();
  if (onLinks > 0)
    for (double &time : times)
      time *= model.layers * whole / onLinks;
  else // without links: what processors need to bring rows to their experts
    at(times, CommOp::Dispatch) = model.layers * whole;
  for (CommOp op : {CommOp::EmbedRs, CommOp::LmHeadAg})
    at(times, op) = opTime(cluster, bytes.outside, op, /*independent=*/false);
  return times;
}

} // namespace mixserve::planner
