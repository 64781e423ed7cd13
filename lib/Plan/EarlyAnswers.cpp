//===- EarlyAnswers.cpp - flat-ep: combine beside its own dispatch --------===//
#include "mixserve/Plan/EarlyAnswers.h"

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

/// What `op` moves between nodes, of each rank in [first, last).
std::vector<double> between(const ByteTable<double> &table, CommOp op, Dir dir, int64_t first,
                            int64_t last) {
  std::vector<double> bytes;
  for (int64_t rank = first; rank < last; ++rank)
    bytes.push_back(table.get(op, Link::Inter, dir, rank));
  return bytes;
}

/// Which part of what could be hidden is: 1 - s / R.
double answeredPart(const Mesh &mesh, const ByteTable<double> &table) {
  const auto sent = [&](int64_t node) {
    return between(table, CommOp::Dispatch, Dir::Out, mesh.rank(node, 0), mesh.rank(node + 1, 0));
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
  const int64_t members = cluster.inter.perNode ? cluster.mesh.devices : 1; // ranks of a link
  double dispatch = 0, combine = 0, both = 0;
  for (int64_t first = 0; first < table.ranks; first += members)
    for (Dir dir : {Dir::Out, Dir::In}) {
      const double sent = sum(between(table, CommOp::Dispatch, dir, first, first + members));
      const double answered = sum(between(table, CommOp::Combine, dir, first, first + members));
      dispatch = std::max(dispatch, sent);
      combine = std::max(combine, answered);
      both = std::max(both, sent + answered);
    }
  return (dispatch + combine - both) * answeredPart(cluster.mesh, table);
}

} // namespace mixserve::planner
