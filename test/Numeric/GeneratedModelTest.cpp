//===- GeneratedModelTest.cpp - how models with random weights behave -------===//
//
// generate-hf promises routing that roundings do not change and that loads experts evenly: what a
// run records is compared with what the weights were made for.
//
//===----------------------------------------------------------------------===//
#include "mixserve/Plan/RoutingTrace.h"
#include "test/Generate/Qwen3MoeCheckpoint.h"
#include "test/Numeric/Golden.h"
#include "test/Numeric/Serving.h"
#include "gtest/gtest.h"
#include <algorithm>
#include <cmath>
#include <fstream>
#include <set>

using namespace mixserve;
using namespace mixserve::test;

namespace generated_model {
namespace {

constexpr int64_t kVocab = 256, kHidden = 128, kLayers = 4, kExperts = 16, kTopK = 4;
constexpr int kNewTokens = 8;

nlohmann::ordered_json config() {
  return {{"architectures", {"Qwen3MoeForCausalLM"}},
          {"model_type", "qwen3_moe"},
          {"dtype", "float32"},
          {"hidden_size", kHidden},
          {"head_dim", 16},
          {"moe_intermediate_size", 48},
          {"norm_topk_prob", true},
          {"num_attention_heads", 8},
          {"num_experts_per_tok", kTopK},
          {"num_hidden_layers", kLayers},
          {"num_key_value_heads", 2},
          {"num_local_experts", kExperts},
          {"rope_parameters", {{"rope_theta", 10000.0}, {"rope_type", "default"}}},
          {"vocab_size", kVocab}};
}

using Tensors = std::vector<generate::CheckpointTensor>;

std::vector<float> valuesOf(const Tensors &tensors, const std::string &name) {
  for (const generate::CheckpointTensor &tensor : tensors)
    if (tensor.name == name) {
      std::vector<float> values(tensor.elements());
      tensor.fill(0, values.size(), reinterpret_cast<char *>(values.data()));
      return values;
    }
  ADD_FAILURE() << "no tensor " << name;
  return {};
}

/// [layer][token]: the experts that the weights were made to choose.
std::vector<std::vector<std::set<int32_t>>> intended(const Tensors &tensors) {
  const std::vector<float> embedding = valuesOf(tensors, "model.embed_tokens.weight");
  std::vector<std::vector<std::set<int32_t>>> chosen(kLayers,
                                                     std::vector<std::set<int32_t>>(kVocab));
  for (int64_t l = 0; l < kLayers; ++l) {
    const auto router = valuesOf(tensors, "model.layers." + std::to_string(l) + ".mlp.gate.weight");
    for (int64_t e = 0; e < kExperts; ++e) {
      const float *row = router.data() + e * kHidden;
      const int64_t column = std::max_element(row, row + kExperts) - row;
      for (int64_t t = 0; t < kVocab; ++t)
        if (embedding[static_cast<size_t>(t * kHidden + column)] != 0)
          chosen[l][t].insert(static_cast<int32_t>(e));
    }
  }
  return chosen;
}

/// One run of a prompt that has every token of the vocabulary once, and some tokens after it.
struct RecordedRun {
  std::vector<int32_t> tokens; ///< prompt and what was generated
  std::vector<float> logits;
  planner::RoutingTrace trace;
};

RecordedRun runModel(const Tensors &tensors, const std::string &dtype) {
  TemporaryFolder folder;
  generate::writeCheckpoint(folder / "", tensors);
  std::ofstream(folder / "config.json") << generate::configText(config(), dtype);
  writeCluster(folder / "cluster.yaml", 1, 1);
  CompileOptions compile;
  compile.model = folder / "";
  compile.cluster = folder / "cluster.yaml";
  compile.output = folder / "artifact";
  compile.workload = "prompt=256,output=16,concurrency=1";
  EXPECT_EQ(compileOrExplain(compile), "");
  RecordedRun run;
  for (int32_t t = 0; t < kVocab; ++t)
    run.tokens.push_back(t * 77 % kVocab); // 77 is odd: a permutation
  {
    ServedModel served(folder / "artifact", "", 1, folder / "routing.json");
    EXPECT_TRUE(served.isOpen());
    if (!served.isOpen())
      return run;
    const Generated result = served.generate(run.tokens, kNewTokens);
    run.logits = result.logits;
    run.tokens.insert(run.tokens.end(), result.tokens.begin(), result.tokens.end());
  }
  std::string error;
  const auto trace = planner::readRoutingTrace(folder / "routing.json", error);
  EXPECT_TRUE(trace) << error;
  if (trace)
    run.trace = *trace;
  return run;
}

/// Every row of the run went where its token was made to go.
void checkRouting(const RecordedRun &run,
                  const std::vector<std::vector<std::set<int32_t>>> &chosen) {
  size_t position = 0;
  ASSERT_EQ(run.trace.steps.size(), size_t(kNewTokens));
  for (const planner::TraceStep &step : run.trace.steps) {
    const size_t rows = static_cast<size_t>(step.tokens());
    ASSERT_EQ(step.ids.size(), size_t(kLayers));
    for (int64_t l = 0; l < kLayers; ++l)
      for (size_t r = 0; r < rows; ++r) {
        auto first = step.ids[l].begin() + ptrdiff_t(r * kTopK);
        EXPECT_EQ(std::set<int32_t>(first, first + kTopK), chosen[l][run.tokens.at(position + r)])
            << "layer " << l << ", position " << position + r;
      }
    position += rows;
  }
}

class GeneratedModel : public testing::TestWithParam<const char *> {};

TEST_P(GeneratedModel, RoutesAsItWasMadeTo) {
  const RecordedRun run =
      runModel(generate::qwen3MoeCheckpoint(config(), {7, GetParam(), false}), GetParam());
  const auto chosen = intended(generate::qwen3MoeCheckpoint(config(), {7, "F32", false}));
  checkRouting(run, chosen);

  // Every expert gets about K/E of the tokens, other ones in other layers.
  for (int64_t l = 0; l < kLayers; ++l) {
    std::vector<int64_t> load(kExperts);
    for (int32_t id : run.trace.steps.at(0).ids.at(l))
      ++load.at(id);
    const auto [least, most] = std::minmax_element(load.begin(), load.end());
    printf("layer %lld: %lld to %lld of 256 tokens for an expert, mean %lld\n", (long long)l,
           (long long)*least, (long long)*most, (long long)(kVocab * kTopK / kExperts));
    EXPECT_GT(*least, kVocab * kTopK / kExperts * 6 / 10);
    EXPECT_LT(*most, kVocab * kTopK / kExperts * 14 / 10);
  }
  EXPECT_NE(chosen[0], chosen[1]);

  // Activations stay sane: logits neither vanish nor explode.
  double squares = 0;
  for (float logit : run.logits)
    squares += double(logit) * logit;
  const double size = std::sqrt(squares / double(run.logits.size()));
  printf("root mean square of the logits: %.2f\n", size);
  EXPECT_GT(size, 1);
  EXPECT_LT(size, 4);
}

// With half the lead of a token's experts the choice is the same: in the model as it is, the score
// of the K-th expert is more than e^3 times that of the next.
TEST(GeneratedModelGap, HalfTheLeadIsEnough) {
  Tensors tensors = generate::qwen3MoeCheckpoint(config(), {7, "F32", false});
  const auto chosen = intended(tensors);
  for (generate::CheckpointTensor &tensor : tensors)
    if (tensor.name.find("mlp.gate") != std::string::npos)
      tensor.fill = [whole = tensor.fill](uint64_t first, uint64_t count, char *out) {
        whole(first, count, out);
        auto *values = reinterpret_cast<float *>(out);
        for (uint64_t i = 0; i < count; ++i)
          if ((first + i) % uint64_t(kHidden) < uint64_t(kExperts))
            values[i] /= 2;
      };
  checkRouting(runModel(tensors, "F32"), chosen);
}

INSTANTIATE_TEST_SUITE_P(Types, GeneratedModel, testing::Values("F32", "BF16"));

} // namespace
} // namespace generated_model
