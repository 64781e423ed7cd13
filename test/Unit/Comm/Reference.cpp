//===- Reference.cpp ----------------------------------------------------------------------------===//

#include "Reference.h"

#include <cmath>

namespace mxs::test {

float attentionSum(const Scenario &s, int rank, int64_t row, int64_t h) {
  const int first = rank / s.topo.attnTp * s.topo.attnTp, end = first + s.topo.attnTp;
  float total = 0;
  for (int node = s.node(first); node <= s.node(end - 1); ++node) {
    float sum = 0;
    bool started = false;
    for (int peer = first; peer < end; ++peer) {
      if (s.node(peer) != node)
        continue;
      sum = started ? sum + s.attention(peer, row, h) : s.attention(peer, row, h);
      started = true;
    }
    sum = s.sent(sum, node, s.node(s.home[row]));
    total = node == s.node(first) ? sum : total + sum;
  }
  return total;
}

float combined(const Scenario &s, Method method, int64_t row, int64_t h) {
  float total = 0;
  const int home = s.node(s.home[row]);
  if (method == Method::FlatEp) {
    for (int rank : s.destinationRanks(row))
      total += s.sent(s.expert(rank, row, h), s.node(rank), home);
    return total;
  }
  for (int node = 0; node < s.topo.nodes; ++node) {
    if (method != Method::AllGather && !s.destinationNodes(row).count(node))
      continue;
    float sum = 0;
    for (int device = 0; device < s.topo.devices; ++device) {
      const int rank = node * s.topo.devices + device;
      if (method != Method::HierEp || s.holds(rank, row))
        sum += s.expert(rank, row, h);
    }
    total += s.sent(sum, node, home);
  }
  return total;
}

float received(const Scenario &s, Method method, int rank, int64_t row, int64_t h) {
  if (method == Method::AllGather)
    return s.shared(s.x(row, h), 0, s.ranks());
  return s.sent(s.x(row, h), s.node(s.home[row]), s.node(rank));
}

double roundingOf(const Scenario &s, int64_t row, int64_t h) {
  double total = 0;
  for (int rank : s.destinationRanks(row))
    total += std::abs(static_cast<double>(s.expert(rank, row, h)));
  return s.wire == WireType::BF16 ? total / 256 : 0;
}

double combinedExact(const Scenario &s, int64_t row, int64_t h) {
  double total = 0;
  for (int rank : s.destinationRanks(row))
    total += static_cast<double>(s.expert(rank, row, h));
  return total;
}

bool arrives(const Scenario &s, Method method, int rank, int64_t row) {
  switch (method) {
  case Method::AllGather:
    return true;
  case Method::FlatEp:
  case Method::HierEp:
    return s.holds(rank, row);
  case Method::Hybrid:
    return s.destinationNodes(row).count(s.node(rank)) != 0;
  }
  return false;
}

} // namespace mxs::test
