//===- StepResult.cpp -----------------------------------------------------------------------===//
#include "core/StepResult.h"

#include <algorithm>

using namespace mxs;

static size_t largestPicks(const Manifest &manifest) {
  return static_cast<size_t>(std::min<int64_t>(manifest.maxSeqs, manifest.maxBatchTokens));
}

void RankResult::reserve(const Manifest &manifest) { picks.reserve(largestPicks(manifest)); }

size_t RankResult::largestBytes(const Manifest &manifest) {
  return 3 * sizeof(uint64_t) + largestPicks(manifest) * sizeof(Pick);
}

void RankResult::clear() {
  picks.clear();
  logits.clear();
  routing.clear();
}

void RankResult::write(ByteWriter &out) const {
  out.putArray(picks);
  out.putArray(logits);
  out.put<uint64_t>(routing.size());
  for (const std::vector<int32_t> &ids : routing)
    out.putArray(ids);
}

void RankResult::read(ByteReader &in) {
  uint64_t layers = 0;
  in.getArray(picks);
  in.getArray(logits);
  in.get(layers);
  routing.clear();
  for (uint64_t i = 0; i < layers && in.ok(); ++i)
    in.getArray(routing.emplace_back());
}

/// Sequences of a group that ask logits.
static size_t askingSequences(const StepPlan &plan, int group) {
  const auto begin = plan.batch.sequences.begin();
  const size_t g = static_cast<size_t>(group);
  return static_cast<size_t>(
      std::count_if(begin + int64_t(plan.groupSequences[g]),
                    begin + int64_t(plan.groupSequences[g + 1]),
                    [](const mxs_sequence_t &s) { return Batch::askedRows(s) > 0; }));
}

Status mxs::checkResults(const StepPlan &plan, const Topology &topology, const Manifest &manifest,
                         const std::vector<RankResult> &ranks) {
  for (int rank = 0; rank < topology.rankCount(); ++rank) {
    const RankResult &result = ranks[static_cast<size_t>(rank)];
    const int group = topology.attnGroup(rank);
    const size_t rows = static_cast<size_t>(plan.rows.askedRows(group));
    const size_t logits = plan.batch.wantLogits ? rows * size_t(manifest.vocabLocal) : 0;
    const size_t layers = plan.batch.wantRouting ? manifest.moeLayers.size() : 0;
    bool fits = result.picks.size() == askingSequences(plan, group) &&
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

/// What the ranks of a group say of its asking sequence number `asking`.
static Pick mergedPick(const Topology &topology, const std::vector<RankResult> &ranks, int group,
                       size_t asking) {
  Pick best;
  for (int coord = 0; coord < topology.attnTp; ++coord) {
    const int rank = topology.firstRankOfGroup(group) + coord;
    const Pick &pick = ranks[static_cast<size_t>(rank)].picks[asking];
    if (pick.token == Pick::kNotFinite)
      return pick;
    // Of equal values the lower id: lower ranks hold lower ids.
    if (pick.token >= 0 && (best.token < 0 || pick.value > best.value))
      best = pick;
  }
  return best;
}

void mxs::mergePicks(const StepPlan &plan, const Topology &topology,
                     const std::vector<RankResult> &ranks, std::vector<Pick> &picks) {
  size_t asking = 0; // asking sequences of the group before this one
  picks.assign(plan.batch.sequences.size(), Pick());
  for (size_t i = 0; i < picks.size(); ++i) {
    const mxs_sequence_t &s = plan.batch.sequences[i];
    if (i > 0 && plan.batch.sequences[i - 1].group != s.group)
      asking = 0;
    if (Batch::askedRows(s) > 0)
      picks[i] = mergedPick(topology, ranks, s.group, asking++);
  }
}
