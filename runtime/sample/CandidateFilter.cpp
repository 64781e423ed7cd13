//===- CandidateFilter.cpp ------------------------------------------------------------------===//
#include "sample/CandidateFilter.h"

#include <cmath>

using namespace mxs;

void CandidateFilter::create(int64_t capacity, int lists) {
  tokens.reserve(static_cast<size_t>(capacity));
  weights.reserve(static_cast<size_t>(capacity));
  heads.reserve(static_cast<size_t>(lists));
}

CandidateFilter::Pulled CandidateFilter::pull(const std::vector<CandidateList> &lists,
                                              Candidate &next) {
  size_t best = lists.size();
  for (size_t i = 0; i < lists.size(); ++i) {
    if (heads[i] == lists[i].count) {
      if (!lists[i].whole)
        return Pulled::Unknown; // what follows in that part may come before all other heads
      continue;
    }
    if (best == lists.size() || lists[i].items[heads[i]].before(lists[best].items[heads[best]]))
      best = i;
  }
  if (best == lists.size())
    return Pulled::Exhausted;
  next = lists[best].items[heads[best]++];
  return Pulled::One;
}

void CandidateFilter::keep(const Candidate &candidate, double weight) {
  tokens.push_back(candidate);
  weights.push_back(weight);
  total += weight;
}

bool CandidateFilter::keepByCountAndRatio(const mxs_sampling_t &sampling,
                                          const std::vector<CandidateList> &lists, float max) {
  Candidate next{};
  while (sampling.top_k == 0 || tokens.size() < static_cast<size_t>(sampling.top_k)) {
    const Pulled pulled = pull(lists, next);
    if (pulled != Pulled::One)
      return pulled == Pulled::Exhausted;
    const double weight = std::exp(double(next.logit) - double(max));
    if (weight < double(sampling.min_p))
      return true;
    keep(next, weight);
  }
  return true;
}

bool CandidateFilter::keepByMass(float topP, const std::vector<CandidateList> &lists,
                                 const RowMass &row) {
  Candidate next{};
  while (tokens.empty() || total < double(topP) * row.mass) {
    const Pulled pulled = pull(lists, next);
    if (pulled != Pulled::One)
      return pulled == Pulled::Exhausted;
    keep(next, std::exp(double(next.logit) - double(row.max)));
  }
  return true;
}

void CandidateFilter::cutToMass(float topP) {
  const double enough = double(topP) * total;
  size_t count = 0;
  for (total = 0; count < tokens.size() && (count == 0 || total < enough); ++count)
    total += weights[count];
  tokens.resize(count);
  weights.resize(count);
}

int32_t CandidateFilter::draw(const mxs_sampling_t &sampling,
                              const std::vector<CandidateList> &lists, const RowMass &row,
                              double uniform) {
  tokens.clear();
  weights.clear();
  heads.assign(lists.size(), 0);
  total = 0;
  const bool prefixFirst = sampling.top_k > 0 || sampling.min_p > 0.0f;
  const bool known = prefixFirst ? keepByCountAndRatio(sampling, lists, row.max)
                                 : keepByMass(sampling.top_p, lists, row);
  if (!known || tokens.empty()) {
    tokens.clear();
    return -1;
  }
  if (prefixFirst && limitsMass(sampling))
    cutToMass(sampling.top_p);
  const double target = uniform * total;
  double sum = 0;
  for (size_t i = 0; i < tokens.size(); ++i)
    if ((sum += weights[i]) > target)
      return tokens[i].token;
  return tokens.back().token;
}
