//===- ServeBench.cpp - A request load through the engine -------------------===//
#include "tools/mixserve-bench/ServeBench.h"
#include "tools/mixserve-bench/ServedLoad.h"

#include <algorithm>

using namespace mixserve::tools;
using mxs::Status;
using nlohmann::json;

namespace {

/// Counters of model and engine at one moment.
struct Counters {
  json model, engine;

  static Counters read(mxs_model_t *model, mxs_engine_t *engine) {
    return {json::parse(mxs_model_stats(model)), json::parse(mxs_engine_stats(engine))};
  }
  /// Bytes that all ranks have sent over `link`, "intra" or "inter".
  int64_t sent(const char *link) const {
    int64_t sum = 0;
    for (const json &row : model.at("bytes"))
      if (row.at("dir") == "out" && row.at("link") == link)
        sum += row.at("bytes").get<int64_t>();
    return sum;
  }
};

/// Where each rank's time went between two moments, `elapsed` seconds apart.
json rankTimes(const Counters &before, const Counters &after, double elapsed) {
  json ranks = json::array();
  const json &from = before.model.at("rank_ns"), &to = after.model.at("rank_ns");
  for (size_t rank = 0; rank < to.size(); ++rank) {
    json times;
    double inSteps = 0;
    for (const char *part : {"compute", "intra", "inter", "wait"}) {
      const double seconds =
          double(to[rank].at(part).get<int64_t>() - from[rank].at(part).get<int64_t>()) / 1e9;
      times[std::string(part) + "_s"] = seconds;
      inSteps += seconds;
    }
    times["idle_s"] = std::max(0.0, elapsed - inSteps);
    ranks.push_back(std::move(times));
  }
  return ranks;
}

int64_t grown(const Counters &before, const Counters &after, const char *counter) {
  return after.engine.at(counter).get<int64_t>() - before.engine.at(counter).get<int64_t>();
}

json resultOf(const ServedLoad &load, const Counters &before, const Counters &after) {
  const double elapsed = load.elapsed();
  const auto rate = [&](int64_t tokens) { return elapsed > 0 ? double(tokens) / elapsed : 0; };
  json result = load.latencies();
  result.update({{"elapsed_s", elapsed},
                 {"prompt_tokens", load.promptTokens()},
                 {"output_tokens", load.outputTokens()},
                 {"prompt_tokens_per_s", rate(load.promptTokens())},
                 {"output_tokens_per_s", rate(load.outputTokens())},
                 {"steps", grown(before, after, "steps")},
                 {"step_s", double(grown(before, after, "step_ns")) / 1e9},
                 {"peak_running", after.engine.at("peak_running")},
                 {"sent_bytes",
                  {{"intra", after.sent("intra") - before.sent("intra")},
                   {"inter", after.sent("inter") - before.sent("inter")}}},
                 {"ranks", rankTimes(before, after, elapsed)}});
  return result;
}

/// The engine of a model and the load that it tells.
struct Server {
  mxs_engine_t *engine = nullptr;
  ServedLoad *listener = nullptr; ///< of all events; changed only while the engine is idle

  Status open(mxs_model_t *model, const ServeBenchOptions &options, int64_t requests) {
    const auto count = [](int64_t value) {
      return static_cast<int32_t>(std::min<int64_t>(value, INT32_MAX));
    };
    mxs_engine_options_t given = {};
    given.size = sizeof given;
    given.max_queued = count(requests + 1);
    given.max_running = count(options.maxRunning);
    given.max_prefill_chunk = count(options.maxPrefillChunk);
    given.user = this;
    given.on_event = [](void *user, const mxs_event_t *event) {
      if (ServedLoad *load = static_cast<Server *>(user)->listener)
        load->hear(*event);
    };
    const mxs_status_t status = mxs_engine_open(model, &given, &engine);
    return status == MXS_OK ? mxs::okStatus() : Status(status, mxs_last_error());
  }
  ~Server() { mxs_engine_close(engine); }
};

/// Runs warm-up and load on an open model.
Status serve(mxs_model_t *model, const ServeBenchOptions &options, json &result) {
  const json manifest = json::parse(mxs_model_manifest(model));
  const int64_t vocab = manifest.at("model").at("vocab");
  const int64_t maxContext = manifest.at("limits").at("max_context");
  LoadOptions first = options.load;
  first.rate = first.duration = 0;
  first.requests = options.warmUps;
  first.seed += 1; // other prompts of the same kind
  const Load warmUp = makeLoad(first, vocab, maxContext);
  const Load load = makeLoad(options.load, vocab, maxContext);
  if (load.requests.empty())
    return mxs::invalidArgument("no request arrives within the duration; give a longer one, or "
                                "a higher rate");
  ServedLoad warm(warmUp.requests, 1), measured(load.requests, warmUp.requests.size() + 1);
  Server server;
  MXS_TRY(
      server.open(model, options,
                  static_cast<int64_t>(std::max(load.requests.size(), warmUp.requests.size()))));
  server.listener = &warm;
  MXS_TRY(warm.run(server.engine));
  server.listener = &measured;
  const Counters before = Counters::read(model, server.engine);
  MXS_TRY(measured.run(server.engine));
  result.update(resultOf(measured, before, Counters::read(model, server.engine)));
  result["requests"] = {{"served", load.requests.size()}, {"cut", load.cut}};
  result["layout"] = manifest.at("layout");
  return mxs::okStatus();
}

} // namespace

Status mixserve::tools::runServeBench(const ServeBenchOptions &options, json &result) {
  mxs_options_t open = {};
  open.size = sizeof open;
  open.deadline_ns = options.deadlineNs;
  open.variant = options.method.empty() ? nullptr : options.method.c_str();
  open.chunks = static_cast<int32_t>(std::min<int64_t>(options.chunks, INT32_MAX));
  open.micro_batches = static_cast<int32_t>(std::min<int64_t>(options.microBatches, INT32_MAX));
  open.inter_ns_per_mib = static_cast<uint64_t>(options.paceInter);
  open.intra_ns_per_mib = static_cast<uint64_t>(options.paceIntra);
  open.inter_latency_ns = options.latencyNs;
  open.trace_file = options.trace.empty() ? nullptr : options.trace.c_str();
  open.launched = options.launched;
  mxs_model_t *model = nullptr;
  if (mxs_status_t status = mxs_model_open(options.artifact.c_str(), &open, &model);
      status != MXS_OK)
    return Status(status, mxs_last_error());
  Status status;
  if (mxs_model_node(model) == 0) {
    status = serve(model, options, result);
  } else {
    result = nullptr;
    if (const mxs_status_t followed = mxs_model_follow(model); followed != MXS_OK)
      status = Status(followed, mxs_last_error());
  }
  if (const mxs_status_t closed = mxs_model_close(model); closed != MXS_OK && status.ok())
    status = Status(closed, mxs_last_error());
  return status;
}
