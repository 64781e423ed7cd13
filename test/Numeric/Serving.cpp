//===- Serving.cpp - Compile, open, step ------------------------------------===//
#include "test/Numeric/Serving.h"

#include "mlir/IR/MLIRContext.h"
#include "gtest/gtest.h"
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

using namespace mixserve;
using namespace mixserve::test;

TemporaryFolder::TemporaryFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "mixserve-test.XXXXXX").string();
  if (!mkdtemp(pattern.data()))
    throw std::runtime_error("cannot make a folder like " + pattern);
  path = pattern;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
}

void mixserve::test::writeCluster(const std::string &path, int nodes, int devices) {
  std::ofstream(path) << "schema: mixserve.cluster/v1\nlevels:\n"
                      << "  - {name: node, count: " << nodes << ", link: {bw: 12.5GB/s, latency: 5us}}\n"
                      << "  - {name: device, count: " << devices << ", link: {bw: 100GB/s, latency: 2us}}\n"
                      << "device: {memory: 16GiB, memory_bw: 100GB/s, flops: {f32: 1TFLOP/s}}\n";
}

std::string mixserve::test::compileOrExplain(const CompileOptions &options) {
  mlir::DialectRegistry registry;
  registerPipelineDialects(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  std::string text;
  mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error)
      text += diagnostic.str() + "\n";
  });
  const bool ok = compileModel(options, Phase::Emit, context).failure == CompileFailure::None;
  if (!ok && text.empty())
    return "compilation failed without a word";
  return ok ? "" : text;
}

std::string mixserve::test::compileServed(const ServedLayout &served, const TemporaryFolder &folder,
                                         CompileOptions options) {
  writeCluster(folder / "cluster.yaml", served.nodes, served.devices);
  options.cluster = folder / "cluster.yaml";
  options.output = folder / "artifact";
  options.layout = served.layout;
  options.moeComm = served.method;
  return compileOrExplain(options);
}

size_t mixserve::test::firstDifference(const std::vector<float> &a, const std::vector<float> &b) {
  const size_t size = std::min(a.size(), b.size());
  for (size_t i = 0; i < size; ++i)
    if (std::memcmp(&a[i], &b[i], sizeof(float)) != 0)
      return i;
  return size;
}

ServedModel::ServedModel(const std::string &artifact, const std::string &method, int chunks,
                         const std::string &routingFile, int microBatches)
    : microBatches(microBatches) {
  mxs_options_t options = {};
  options.size = sizeof options;
  options.variant = method.empty() ? nullptr : method.c_str();
  options.chunks = chunks;
  options.routing_file = routingFile.empty() ? nullptr : routingFile.c_str();
  options.micro_batches = microBatches;
  const mxs_status_t status = mxs_model_open(artifact.c_str(), &options, &model);
  EXPECT_EQ(status, MXS_OK) << mxs_last_error();
  if (status != MXS_OK) {
    model = nullptr;
    return;
  }
  const auto manifest = nlohmann::json::parse(mxs_model_manifest(model));
  groups = manifest.at("layout").at("attn_dp");
  vocab = manifest.at("model").at("vocab");
}

ServedModel::~ServedModel() {
  if (model) {
    EXPECT_EQ(close(), MXS_OK) << mxs_last_error();
  }
}

mxs_status_t ServedModel::close() {
  const mxs_status_t status = mxs_model_close(model);
  model = nullptr;
  return status;
}

std::string ServedModel::stats() { return mxs_model_stats(model); }

Generated ServedModel::generate(const std::vector<int32_t> &prompt, int tokens, int group) {
  Generated result;
  result.logits.resize(prompt.size() * vocab);
  std::vector<int32_t> input = prompt;
  int64_t position = 0;
  for (int step = 0; step < tokens; ++step) {
    const mxs_sequence_t sequence = {group, 0, position, static_cast<int32_t>(input.size()),
                                     step == 0 ? MXS_LOGITS_ALL : MXS_LOGITS_LAST};
    const mxs_batch_t batch = {sizeof(mxs_batch_t), 1, &sequence, input.data(), static_cast<int64_t>(input.size()),
                               nullptr, nullptr};
    int32_t next = -1;
    mxs_step_output_t output = {sizeof(mxs_step_output_t), &next, step == 0 ? result.logits.data() : nullptr,
                                step == 0 ? static_cast<int64_t>(prompt.size()) : 0, nullptr, nullptr};
    ++steps;
    if (mxs_model_step(model, &batch, &output) != MXS_OK) {
      ADD_FAILURE() << "step " << step << ": " << mxs_last_error();
      return result;
    }
    result.tokens.push_back(next);
    position += static_cast<int64_t>(input.size());
    input = {next};
  }
  return result;
}

std::vector<Generated> ServedModel::generateMixed(const std::vector<Arrival> &arrivals) {
  struct Running {
    std::vector<int32_t> input;
    int64_t position = 0;
  };
  std::vector<Running> running(arrivals.size());
  std::vector<Generated> results(arrivals.size());
  for (size_t i = 0; i < arrivals.size(); ++i)
    running[i].input = arrivals[i].prompt;
  for (int tick = 0;; ++tick) {
    std::vector<size_t> active;
    bool waiting = false;
    for (size_t i = 0; i < arrivals.size(); ++i) {
      const bool done = static_cast<int>(results[i].tokens.size()) >= arrivals[i].tokens;
      if (!done && arrivals[i].start <= tick)
        active.push_back(i);
      waiting |= !done;
    }
    if (!waiting)
      return results;
    if (active.empty())
      continue;
    // The descriptor wants ascending groups; a sequence keeps its group and its slot for life.
    std::sort(active.begin(), active.end(), [&](size_t a, size_t b) {
      return std::make_pair(a % groups, a) < std::make_pair(b % groups, b);
    });
    std::vector<mxs_sequence_t> sequences;
    std::vector<int32_t> tokens;
    for (size_t i : active) {
      sequences.push_back({static_cast<int32_t>(i % groups), static_cast<int32_t>(i / groups), running[i].position,
                           static_cast<int32_t>(running[i].input.size()), MXS_LOGITS_ALL});
      tokens.insert(tokens.end(), running[i].input.begin(), running[i].input.end());
    }
    std::vector<int32_t> next(sequences.size(), -1);
    std::vector<float> logits(tokens.size() * vocab);
    const mxs_batch_t batch = {sizeof(mxs_batch_t), static_cast<int32_t>(sequences.size()), sequences.data(),
                               tokens.data(), static_cast<int64_t>(tokens.size()), nullptr, nullptr};
    mxs_step_output_t output = {sizeof(mxs_step_output_t), next.data(), logits.data(),
                                static_cast<int64_t>(tokens.size()), nullptr, nullptr};
    ++steps;
    if (mxs_model_step(model, &batch, &output) != MXS_OK) {
      ADD_FAILURE() << "tick " << tick << ": " << mxs_last_error();
      return results;
    }
    size_t row = 0;
    for (size_t n = 0; n < active.size(); ++n) {
      Running &sequence = running[active[n]];
      Generated &result = results[active[n]];
      const size_t rows = sequence.input.size();
      if (result.tokens.empty())
        result.logits.assign(logits.begin() + row * vocab, logits.begin() + (row + rows) * vocab);
      row += rows;
      result.tokens.push_back(next[n]);
      sequence.position += static_cast<int64_t>(rows);
      sequence.input = {next[n]};
    }
  }
}

std::vector<std::vector<float>>
ServedModel::force(const std::vector<std::vector<int32_t>> &sequences,
                   const std::vector<ForcedStep> &schedule, const std::vector<int32_t> &prompts) {
  std::vector<int64_t> position(sequences.size(), 0);
  std::vector<std::vector<float>> results(sequences.size());
  const bool lastOnly = microBatches > 1;
  for (ForcedStep step : schedule) {
    std::sort(step.begin(), step.end(), [&](const auto &a, const auto &b) {
      return std::make_pair(a.first % groups, a.first) < std::make_pair(b.first % groups, b.first);
    });
    std::vector<mxs_sequence_t> parts;
    std::vector<int32_t> tokens, lengths;
    for (const auto &[i, count] : step) {
      parts.push_back({static_cast<int32_t>(i % groups), static_cast<int32_t>(i / groups),
                       position[i], count, lastOnly ? MXS_LOGITS_LAST : MXS_LOGITS_ALL});
      const auto first = sequences[i].begin() + position[i];
      tokens.insert(tokens.end(), first, first + count);
      position[i] += count;
      lengths.push_back(prompts.empty() ? 0 : prompts[i]);
    }
    std::vector<float> logits(tokens.size() * vocab);
    const mxs_batch_t batch = {sizeof(mxs_batch_t), static_cast<int32_t>(parts.size()), parts.data(),
                               tokens.data(), static_cast<int64_t>(tokens.size()), nullptr, lengths.data()};
    mxs_step_output_t output = {sizeof(mxs_step_output_t), nullptr, logits.data(),
                                static_cast<int64_t>(tokens.size()), nullptr, nullptr};
    ++steps;
    if (mxs_model_step(model, &batch, &output) != MXS_OK) {
      ADD_FAILURE() << mxs_last_error();
      return results;
    }
    const float *next = logits.data();
    for (const auto &[i, count] : step) {
      const int64_t rows = lastOnly ? 1 : count;
      results[i].insert(results[i].end(), next, next + rows * vocab);
      next += rows * vocab;
    }
  }
  return results;
}
