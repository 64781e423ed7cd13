//===- StepBench.cpp - Times of whole steps beside their bound --------------===//
#include "tools/mixserve-bench/StepBench.h"
#include "tools/mixserve-bench/MachineCeilings.h"
#include "tools/mixserve-bench/Stepper.h"

#include "bench/Ceilings.h"
#include "bench/CoreState.h"
#include "core/MappedFile.h"
#include "kernels/cpu/CpuFeatures.h"

#include <algorithm>
#include <numeric>

using namespace mixserve::tools;
using mxs::Status;
using nlohmann::json;

namespace {

/// A kind of step and what was measured of it.
struct Item {
  const char *kind; ///< "prefill" or "decode"
  StepShape shape;
  std::vector<double> seconds;    ///< of the timed steps
  std::vector<size_t> steps;      ///< their places in the routing trace
  std::vector<Ceilings> ceilings; ///< measured before each of them
  /// Before each of them and the one that goes before it, and after it.
  mxs::bench::CoreState cores{mxs::ThreadPool::process()};
};

/// Closes the model; the first failure counts.
Status closed(mxs_model_t *model, Status status) {
  if (const mxs_status_t code = mxs_model_close(model); code != MXS_OK && status.ok())
    return Status(code, mxs_last_error());
  return status;
}

Status measure(Stepper &stepper, MachineCeilings &machine, const StepBenchOptions &options,
               Item &item) {
  MXS_TRY(stepper.fill(item.shape));
  double seconds = 0;
  for (int64_t i = 0; i < options.warmUps; ++i)
    MXS_TRY(stepper.step(item.shape, seconds));
  for (int64_t i = 0; i < options.repetitions; ++i) {
    item.ceilings.push_back(machine.measure());
    item.cores.before();
    // Threads of the library slept meanwhile. Who serves takes step after step, and does not wait
    // for their wake-up each time (4 % of a short step): the second one counts.
    MXS_TRY(stepper.step(item.shape, seconds));
    item.steps.push_back(stepper.count());
    MXS_TRY(stepper.step(item.shape, seconds));
    item.seconds.push_back(seconds);
    item.cores.after();
  }
  return mxs::okStatus();
}

Status measureAll(mxs_model_t *model, const mxs::Manifest &manifest,
                  const StepBenchOptions &options, std::vector<Item> &items, json &skipped) {
  std::vector<Item> wanted;
  wanted.push_back({"prefill", {1, options.prompt, 0}, {}, {}, {}});
  for (int64_t batch : options.batches)
    wanted.push_back({"decode", {batch, 1, options.context}, {}, {}, {}});
  Stepper stepper(model, manifest);
  MachineCeilings machine(manifest, options.ceilingMib << 20);
  machine.measure(); // a first time, to warm up
  for (Item &item : wanted) {
    if (const std::string why = stepper.whyTooLarge(item.shape); !why.empty()) {
      skipped.push_back(std::string(item.kind) + " of " + std::to_string(item.shape.sequences) +
                        " sequences: it " + why);
      continue;
    }
    MXS_TRY(measure(stepper, machine, options, item));
    items.push_back(std::move(item));
  }
  return mxs::okStatus();
}

/// Times and bounds of the steps that `which` names, which are some.
struct Middle {
  Middle(const Item &item, const StepWork &work, const std::vector<size_t> &which)
      : ceilings(middleOf(item.ceilings, which)), seconds(mxs::bench::median(item.seconds, which)),
        byBytes(ceilings.byteSeconds(work)), byFlops(ceilings.flopSeconds(work)) {}
  double boundRatio() const { return std::max(byBytes, byFlops) / seconds; }

  const Ceilings ceilings;
  const double seconds, byBytes, byFlops;
};

json resultOf(const mxs::Manifest &manifest, int64_t heads, const Item &item,
              const std::vector<double> &touched) {
  double experts = 0;
  for (size_t step : item.steps)
    experts += touched[step] / double(item.steps.size());
  const StepWork work = workOf(manifest, heads, item.shape, experts);
  std::vector<size_t> all(item.seconds.size());
  std::iota(all.begin(), all.end(), size_t(0));
  const Middle middle(item, work, all);
  const auto [least, most] = std::minmax_element(item.seconds.begin(), item.seconds.end());
  const double tokens = double(item.shape.tokens());
  json result = {{"kind", item.kind},
                 {"sequences", item.shape.sequences},
                 {"tokens", item.shape.tokens()},
                 {"cached", item.shape.cached},
                 {"repetitions", item.seconds.size()},
                 {"median_s", middle.seconds},
                 {"least_s", *least},
                 {"most_s", *most},
                 {"tokens_per_s", tokens / middle.seconds},
                 {"experts_touched", experts},
                 {"weight_bytes", work.weightBytes},
                 {"cache_bytes", work.cacheBytes},
                 {"bytes_per_token", work.bytes() / tokens},
                 {"flops_per_token", work.allFlops() / tokens},
                 {"bound_bytes_s", middle.byBytes},
                 {"bound_flops_s", middle.byFlops},
                 {"bound_ratio", middle.boundRatio()},
                 {"issued_per_cycle", item.cores.middle()},
                 {"free", nullptr}};
  if (const std::vector<size_t> free = item.cores.freeTimes(); !free.empty()) {
    const Middle undisturbed(item, work, free);
    result["free"] = {{"repetitions", free.size()},
                      {"median_s", undisturbed.seconds},
                      {"bound_ratio", undisturbed.boundRatio()}};
  }
  result.update(middle.ceilings.asJson());
  return result;
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
  std::vector<Item> items;
  json skipped = json::array();
  if (status.ok())
    status = measureAll(model, manifest, options, items, skipped);
  MXS_TRY(closed(model, std::move(status)));
  std::string trace;
  MXS_TRY(mxs::readFile(options.routingFile, size_t(1) << 32, trace));
  const std::vector<double> touched = expertsTouched(json::parse(trace));
  const int64_t heads = facts.at("model").value("heads", int64_t(0));
  result["machine"]["threads"] = mxs::ThreadPool::process().threads();
  result["machine"]["isa"] = mxs::cpu::isaName(mxs::cpu::Engine::process().isa());
  result.update({{"artifact", options.artifact},
                 {"ranks", manifest.ranks()},
                 {"layout", facts.at("layout")},
                 {"open_s", loading},
                 {"steps", json::array()},
                 {"skipped", std::move(skipped)}});
  result["machine"]["core_width"] = mxs::bench::coreWidth();
  for (const Item &item : items)
    result["steps"].push_back(resultOf(manifest, heads, item, touched));
  return mxs::okStatus();
}
