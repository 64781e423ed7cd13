//===- RoutingLoad.h - How rows spread over experts --------------*- C++ -*-===//
//
// A row picks K distinct experts of E. Expert x has a popularity w_x > 0, and a set of K experts is
// picked with a probability proportional to the product of its popularities. With
//   e_k(A) = sum over the k-element subsets of A of the product of their popularities:
//   P(no expert of a set B is picked) = e_K(all \ B) / e_K(all).
// Uniform popularity gives C(E-|B|, K) / C(E, K).
// Worked: E=8, K=2, |B|=4, uniform: 1 - C(4,2)/C(8,2) = 1 - 6/28 = 0.785714.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_PLAN_ROUTINGLOAD_H
#define MIXSERVE_PLAN_ROUTINGLOAD_H

#include "mixserve/Plan/Mesh.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace mixserve::planner {

struct RoutingTrace;

/// Not for concurrent use: it remembers what it computed.
class RoutingLoad {
public:
  /// Every expert alike.
  static RoutingLoad uniform(int64_t experts, int64_t topK);
  /// Popularity (i+1)^-s of the i-th most popular expert. Popular experts are spread over the ids
  /// in a fixed order (multiples of a step near 0.618 E), so that they do not all meet on the first
  /// rank.
  static RoutingLoad zipf(int64_t experts, int64_t topK, double s);
  /// What was recorded, all layers and steps together; the trace must hold at least one row.
  static RoutingLoad recorded(const RoutingTrace &trace);

  /// Probability that a row picks at least one expert of the range.
  double hit(ExpertRange range) const;
  /// Expected experts of the range that a row picks; over all experts this is K.
  double picks(ExpertRange range) const;
  /// Expected number of experts of the range that `rows` rows together pick at least once: their
  /// weights are read.
  double active(ExpertRange range, double rows) const;

  /// "uniform", "zipf s=1", "recorded": printed with the plan.
  const std::string &description() const { return text; }

private:
  RoutingLoad(std::vector<double> popularity, int64_t topK, std::string text);

  int64_t topK = 0;
  std::vector<double> popularity;         ///< [E], mean 1; empty when recorded
  std::vector<double> pickProbability;    ///< [E]
  std::vector<std::vector<int32_t>> rows; ///< recorded: each row's ids
  mutable std::map<std::pair<int64_t, int64_t>, double>
      known; ///< of `hit`: the search asks the same few ranges
  std::string text;

  double computeHit(ExpertRange range) const;
};

} // namespace mixserve::planner

#endif // MIXSERVE_PLAN_ROUTINGLOAD_H
