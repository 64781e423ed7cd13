//===- TeacherForcedTest.cpp - Weight types against float32 on given tokens ---===//
//
// Every form reads the same tokens, 8 sequences of 256 positions, and its logits are set beside
// those of float32.
//
// Where two experts are nearly alike to the router, a rounding can choose the other one, and the row
// is another row then; so is what later rows of the sequence read of it. A model whose routing is
// clear-cut (generate-hf) shows what the arithmetic does. On the committed model, whose weights are
// random, rows up to the first such choice of their sequence are held to the same bound, and the
// choices are counted.
//
//===----------------------------------------------------------------------===//
#include "kernels/cpu/Engine.h"
#include "mixserve_weights.h"
#include "test/Generate/Qwen3MoeCheckpoint.h"
#include "test/Numeric/Golden.h"
#include "test/Numeric/Serving.h"
#include "gtest/gtest.h"
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <set>

using namespace mixserve;
using namespace mixserve::test;

namespace teacher_forced {
namespace {

constexpr int kSequences = 8, kPositions = 256;
constexpr size_t kVocab = 320;

struct Form {
  const char *name, *weights, *quantize, *kvCache;
};
const Form kF32 = {"f32", "f32", "", "f32"};
const Form kBf16 = {"bf16", "bf16", "", "bf16"};
const Form kAuto = {"as it is", "", "", ""};
const Form kInt8 = {"int8", "", "int8", ""};
const Form kInt8All = {"int8-all", "", "int8-all", ""};
const Form kInt4 = {"int4", "", "int4", ""};

/// What a form says about one sequence.
struct Sequence {
  std::vector<float> logits;                ///< [kPositions, kVocab]
  std::vector<std::set<int64_t>> experts;   ///< of each position, all layers: layer * 1000 + expert
};

std::vector<int32_t> tokensOf(int sequence) {
  std::mt19937 engine(static_cast<unsigned>(sequence));
  std::vector<int32_t> tokens(kPositions);
  for (int32_t &token : tokens)
    token = static_cast<int32_t>(engine() % kVocab);
  return tokens;
}

void readExperts(const std::string &routingFile, std::vector<Sequence> &sequences) {
  const auto trace = nlohmann::json::parse(std::ifstream(routingFile));
  const size_t topK = trace.at("top_k");
  ASSERT_EQ(trace.at("steps").size(), sequences.size());
  for (size_t s = 0; s < sequences.size(); ++s) {
    const auto &layers = trace.at("steps")[s].at("ids");
    sequences[s].experts.resize(kPositions);
    for (size_t layer = 0; layer < layers.size(); ++layer)
      for (size_t i = 0; i < layers[layer].size(); ++i)
        sequences[s].experts.at(i / topK).insert(int64_t(layer) * 1000 +
                                                 layers[layer][i].get<int64_t>());
  }
}

std::vector<Sequence> forced(const std::string &model, const Form &form,
                             const ServedLayout &place = kServedLayouts[0]) {
  TemporaryFolder folder;
  CompileOptions options;
  options.model = model;
  options.workload = "prompt=256,output=1,concurrency=1";
  options.maxBatchTokens = kPositions, options.maxSeqs = 1, options.maxContext = kPositions + 1;
  options.weights = form.weights;
  options.quantize = form.quantize;
  options.quantizeGroup = *form.quantize ? 32 : 0;
  options.kvCache = form.kvCache;
  EXPECT_EQ(compileServed(place, folder, options), "");
  std::vector<Sequence> sequences;
  {
    ServedModel served(folder / "artifact", "", 0, folder / "routing.json");
    if (!served.isOpen())
      return sequences;
    for (int s = 0; s < kSequences; ++s)
      sequences.push_back({served.generate(tokensOf(s), 1).logits, {}});
  }
  readExperts(folder / "routing.json", sequences);
  return sequences;
}

/// How far a form is from float32.
struct Distance {
  int positions = 0;
  int sameTop = 0, worstWindow = kPositions; ///< positions with the same best token; of a sequence
  int otherExperts = 0;                      ///< positions that chose an expert that f32 did not
  double largest = 0;   ///< error of a row, relative to its norm in f32
  double untouched = 0; ///< the same before its sequence's first other expert
  double atLogit = 0;   ///< largest error of a logit before that, relative to the largest logit
};

size_t bestOf(const float *row) { return size_t(std::max_element(row, row + kVocab) - row); }

void addSequence(const Sequence &f32, const Sequence &other, Distance &distance) {
  bool touched = false;
  int sameTop = 0;
  double largestLogit = 0;
  for (float value : f32.logits)
    largestLogit = std::max<double>(largestLogit, std::fabs(value));
  for (size_t at = 0; at < kPositions; ++at) {
    const float *a = &f32.logits.at(at * kVocab), *b = &other.logits.at(at * kVocab);
    double error = 0, norm = 0, most = 0;
    for (size_t v = 0; v < kVocab; ++v) {
      const double apart = std::isfinite(b[v]) ? double(a[v]) - b[v] : INFINITY;
      error += apart * apart;
      norm += double(a[v]) * a[v];
      most = std::max(most, std::fabs(apart));
    }
    const double relative = std::sqrt(error / norm);
    if (f32.experts.at(at) != other.experts.at(at)) {
      ++distance.otherExperts;
      touched = true;
    }
    distance.largest = std::max(distance.largest, relative);
    if (!touched) {
      distance.untouched = std::max(distance.untouched, relative);
      distance.atLogit = std::max(distance.atLogit, most / largestLogit);
    }
    sameTop += bestOf(a) == bestOf(b);
  }
  distance.positions += kPositions;
  distance.sameTop += sameTop;
  distance.worstWindow = std::min(distance.worstWindow, sameTop);
}

Distance distanceOf(const char *model, const Form &form, const std::vector<Sequence> &f32,
                    const std::vector<Sequence> &other) {
  Distance d;
  EXPECT_EQ(f32.size(), size_t(kSequences));
  EXPECT_EQ(other.size(), size_t(kSequences));
  for (size_t s = 0; s < std::min(f32.size(), other.size()); ++s)
    addSequence(f32[s], other[s], d);
  std::printf("%s, %s: error of a row %.1e of its norm (%.1e of the largest logit) while routing is the "
              "same, %.1e in all; top-1 agrees in %.1f %% of %d positions (worst 256: %.1f %%); %d chose "
              "another expert\n",
              model, form.name, d.untouched, d.atLogit, d.largest, 100.0 * d.sameTop / d.positions,
              d.positions, 100.0 * d.worstWindow / kPositions, d.otherExperts);
  return d;
}

/// The sizes of the committed model with weights whose routing is clear-cut.
std::string writeClearCut(const TemporaryFolder &folder, const char *dtype = "F32") {
  const auto config = nlohmann::ordered_json::parse(
      std::ifstream(modelsFolder() + "/qwen3moe-tiny/hf/config.json"));
  generate::writeCheckpoint(folder / "", generate::qwen3MoeCheckpoint(config, {1, dtype}));
  std::ofstream(folder / "config.json") << generate::configText(config, dtype);
  return folder / "";
}

TEST(TeacherForced, ClearCutRouting) {
  const TemporaryFolder folder;
  const std::string model = writeClearCut(folder);
  const std::vector<Sequence> f32 = forced(model, kF32);
  // Issue 4, in each 256 positions.
  const Distance bf16 = distanceOf("clear-cut", kBf16, f32, forced(model, kBf16));
  EXPECT_EQ(bf16.otherExperts, 0);
  EXPECT_LE(bf16.largest, 2e-2);
  EXPECT_LE(bf16.atLogit, 2e-2);
  EXPECT_GE(bf16.worstWindow, 0.98 * kPositions);
  // As measured, with room for kernels that round activations otherwise.
  const Distance int8 = distanceOf("clear-cut", kInt8, f32, forced(model, kInt8));
  EXPECT_EQ(int8.otherExperts, 0);
  EXPECT_LE(int8.largest, 2e-2);
  EXPECT_GE(int8.sameTop, 0.98 * int8.positions);
  const Distance int8All = distanceOf("clear-cut", kInt8All, f32, forced(model, kInt8All));
  EXPECT_EQ(int8All.otherExperts, 0);
  EXPECT_LE(int8All.largest, 4e-2);
  EXPECT_GE(int8All.sameTop, 0.97 * int8All.positions);
  const Distance int4 = distanceOf("clear-cut", kInt4, f32, forced(model, kInt4));
  EXPECT_EQ(int4.otherExperts, 0);
  EXPECT_LE(int4.largest, 0.12);
  EXPECT_GE(int4.sameTop, 0.9 * int4.positions);
}

// A bf16 model as it is compiled without options: its rows cross nodes as bf16, too. Issue 4's
// bound against the same weights in float32 on one rank.
TEST(TeacherForced, Bf16BetweenNodes) {
  const TemporaryFolder folder;
  const std::string model = writeClearCut(folder, "BF16");
  const std::vector<Sequence> f32 = forced(model, kF32);
  for (const ServedLayout &place : kServedLayouts) {
    if (place.nodes == 1)
      continue;
    const Distance bf16 = distanceOf(place.name, kAuto, f32, forced(model, kAuto, place));
    EXPECT_EQ(bf16.otherExperts, 0) << place.name;
    EXPECT_LE(bf16.largest, 2e-2) << place.name;
    EXPECT_LE(bf16.atLogit, 2e-2) << place.name;
    EXPECT_GE(bf16.worstWindow, 0.98 * kPositions) << place.name;
  }
}

/// Rounds float32 values to ones that bfloat16 has.
void roundToBf16(char *values, size_t bytes) {
  for (size_t at = 0; at + 4 <= bytes; at += 4) {
    float value = 0;
    std::memcpy(&value, values + at, 4);
    const uint32_t bits = uint32_t(mxs_bf16_from_f32(value)) << 16;
    std::memcpy(values + at, &bits, 4);
  }
}

/// The committed model with rounded weights, still as float32.
std::string writeRounded(const TemporaryFolder &folder) {
  const std::string from = modelsFolder() + "/qwen3moe-tiny/hf/";
  std::ifstream in(from + "model.safetensors", std::ios::binary);
  std::string file((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  // u64 length, header, data.
  uint64_t header = 0;
  file.copy(reinterpret_cast<char *>(&header), sizeof header);
  const size_t data = sizeof header + header;
  EXPECT_LT(data, file.size()) << from;
  EXPECT_EQ(file.substr(0, data).find("BF16"), std::string::npos) << "not all of it is float32";
  if (data < file.size())
    roundToBf16(&file[data], file.size() - data);
  std::ofstream(folder / "model.safetensors", std::ios::binary) << file;
  std::ofstream(folder / "config.json") << std::ifstream(from + "config.json").rdbuf();
  return folder / "";
}

// What a bf16 engine does to a bf16 model, beside float32 arithmetic on the same weights: issue 4's
// bound on best tokens holds in each 256 positions, though the routing is not clear-cut. Where rows
// are rounded, too, it was emulated only, and stood within one token of the bound.
TEST(TeacherForced, CommittedModelOfBf16Weights) {
  const TemporaryFolder folder;
  const std::string model = writeRounded(folder);
  const Distance bf16 =
      distanceOf("qwen3moe-tiny in bf16", kBf16, forced(model, kF32), forced(model, kBf16));
  const bool roundsRows = mxs::cpu::Engine::process().isa() == mxs::cpu::Isa::Avx512Bf16;
  EXPECT_LE(bf16.untouched, roundsRows ? 2e-2 : 1e-2);
  EXPECT_LE(bf16.atLogit, 2e-2);
  EXPECT_LE(bf16.otherExperts, (roundsRows ? 0.01 : 0.004) * bf16.positions);
  EXPECT_GE(bf16.sameTop, 0.98 * bf16.positions);
  EXPECT_GE(bf16.worstWindow, (roundsRows ? 0.97 : 0.98) * kPositions);
}

TEST(TeacherForced, CommittedModel) {
  const std::string model = modelsFolder() + "/qwen3moe-tiny/hf";
  const std::vector<Sequence> f32 = forced(model, kF32);
  const Distance bf16 = distanceOf("qwen3moe-tiny", kBf16, f32, forced(model, kBf16));
  EXPECT_LE(bf16.untouched, 2e-2);
  EXPECT_LE(bf16.atLogit, 2e-2);
  EXPECT_LE(bf16.otherExperts, 0.02 * bf16.positions);
  EXPECT_GE(bf16.sameTop, 0.98 * bf16.positions);
  const Distance int8 = distanceOf("qwen3moe-tiny", kInt8, f32, forced(model, kInt8));
  EXPECT_LE(int8.untouched, 5e-2);
  EXPECT_LE(int8.otherExperts, 0.04 * int8.positions);
  EXPECT_GE(int8.sameTop, 0.94 * int8.positions);
  const Distance int8All = distanceOf("qwen3moe-tiny", kInt8All, f32, forced(model, kInt8All));
  EXPECT_LE(int8All.untouched, 1e-1);
  EXPECT_GE(int8All.sameTop, 0.9 * int8All.positions);
  // 16 levels for weights that are all alike: bounded against garbage only.
  const Distance int4 = distanceOf("qwen3moe-tiny", kInt4, f32, forced(model, kInt4));
  EXPECT_LE(int4.largest, 1.5);
  EXPECT_GE(int4.sameTop, 0.6 * int4.positions);
}

} // namespace
} // namespace teacher_forced
