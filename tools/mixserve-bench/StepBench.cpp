//===- StepBench.cpp - Times of whole steps beside their bound --------------===//
#include "tools/mixserve-bench/StepBench.h"
#include "tools/mixserve-bench/StepWork.h"

#include "bench/Ceilings.h"
#include "core/MappedFile.h"
#include "kernels/cpu/CpuFeatures.h"

#include <algorithm>
#include <memory>

using namespace mixserve::tools;
using mxs::Status;
using nlohmann::json;

namespace {

/// What the machine can do at most, measured now: other work on it lowers both.
struct Machine {
  double bytesPerSecond = 0;
  double flopsPerSecond[4] = {}; ///< by mxs_weight_type_t; 0 if there is no such loop

  void measure(const mxs::Manifest &manifest) {
    mxs::ThreadPool &pool = mxs::ThreadPool::process();
    const mxs::ThreadPool::Caller caller(pool);
    const mxs::cpu::Engine &engine = mxs::cpu::Engine::process();
    constexpr int64_t size = int64_t(512) << 20; // beyond any cache
    std::unique_ptr<uint8_t[]> memory(new uint8_t[size]);
    std::fill_n(memory.get(), size, uint8_t(1));
    for (int round = 0; round < 5; ++round) {
      const double begin = mxs::bench::now();
      const double bytes = mxs::bench::readAll(pool, memory.get(), size);
      bytesPerSecond = std::max(bytesPerSecond, bytes / (mxs::bench::now() - begin));
      for (const mxs::ParamEntry &param : manifest.params) {
        double &peak = flopsPerSecond[param.type];
        if (param.n == 0 || (round > 0 && peak == 0))
          continue;
        const double start = mxs::bench::now();
        const double operations = mxs::bench::multiplyAll(pool, engine, param.type, 5e-3);
        peak = std::max(peak, operations / (mxs::bench::now() - start));
      }
    }
  }
  /// Of the fastest type in use: a bound for all of them together.
  double peak() const { return *std::max_element(flopsPerSecond, flopsPerSecond + 4); }
};

struct Measured {
  std::string kind; ///< "prefill" or "decode"
  StepShape shape;
  std::vector<double> seconds;
  size_t firstStep = 0; ///< of the measured ones, in the routing trace
};

/// Steps the model with tokens that differ, so that the router has something to choose.
class Stepper {
public:
  Stepper(mxs_model_t *model, const mxs::Manifest &manifest) : model(model), manifest(manifest) {}

  /// Runs one step of `shape`; its time, or the failure.
  Status step(const StepShape &shape, double &seconds) {
    std::vector<mxs_sequence_t> sequences;
    std::vector<int32_t> tokens;
    for (int64_t i = 0; i < shape.sequences; ++i) {
      const int32_t group = static_cast<int32_t>(i * manifest.attnDp / shape.sequences);
      const int32_t slot = sequences.empty() || sequences.back().group != group
                               ? 0
                               : sequences.back().slot + 1;
      sequences.push_back({group, slot, shape.cached, static_cast<int32_t>(shape.tokensEach),
                           MXS_LOGITS_LAST});
      for (int64_t t = 0; t < shape.tokensEach; ++t) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        tokens.push_back(static_cast<int32_t>((state >> 33) % uint64_t(manifest.vocab)));
      }
    }
    std::vector<int32_t> next(sequences.size());
    const mxs_batch_t batch = {sizeof(mxs_batch_t), static_cast<int32_t>(sequences.size()),
                               sequences.data(),    tokens.data(),
                               shape.tokens(),      nullptr};
    mxs_step_output_t output = {};
    output.size = sizeof output;
    output.next_tokens = next.data();
    const double begin = mxs::bench::now();
    const mxs_status_t status = mxs_model_step(model, &batch, &output);
    seconds = mxs::bench::now() - begin;
    ++steps;
    return status == MXS_OK ? mxs::okStatus() : Status(status, mxs_last_error());
  }

  /// Fills the caches of `shape.sequences` sequences up to `shape.cached`.
  Status fill(const StepShape &shape) {
    double ignored = 0;
    const int64_t most = std::max<int64_t>(1, manifest.maxBatchTokens / shape.sequences);
    for (StepShape chunk{shape.sequences, 0, 0}; chunk.cached < shape.cached;
         chunk.cached += chunk.tokensEach) {
      chunk.tokensEach = std::min(most, shape.cached - chunk.cached);
      MXS_TRY(step(chunk, ignored));
    }
    return mxs::okStatus();
  }

  Status measure(const StepBenchOptions &options, Measured &out) {
    MXS_TRY(fill(out.shape));
    double seconds = 0;
    for (int64_t i = 0; i < options.warmUps; ++i)
      MXS_TRY(step(out.shape, seconds));
    out.firstStep = steps;
    for (int64_t i = 0; i < options.repetitions; ++i) {
      MXS_TRY(step(out.shape, seconds));
      out.seconds.push_back(seconds);
    }
    return mxs::okStatus();
  }

private:
  mxs_model_t *model;
  const mxs::Manifest &manifest;
  uint64_t state = 1;
  size_t steps = 0;
};

/// Why the artifact cannot run a step, or nothing.
std::string whyTooLarge(const mxs::Manifest &m, const StepShape &shape) {
  const int64_t perGroup = (shape.sequences + m.attnDp - 1) / m.attnDp;
  if (perGroup > m.maxSeqs)
    return "needs " + std::to_string(perGroup) + " cache slots per group, the artifact has " +
           std::to_string(m.maxSeqs);
  if (shape.tokens() > m.maxBatchTokens)
    return "has " + std::to_string(shape.tokens()) + " tokens, the artifact takes " +
           std::to_string(m.maxBatchTokens);
  if (shape.cached + shape.tokensEach > m.maxContext)
    return "needs a context of " + std::to_string(shape.cached + shape.tokensEach) +
           ", the artifact has " + std::to_string(m.maxContext);
  return "";
}

json resultOf(const mxs::Manifest &manifest, int64_t heads, const Machine &machine,
              Measured &measured, const std::vector<double> &touched) {
  const auto first = touched.begin() + static_cast<int64_t>(measured.firstStep);
  double experts = 0;
  for (size_t i = 0; i < measured.seconds.size(); ++i)
    experts += first[static_cast<int64_t>(i)] / double(measured.seconds.size());
  const StepWork work = workOf(manifest, heads, measured.shape, experts);
  const double seconds = mxs::bench::median(measured.seconds); // sorts enough for the extremes
  const auto [least, most] =
      std::minmax_element(measured.seconds.begin(), measured.seconds.end());
  const double byBytes = work.bytes() / machine.bytesPerSecond;
  const double byFlops = machine.peak() > 0 ? work.flops / machine.peak() : 0;
  const double tokens = double(measured.shape.tokens());
  return {{"kind", measured.kind},
          {"sequences", measured.shape.sequences},
          {"tokens", measured.shape.tokens()},
          {"cached", measured.shape.cached},
          {"repetitions", measured.seconds.size()},
          {"median_s", seconds},
          {"least_s", *least},
          {"most_s", *most},
          {"tokens_per_s", tokens / seconds},
          {"experts_touched", experts},
          {"weight_bytes", work.weightBytes},
          {"cache_bytes", work.cacheBytes},
          {"bytes_per_token", work.bytes() / tokens},
          {"flops_per_token", work.flops / tokens},
          {"bound_bytes_s", byBytes},
          {"bound_flops_s", byFlops},
          {"bound_ratio", std::max(byBytes, byFlops) / seconds}};
}

json machineJson(const Machine &machine) {
  json peaks = json::object();
  for (int type = 0; type < 4; ++type)
    if (machine.flopsPerSecond[type] > 0)
      peaks[mxs_weight_type_name(static_cast<mxs_weight_type_t>(type))] =
          machine.flopsPerSecond[type];
  return {{"threads", mxs::ThreadPool::process().threads()},
          {"cpus", mxs::ThreadPool::availableCpus()},
          {"isa", mxs::cpu::isaName(mxs::cpu::Engine::process().isa())},
          {"read_bytes_per_s", machine.bytesPerSecond},
          {"flops_per_s", std::move(peaks)}};
}

/// Runs everything on an open model.
Status measureAll(mxs_model_t *model, const mxs::Manifest &manifest,
                  const StepBenchOptions &options, std::vector<Measured> &measured, json &skipped) {
  std::vector<Measured> wanted = {{"prefill", {1, options.prompt, 0}, {}, 0}};
  for (int64_t batch : options.batches)
    wanted.push_back({"decode", {batch, 1, options.context}, {}, 0});
  Stepper stepper(model, manifest);
  for (Measured &item : wanted) {
    if (const std::string why = whyTooLarge(manifest, item.shape); !why.empty()) {
      skipped.push_back(item.kind + " of " + std::to_string(item.shape.sequences) +
                        " sequences: it " + why);
      continue;
    }
    MXS_TRY(stepper.measure(options, item));
    measured.push_back(std::move(item));
  }
  return mxs::okStatus();
}

} // namespace

Status mixserve::tools::runStepBench(const StepBenchOptions &options, json &result) {
  MXS_TRY(mxs::cpu::Engine::checkEnvironment());
  mxs_options_t open = {};
  open.size = sizeof open;
  open.deadline_ns = options.deadlineNs;
  open.routing_file = options.routingFile.c_str(); // which experts' weights were touched
  mxs_model_t *model = nullptr;
  const double begin = mxs::bench::now();
  if (mxs_status_t status = mxs_model_open(options.artifact.c_str(), &open, &model);
      status != MXS_OK)
    return Status(status, mxs_last_error());
  const double loading = mxs::bench::now() - begin;
  const json facts = json::parse(mxs_model_manifest(model));
  mxs::Manifest manifest;
  int abi = 0;
  Status status = mxs::Manifest::parse(mxs_model_manifest(model), manifest, abi);
  std::vector<Measured> measured;
  json skipped = json::array();
  Machine machine;
  if (status.ok()) {
    machine.measure(manifest); // before and after: the better one counts
    status = measureAll(model, manifest, options, measured, skipped);
    machine.measure(manifest);
  }
  if (const mxs_status_t closed = mxs_model_close(model); closed != MXS_OK && status.ok())
    status = Status(closed, mxs_last_error());
  std::string trace;
  if (status.ok())
    status = mxs::readFile(options.routingFile, size_t(1) << 32, trace);
  MXS_TRY(status);
  const std::vector<double> touched = expertsTouched(json::parse(trace));
  const int64_t heads = facts.at("model").value("heads", int64_t(0));
  result = {{"schema", "mixserve.bench/v1"},
            {"benchmark", "step"},
            {"artifact", options.artifact},
            {"ranks", manifest.ranks()},
            {"layout", facts.at("layout")},
            {"machine", machineJson(machine)},
            {"open_s", loading},
            {"steps", json::array()},
            {"skipped", std::move(skipped)}};
  for (Measured &item : measured)
    result["steps"].push_back(resultOf(manifest, heads, machine, item, touched));
  return mxs::okStatus();
}
