//===- RoutingTrace.cpp ---------------------------------------------------------------------===//
#include "core/RoutingTrace.h"

#include "core/Json.h"

using namespace mxs;

void RoutingTrace::add(const StepPlan &plan, const Manifest &manifest,
                       const std::vector<RankResult> &ranks) {
  Json step;
  step["variant"] = manifest.variants[static_cast<size_t>(plan.batch.variant)];
  step["chunks"] = plan.batch.chunks;
  step["sequences"] = Json::array();
  for (const mxs_sequence_t &s : plan.batch.sequences)
    step["sequences"].push_back(
        {{"group", s.group}, {"tokens", s.num_tokens}, {"asked", Batch::askedRows(s)}});
  step["ids"] = Json::array();
  for (size_t layer = 0; layer < manifest.moeLayers.size(); ++layer) {
    Json ids = Json::array();
    for (const RankResult &rank : ranks) // rank order is global row order
      for (int32_t id : rank.routing[layer])
        ids.push_back(id);
    step["ids"].push_back(std::move(ids));
  }
  steps.push_back(step.dump());
}

std::string RoutingTrace::json(const Manifest &manifest) const {
  Json head = {{"schema", "mixserve.routing/v1"},
               {"top_k", manifest.topK},
               {"experts", manifest.experts},
               {"moe_layers", manifest.moeLayers}};
  std::string text = head.dump();
  text.pop_back(); // the closing brace: the steps follow as they were stored
  text += ",\"steps\":[";
  for (size_t i = 0; i < steps.size(); ++i)
    text += (i ? ",\n" : "\n") + steps[i];
  return text + "]}\n";
}
