//===- TracedOverlap.cpp - What a trace shows to be hidden ----------------===//
#include "tools/mixserve-bench/TracedOverlap.h"

#include <algorithm>
#include <cstring>
#include <utility>

using namespace mixserve::tools;

namespace {

using Spans = std::vector<std::pair<int64_t, int64_t>>; // [begin, end) in ns

/// Sorted, and what touches is one.
Spans merged(Spans spans) {
  std::sort(spans.begin(), spans.end());
  Spans result;
  for (const auto &span : spans)
    if (!result.empty() && span.first <= result.back().second)
      result.back().second = std::max(result.back().second, span.second);
    else
      result.push_back(span);
  return result;
}

double seconds(const Spans &spans) {
  int64_t sum = 0;
  for (const auto &[begin, end] : spans)
    sum += end - begin;
  return static_cast<double>(sum) * 1e-9;
}

Spans common(const Spans &a, const Spans &b) {
  Spans result;
  for (size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    const int64_t begin = std::max(a[i].first, b[j].first);
    const int64_t end = std::min(a[i].second, b[j].second);
    if (begin < end)
      result.emplace_back(begin, end);
    (a[i].second < b[j].second ? i : j) += 1;
  }
  return result;
}

} // namespace

double TracedOverlap::hidden() const {
  const double shorter = std::min(inter, intra);
  return shorter > 0 ? both / shorter : 0;
}

TracedOverlap mixserve::tools::overlapOf(const std::vector<mxs::TraceEvent> &events, int firstRank,
                                         int endRank) {
  Spans messages;
  std::vector<Spans> moving(static_cast<size_t>(endRank - firstRank));
  for (const mxs::TraceEvent &event : events) {
    const auto isHere = [&](int rank) { return rank >= firstRank && rank < endRank; };
    if (!isHere(event.source) && !isHere(event.target))
      continue;
    const auto is = [&](const char *name) { return std::strcmp(event.name, name) == 0; };
    if (event.target >= 0)
      messages.emplace_back(event.beginNs, event.endNs);
    else if (is("reduce") || is("gather"))
      moving[static_cast<size_t>(event.source - firstRank)].emplace_back(event.beginNs,
                                                                         event.endNs);
  }
  messages = merged(std::move(messages));
  TracedOverlap mean;
  const auto ranks = static_cast<double>(moving.size());
  for (Spans &rank : moving) {
    rank = merged(std::move(rank));
    mean.intra += seconds(rank) / ranks;
    mean.both += seconds(common(rank, messages)) / ranks;
  }
  mean.inter = seconds(messages);
  return mean;
}
