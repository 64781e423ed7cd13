//===- EarlyAnswers.cpp - flat-ep: combine beside its own dispatch --------===//
#include "mixserve/Plan/EarlyAnswers.h"

#include "mixserve/Plan/CollectiveCost.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace mixserve::planner {
namespace {

double sum(const std::vector<double> &bytes) {
  return std::accumulate(bytes.begin(), bytes.end(), 0.0);
}

/// As many of them as would have all if each had as much as the busiest one.
double evenCount(const std::vector<double> &bytes) {
  const auto most = std::max_element(bytes.begin(), bytes.end());
  return most != bytes.end() && *most > 0 ? sum(bytes) / *most : 0;
}

/// Which part of what could be hidden is: 1 - s / R.
double answeredPart(const Mesh &mesh, const ByteTable<double> &table) {
  const auto sent = [&](int64_t node) {
    std::vector<double> bytes;
    for (int64_t device = 0; device < mesh.devices; ++device)
      bytes.push_back(table.get(CommOp::Dispatch, Link::Inter, Dir::Out, mesh.rank(node, device)));
    return bytes;
  };
  int64_t busiest = 0;
  for (int64_t node = 1; node < mesh.nodes; ++node)
    if (sum(sent(node)) > sum(sent(busiest)))
      busiest = node;
  std::vector<double> received;
  for (int64_t rank = 0; rank < mesh.ranks(); ++rank)
    if (mesh.node(rank) != busiest)
      received.push_back(table.get(CommOp::Dispatch, Link::Inter, Dir::In, rank));
  const double senders = evenCount(sent(busiest)), receivers = evenCount(received);
  return senders < receivers ? 1 - senders / receivers : 0;
}

} // namespace

double earlyAnswerBytes(const Cluster &cluster, const ByteTable<double> &table) {
  const auto busiest = [&](std::initializer_list<CommOp> ops) {
    return stageLoad(cluster, table, ops, Link::Inter).bytes();
  };
  return (busiest({CommOp::Dispatch}) + busiest({CommOp::Combine}) -
          busiest({CommOp::Dispatch, CommOp::Combine})) *
         answeredPart(cluster.mesh, table);
}

} // namespace mixserve::planner
