//===- ServeCommand.cpp - mixserve-bench serve ------------------------------===//
#include "tools/mixserve-bench/Commands.h"
#include "tools/mixserve-bench/ServeBench.h"
#include "tools/options/Options.h"

#include "core/Env.h"

#include <algorithm>
#include <cstdio>
#include <sstream>

using namespace mixserve::tools;
using nlohmann::json;

static void printLatency(const char *name, const json &summary) {
  if (summary.is_null()) {
    std::printf("%-8s %10s\n", name, "-");
    return;
  }
  std::printf("%-8s", name);
  for (const char *part : {"mean", "p50", "p99", "most"})
    std::printf(" %10.3f", summary.at(part).get<double>() * 1e3);
  std::printf("\n");
}

static void printServeTable(const json &result) {
  const json &layout = result.at("layout"), &load = result.at("load");
  std::ostringstream rate;
  rate << load.at("rate").get<double>() << " per second";
  const std::string arrivals = load.at("rate").get<double>() > 0 ? rate.str() : "all at once";
  std::printf("%s: attn_tp=%d attn_dp=%d moe_tp=%d moe_ep=%d; %lld requests, prompt %s, output %s, "
              "%s, seed %lld\n",
              result.at("artifact").get<std::string>().c_str(), layout.at("attn_tp").get<int>(),
              layout.at("attn_dp").get<int>(), layout.at("moe_tp").get<int>(),
              layout.at("moe_ep").get<int>(),
              static_cast<long long>(result.at("requests").at("served").get<int64_t>()),
              load.at("prompt").get<std::string>().c_str(),
              load.at("output").get<std::string>().c_str(), arrivals.c_str(),
              static_cast<long long>(load.at("seed").get<int64_t>()));
  if (const int64_t cut = result.at("requests").at("cut"))
    std::printf("%lld requests were cut to the artifact's context\n", static_cast<long long>(cut));
  std::printf("%.3f s; tokens/s: %.1f in, %.1f out; %lld steps of %.3f ms on average; at most %lld "
              "running\n",
              result.at("elapsed_s").get<double>(), result.at("prompt_tokens_per_s").get<double>(),
              result.at("output_tokens_per_s").get<double>(),
              static_cast<long long>(result.at("steps").get<int64_t>()),
              result.at("step_s").get<double>() * 1e3 / result.at("steps").get<double>(),
              static_cast<long long>(result.at("peak_running").get<int64_t>()));
  std::printf("%-8s %10s %10s %10s %10s\n", "[ms]", "mean", "p50", "p99", "most");
  printLatency("TTFT", result.at("ttft_s"));
  printLatency("ITL", result.at("itl_s"));
  printLatency("queued", result.at("queued_s"));
  printLatency("request", result.at("request_s"));
  std::printf("%-8s %10s %10s %10s %10s %10s\n", "rank [%]", "compute", "intra", "inter", "wait",
              "idle");
  const double elapsed = result.at("elapsed_s");
  int rank = 0;
  for (const json &times : result.at("ranks")) {
    std::printf("%-8d", rank++);
    for (const char *part : {"compute_s", "intra_s", "inter_s", "wait_s", "idle_s"})
      std::printf(" %10.1f", times.at(part).get<double>() / elapsed * 100);
    std::printf("\n");
  }
}

/// What is wrong with the options as a whole, or "".
static std::string whyNot(const ServeBenchOptions &options, int64_t requests) {
  if (std::max(requests, options.warmUps) > 10'000'000)
    return "--requests and --warm-up: at most ten million requests";
  if (options.load.duration > 0 && requests > 0)
    return "--duration and --requests both say when the load ends; give one of them";
  if (options.load.duration > 0 && options.load.rate == 0)
    return "--duration needs arrivals over time; give --rate too";
  if (options.load.duration * options.load.rate > 1e7)
    return "--duration and --rate make more than ten million requests; give less";
  return "";
}

int mixserve::tools::serveCommand(int argc, char **argv) {
  mxs::Env environment;
  if (const mxs::Status status = mxs::Env::read(environment); !status.ok())
    return fail(status);
  ServeBenchOptions options;
  options.launched = environment.launch.processes > 1;
  std::string prompt = "128", output = "64";
  int64_t requests = 0;
  uint64_t durationNs = 0;
  bool asJson = false;
  Options parser(
      "mixserve-bench serve", "DIR [options]",
      "Serves a load of requests with an artifact and reports TTFT, ITL, throughput, and "
      "where the time of each\nrank went. Prompts are random token ids; outputs are as "
      "long as asked. Latencies count from a request's\narrival. Started by mpirun, one process "
      "per node of the artifact; node 0 makes the load and prints.",
      "mixserve-bench serve bench.mxs --rate 4 --duration 30s --prompt "
      "lognormal:200,0.8 --output 16..128");
  parser.usesRuntime();
  if (environment.launch.process > 0) // what all processes would say, one does
    parser.beSilent();
  parser.number("requests", "N", requests, 1, "requests of the load (default 64)");
  parser.duration("duration", durationNs, "or: as many as arrive in this time; needs --rate");
  parser.real("rate", options.load.rate,
              "requests per second that arrive as a Poisson process (0: all at once, default)");
  parser.text("prompt", "LENGTH", prompt,
              "tokens of a prompt: N, LOW..HIGH (uniform), or\nlognormal:MEAN,SIGMA (default 128)");
  parser.text("output", "LENGTH", output, "tokens to generate, the same way (default 64)");
  parser.number("seed", "N", options.load.seed, 0, "of arrivals, lengths and ids (default 1)");
  parser.number("warm-up", "N", options.warmUps, 0, "requests before the load (default 4)");
  parser.number("max-running", "N", options.maxRunning, 0,
                "sequences at a time (0: all cache slots, default)");
  parser.number("max-prefill-chunk", "N", options.maxPrefillChunk, 0,
                "tokens of one prompt in a step (0: what fits, default)");
  parser.text("method", "M", options.method,
              "use this dispatch method of the artifact instead of its table's");
  parser.number("chunks", "N", options.chunks, 0,
                "use this chunk count instead of the table's (0: the table's)");
  parser.number("micro-batches", "N", options.microBatches, 0,
                "1: every step in one piece; 2: in halves, of which one computes while\n"
                "the other's rows move (0: the table's)");
  parser.number("pace-inter", "NS", options.paceInter, 0,
                "pace links between nodes [ns per MiB and lane] (0: off)");
  parser.number("pace-intra", "NS", options.paceIntra, 0,
                "pace links inside a node [ns per MiB and rank] (0: off)");
  parser.duration("latency-inter", options.latencyNs, "delay messages between nodes");
  parser.text("trace", "FILE", options.trace, "write a Chrome trace (JSON)");
  parser.duration("deadline", options.deadlineNs, "bound on every wait (default 30s)");
  parser.flag("json", asJson, "print mixserve.bench/v1");
  std::vector<std::string> artifacts;
  if (auto code = parser.parse(argc, argv, artifacts))
    return *code;
  if (artifacts.size() != 1)
    return parser.usageError(artifacts.empty()
                                 ? "which artifact? give its folder"
                                 : "one artifact at a time; unexpected '" + artifacts[1] + "'");
  options.artifact = artifacts[0];
  const auto prompts = LengthDistribution::parse(prompt);
  const auto outputs = LengthDistribution::parse(output);
  if (!prompts || !outputs)
    return parser.usageError((prompts ? "--output: '" + output : "--prompt: '" + prompt) +
                             "' is not " + LengthDistribution::kForms);
  options.load.prompt = *prompts;
  options.load.output = *outputs;
  options.load.duration = double(durationNs) / 1e9;
  if (const std::string why = whyNot(options, requests); !why.empty())
    return parser.usageError(why);
  if (requests > 0)
    options.load.requests = requests;
  // Several processes go through the start together, so that none waits for one that left.
  if (const std::string why = options.launched ? "" : whyNoFile("--trace", options.trace);
      !why.empty())
    return fail(kBadInput, why);
  json result = resultHeader("serve");
  result["artifact"] = options.artifact;
  result["load"] = {{"rate", options.load.rate},
                    {"prompt", prompt},
                    {"output", output},
                    {"seed", options.load.seed},
                    {"warm_up", options.warmUps}};
  if (const mxs::Status status = runServeBench(options, result); !status.ok())
    return parser.flushed(fail(status));
  if (result.is_null()) // node 0 prints
    return kOk;
  if (asJson)
    std::printf("%s\n", result.dump().c_str());
  else
    printServeTable(result);
  return parser.flushed(kOk);
}
