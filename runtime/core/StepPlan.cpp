//===- StepPlan.cpp -------------------------------------------------------------------------===//
#include "core/StepPlan.h"

using namespace mxs;

Status StepPlan::create(Batch batch, const Topology &topology, StepPlan &out) {
  const size_t groups = static_cast<size_t>(topology.attnGroups());
  StepPlan plan;
  std::vector<int64_t> groupTokens(groups, 0);
  std::vector<std::vector<uint8_t>> asked(groups);
  plan.groupSequences.assign(groups + 1, 0);
  for (const mxs_sequence_t &s : batch.sequences) {
    const size_t group = static_cast<size_t>(s.group);
    groupTokens[group] += s.num_tokens;
    ++plan.groupSequences[group + 1];
    for (int32_t i = 0; i < s.num_tokens; ++i) {
      plan.positions.push_back(static_cast<int32_t>(s.position + i));
      asked[group].push_back(i >= s.num_tokens - Batch::askedRows(s));
    }
  }
  plan.groupBegin.assign(groups + 1, 0);
  for (size_t g = 0; g < groups; ++g) {
    plan.groupBegin[g + 1] = plan.groupBegin[g] + groupTokens[g];
    plan.groupSequences[g + 1] += plan.groupSequences[g];
  }
  MXS_TRY(RowMap::create(topology, groupTokens, asked, plan.rows));
  plan.batch = std::move(batch);
  out = std::move(plan);
  return okStatus();
}
