//===- StepResult.cpp -----------------------------------------------------------------------===//
#include "core/StepResult.h"

#include <algorithm>
#include <cmath>

using namespace mxs;

void RankResult::setLogits(const float *values, int64_t rows, int64_t columns, int32_t firstToken,
                           bool keep) {
  best.assign(static_cast<size_t>(rows), -INFINITY);
  bestToken.assign(static_cast<size_t>(rows), firstToken);
  for (size_t row = 0; row < best.size(); ++row)
    for (int64_t c = 0; c < columns; ++c) {
      const float value = values[int64_t(row) * columns + c];
      // A NaN wins and stays: it must not be hidden by the numbers beside it.
      if (value > best[row] || (std::isnan(value) && !std::isnan(best[row]))) {
        best[row] = value;
        bestToken[row] = firstToken + static_cast<int32_t>(c);
      }
    }
  if (keep)
    logits.assign(values, values + rows * columns);
}

void RankResult::write(ByteWriter &out) const {
  out.putArray(best);
  out.putArray(bestToken);
  out.putArray(logits);
  out.put<uint64_t>(routing.size());
  for (const std::vector<int32_t> &ids : routing)
    out.putArray(ids);
}

void RankResult::read(ByteReader &in) {
  uint64_t layers = 0;
  in.getArray(best);
  in.getArray(bestToken);
  in.getArray(logits);
  in.get(layers);
  routing.clear();
  for (uint64_t i = 0; i < layers && in.ok(); ++i)
    in.getArray(routing.emplace_back());
}

Status mxs::checkResults(const StepPlan &plan, const Topology &topology, const Manifest &manifest,
                         const std::vector<RankResult> &ranks) {
  for (int rank = 0; rank < topology.rankCount(); ++rank) {
    const RankResult &result = ranks[static_cast<size_t>(rank)];
    const size_t rows = static_cast<size_t>(plan.rows.askedRows(topology.attnGroup(rank)));
    const size_t logits = plan.batch.wantLogits ? rows * size_t(manifest.vocabLocal) : 0;
    const size_t layers = plan.batch.wantRouting ? manifest.moeLayers.size() : 0;
    bool fits = result.best.size() == rows && result.bestToken.size() == rows &&
                result.logits.size() == logits && result.routing.size() == layers;
    for (const std::vector<int32_t> &ids : result.routing)
      fits = fits && ids.size() == size_t(plan.rows.ownedRows(rank)) * size_t(manifest.topK);
    if (!fits)
      return internalError("the results of rank " + std::to_string(rank) +
                           " do not have the size of the step");
  }
  return okStatus();
}

int64_t mxs::askedRows(const Batch &batch) {
  int64_t rows = 0;
  for (const mxs_sequence_t &s : batch.sequences)
    rows += Batch::askedRows(s);
  return rows;
}

void mxs::mergeLogits(const StepPlan &plan, const Topology &topology,
                      const std::vector<RankResult> &ranks, int64_t vocabLocal, float *logits) {
  const int64_t vocab = vocabLocal * topology.attnTp;
  for (int group = 0; group < topology.attnGroups(); ++group) {
    const int64_t rows = plan.rows.askedRows(group);
    for (int coord = 0; coord < topology.attnTp; ++coord) {
      const float *part =
          ranks[static_cast<size_t>(topology.firstRankOfGroup(group) + coord)].logits.data();
      for (int64_t row = 0; row < rows; ++row)
        std::copy_n(part + row * vocabLocal, vocabLocal, logits + row * vocab + coord * vocabLocal);
    }
    logits += rows * vocab;
  }
}

/// The best token of asked row `row` of a group, over the parts of the vocabulary; the lowest of
/// equal ones. -1: a logit is not a number.
static int32_t bestToken(const Topology &topology, const std::vector<RankResult> &ranks, int group,
                         size_t row) {
  float best = -INFINITY;
  int32_t token = -1;
  for (int coord = 0; coord < topology.attnTp; ++coord) {
    const RankResult &part = ranks[static_cast<size_t>(topology.firstRankOfGroup(group) + coord)];
    if (std::isnan(part.best[row]))
      return -1;
    if (token < 0 || part.best[row] > best) {
      best = part.best[row];
      token = part.bestToken[row];
    }
  }
  return token;
}

Status mxs::mergeTokens(const StepPlan &plan, const Topology &topology,
                        const std::vector<RankResult> &ranks, int32_t *tokens) {
  int64_t asked = 0; // asked rows of this and earlier sequences of the group
  for (size_t i = 0; i < plan.batch.sequences.size(); ++i) {
    const mxs_sequence_t &s = plan.batch.sequences[i];
    if (i > 0 && plan.batch.sequences[i - 1].group != s.group)
      asked = 0;
    asked += Batch::askedRows(s);
    tokens[i] = -1;
    if (Batch::askedRows(s) == 0)
      continue;
    tokens[i] = bestToken(topology, ranks, s.group, static_cast<size_t>(asked - 1));
    if (tokens[i] < 0)
      return internalError("the logits of sequence " + std::to_string(i) +
                           " are not numbers (NaN): weights or inputs are damaged; run "
                           "mixserve-inspect --check on the artifact");
  }
  return okStatus();
}
