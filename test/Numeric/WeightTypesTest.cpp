//===- WeightTypesTest.cpp - bf16, int8 and int4 against f32 -----------------===//
#include "mixserve/Plan/LayoutSpace.h"
#include "mixserve/Plan/MemoryCost.h"
#include "test/Numeric/Golden.h"
#include "test/Numeric/Serving.h"
#include "gtest/gtest.h"
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

using namespace mixserve;
using namespace mixserve::test;

namespace weight_types {
namespace {

struct Form {
  const char *name, *weights, *quantize, *kvCache;
  int64_t group;
  double maxRelative; ///< of the logits' error, in the norm below
  double maxApart;    ///< of a sharded run from the whole one, in the same norm
};
// bf16: issue 4. int8 is what the tiny model shows, with room for kernels that round activations
// too. 4 bits, and 8 bits in what decides the routing, tip choices of so small a model: their error
// is reported, and bounded against garbage only (TeacherForced bounds both where routing is
// clear-cut).
const Form kForms[] = {{"f32", "f32", "", "f32", 0, 1e-5, 1e-5},
                       {"bf16", "bf16", "", "bf16", 0, 2e-2, 1e-2},
                       {"bf16_cache", "", "", "bf16", 0, 2e-2, 1e-2},
                       {"int8_g32", "", "int8", "", 32, 5e-2, 2.5e-2},
                       {"int8_g128", "", "int8", "", 128, 5e-2, 2.5e-2},
                       {"int8_all", "", "int8-all", "", 32, 1.0, 5e-2},
                       {"int4_g32", "", "int4", "", 32, 1.0, 0.5},
                       {"bf16_int4_g32", "bf16", "int4", "", 32, 1.0, 0.5}};

struct Place {
  int nodes, devices;
  const char *layout, *method;
};
const Place kOneRank = {1, 1, "attn_tp=1,attn_dp=1,moe_tp=1,moe_ep=1", "allgather"};
// Columns and rows split inside a group of scales; experts split.
const Place kSharded[] = {{1, 2, "attn_tp=2,attn_dp=1,moe_tp=2,moe_ep=1", "allgather"},
                          {1, 2, "attn_tp=2,attn_dp=1,moe_tp=1,moe_ep=2", "flat-ep"},
                          {2, 2, "attn_tp=2,attn_dp=2,moe_tp=2,moe_ep=2", "hybrid-fused"},
                          {2, 2, "attn_tp=1,attn_dp=4,moe_tp=1,moe_ep=4", "flat-ep"}};

/// Logits of every golden prompt's prefill, one after another.
std::vector<float> logitsOf(const std::string &artifact, const std::vector<GoldenPrompt> &prompts) {
  ServedModel served(artifact, "", 0);
  std::vector<float> all;
  if (!served.isOpen())
    return all;
  for (const GoldenPrompt &golden : prompts) {
    const Generated generated = served.generate(golden.prompt, 1);
    all.insert(all.end(), generated.logits.begin(), generated.logits.end());
  }
  return all;
}

/// Bytes of the tensors of a weight file, without what aligns them.
double tensorBytes(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  uint64_t length = 0;
  file.read(reinterpret_cast<char *>(&length), sizeof length);
  std::string header(length, ' ');
  file.read(header.data(), static_cast<std::streamsize>(length));
  double bytes = 0;
  const auto tensors = nlohmann::json::parse(header);
  for (const auto &[name, tensor] : tensors.items())
    if (name.rfind("__padding__", 0) != 0)
      bytes += tensor.at("data_offsets").at(1).get<double>() -
               tensor.at("data_offsets").at(0).get<double>();
  return bytes;
}

/// What the planner says a rank must hold of weights.
double plannedBytes(const Form &form, const Place &place) {
  planner::ModelShape model;
  model.vocab = 320, model.hidden = 64, model.layers = 2;
  model.heads = 4, model.kvHeads = 2, model.headDim = 16, model.qkNorm = true;
  model.experts = 8, model.topK = 2, model.ffn = 48;
  std::string error;
  model.choose(*planner::parseWeightChoice(form.weights, form.quantize, form.group, form.kvCache, error));
  return planner::memoryPerRank(model, *planner::parseLayout(place.layout, error), {64, 4, 64})
      .weights;
}

std::vector<float> serve(const Form &form, const Place &place,
                         const std::vector<GoldenPrompt> &prompts,
                         nlohmann::json *manifest = nullptr) {
  TemporaryFolder folder;
  writeCluster(folder / "cluster.yaml", place.nodes, place.devices);
  CompileOptions options;
  options.model = modelsFolder() + "/qwen3moe-tiny/onnx/mobius-onnx-standard/model.onnx";
  options.cluster = folder / "cluster.yaml";
  options.output = folder / "artifact";
  options.layout = place.layout;
  options.moeComm = place.method;
  options.workload = "prompt=12,output=16,concurrency=4";
  options.maxBatchTokens = 64, options.maxSeqs = 4, options.maxContext = 64;
  options.weights = form.weights;
  options.quantize = form.quantize;
  options.quantizeGroup = form.group;
  options.kvCache = form.kvCache;
  EXPECT_EQ(compileOrExplain(options), "");
  if (!testing::Test::HasFailure()) {
    EXPECT_EQ(tensorBytes(folder / "artifact/weights/shared.safetensors") +
                  tensorBytes(folder / "artifact/weights/rank-0000.safetensors"),
              plannedBytes(form, place));
  }
  if (manifest)
    *manifest = nlohmann::json::parse(std::ifstream(folder / "artifact/manifest.json"));
  return logitsOf(folder / "artifact", prompts);
}

/// Largest difference, relative to the largest logit.
double relativeError(const std::vector<float> &got, const std::vector<float> &expected) {
  if (got.size() != expected.size())
    return INFINITY;
  double error = 0, largest = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    if (!std::isfinite(got[i]))
      return INFINITY;
    error = std::max<double>(error, std::fabs(got[i] - expected[i]));
    largest = std::max<double>(largest, std::fabs(expected[i]));
  }
  return error / largest;
}

/// Share of positions whose best token is the same.
double topOneAgreement(const std::vector<float> &a, const std::vector<float> &b, size_t vocab) {
  size_t same = 0;
  for (size_t at = 0; at < a.size(); at += vocab)
    same += std::max_element(&a[at], &a[at] + vocab) - &a[at] ==
            std::max_element(&b[at], &b[at] + vocab) - &b[at];
  return double(same) * vocab / a.size();
}

class WeightTypes : public testing::TestWithParam<Form> {};

TEST_P(WeightTypes, NearF32AndShardedEqualsUnsharded) {
  const Form form = GetParam();
  const auto prompts = readGolden(modelsFolder() + "/qwen3moe-tiny/golden.safetensors");
  std::vector<float> golden;
  for (const GoldenPrompt &prompt : prompts)
    golden.insert(golden.end(), prompt.logits.begin(), prompt.logits.end());
  nlohmann::json manifest;
  const std::vector<float> whole = serve(form, kOneRank, prompts, &manifest);
  ASSERT_EQ(whole.size(), golden.size());
  const size_t vocab = manifest.at("model").at("vocab");
  const double error = relativeError(whole, golden),
               agreement = topOneAgreement(whole, golden, vocab);
  std::printf(
      "%-14s largest error %.2e of the largest logit, top-1 agrees in %.1f %% of %zu positions\n",
      form.name, error, 100 * agreement, golden.size() / vocab);
  RecordProperty("relative_error", std::to_string(error));
  RecordProperty("top_one_agreement", std::to_string(agreement));
  EXPECT_LE(error, form.maxRelative);
  for (const Place &place : kSharded) {
    // F = 48: two parts of 24 cut groups of 32, see WeightTypesRefused.
    if (form.group == 32 && std::string(place.layout).find("moe_tp=1") == std::string::npos)
      continue;
    const double apart = relativeError(serve(form, place, prompts), whole);
    // The weights are the same values; sums are in another order, and what kernels round may round
    // otherwise.
    EXPECT_LE(apart, form.maxApart) << place.layout;
  }
}

INSTANTIATE_TEST_SUITE_P(Types, WeightTypes, testing::ValuesIn(kForms),
                         [](const auto &info) { return info.param.name; });

TEST(WeightTypesOfTheManifest, SayWhatIsStoredHow) {
  nlohmann::json manifest;
  serve({"", "bf16", "int4", "", 32, 0, 0}, kOneRank, {}, &manifest);
  EXPECT_EQ(manifest.at("weight_types"), nlohmann::json({"f32", "bf16", "int4"}));
  int experts = 0, linears = 0, tables = 0, plain = 0, routers = 0;
  for (const auto &param : manifest.at("params")) {
    const std::string name = param.at("name"), pack = param.at("pack"), type = param.at("type");
    if (param.contains("experts")) {
      ++experts;
      EXPECT_EQ(type, "int4") << name;
      EXPECT_EQ(param.at("group"), 32) << name;
    } else if (pack == "rows") {
      ++tables;
      EXPECT_EQ(type, "bf16") << name;
    } else if (pack == "plain") {
      ++plain;
      EXPECT_EQ(type, "f32") << name;
    } else if (param.at("n") == 8) { // never rounded
      ++routers;
      EXPECT_EQ(type, "f32") << name;
    } else {
      ++linears;
      EXPECT_EQ(type, "bf16") << name;
    }
  }
  EXPECT_EQ(experts, 6);
  EXPECT_EQ(routers, 2);
  EXPECT_EQ(tables, 1);
  EXPECT_EQ(linears, 9);
  EXPECT_EQ(plain, 9);
}

TEST(WeightTypesRefused, ByThePlanner) {
  TemporaryFolder folder;
  writeCluster(folder / "two.yaml", 1, 2);
  writeCluster(folder / "cluster.yaml", 1, 1);
  CompileOptions options;
  options.model = modelsFolder() + "/qwen3moe-tiny/onnx/mobius-onnx-standard/model.onnx";
  options.cluster = folder / "cluster.yaml";
  options.output = folder / "artifact";
  auto fails = [&](const std::string &text) {
    const std::string errors = compileOrExplain(options);
    EXPECT_NE(errors.find(text), std::string::npos) << errors;
    EXPECT_FALSE(std::filesystem::exists(options.output));
  };
  options.cluster = folder / "two.yaml";
  options.layout = "attn_tp=1,attn_dp=2,moe_tp=2,moe_ep=1";
  options.quantize = "int8";
  fails("moe_tp=2: int8 weights have a scale per 32 values, which 2 parts of 24 of 48 would cut");
  options.cluster = folder / "cluster.yaml";
  options.layout = options.quantize = "";
  options.weights = "fp8";
  fails("weights: 'fp8' is not one of auto, f32, bf16");
  options.weights = "int8";
  fails("expert weights are quantised by quantize=int8");
  options.weights = "";
  options.quantize = "int2";
  fails("quantize: 'int2' is not one of int8, int4, int8-all, int4-all");
  options.quantize = "int4";
  options.quantizeGroup = 64;
  fails("quantize-group: 64 is neither 32 nor 128");
  options.quantize = "";
  options.quantizeGroup = 32;
  fails("quantize-group: there is nothing to group");
}

} // namespace
} // namespace weight_types
