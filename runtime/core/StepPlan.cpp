//===- StepPlan.cpp -------------------------------------------------------------------------===//
#include "core/StepPlan.h"

using namespace mxs;

void StepPlan::reserve(const Manifest &manifest, const Topology &topology) {
  const size_t tokens = static_cast<size_t>(manifest.maxBatchTokens);
  batch.reserve(manifest);
  rows.reserve(topology, manifest.maxBatchTokens);
  positions.reserve(tokens);
  asked.reserve(tokens);
  groupTokens.reserve(static_cast<size_t>(topology.attnGroups()));
  groupBegin.reserve(static_cast<size_t>(topology.attnGroups()) + 1);
  groupSequences.reserve(static_cast<size_t>(topology.attnGroups()) + 1);
}

Status StepPlan::update(const Topology &topology) {
  const size_t groups = static_cast<size_t>(topology.attnGroups());
  groupTokens.assign(groups, 0);
  groupSequences.assign(groups + 1, 0);
  groupBegin.assign(groups + 1, 0);
  positions.clear();
  asked.clear();
  for (const mxs_sequence_t &s : batch.sequences) {
    const size_t group = static_cast<size_t>(s.group);
    groupTokens[group] += s.num_tokens;
    ++groupSequences[group + 1];
    for (int32_t i = 0; i < s.num_tokens; ++i) {
      positions.push_back(static_cast<int32_t>(s.position + i));
      asked.push_back(i >= s.num_tokens - Batch::askedRows(s));
    }
  }
  for (size_t g = 0; g < groups; ++g) {
    groupBegin[g + 1] = groupBegin[g] + groupTokens[g];
    groupSequences[g + 1] += groupSequences[g];
  }
  return rows.update(topology, groupTokens, asked.data());
}
