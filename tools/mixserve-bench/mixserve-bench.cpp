//===- mixserve-bench.cpp - Measures artifacts ------------------------------===//
#include "tools/mixserve-bench/StepBench.h"
#include "tools/options/Options.h"

#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <unistd.h>

using namespace mixserve::tools;
using nlohmann::json;

static int fail(int code, const std::string &message) {
  std::fprintf(stderr, "mixserve-bench: %s\n", message.c_str());
  return code;
}

/// "1,8,32" as batch sizes; nothing if something is wrong.
static std::vector<int64_t> parseBatches(const std::string &text) {
  std::vector<int64_t> batches;
  std::stringstream stream(text + ",");
  for (std::string item; std::getline(stream, item, ',');) {
    char *end = nullptr;
    const long value = std::strtol(item.c_str(), &end, 10);
    if (item.empty() || *end != '\0' || value < 1 || value > 1 << 20)
      return {};
    batches.push_back(value);
  }
  return batches;
}

static void printTable(const json &result) {
  const json &machine = result.at("machine");
  std::printf("%s: %d ranks; %d threads, %s, reads %.1f GB/s",
              result.at("artifact").get<std::string>().c_str(), result.at("ranks").get<int>(),
              machine.at("threads").get<int>(), machine.at("isa").get<std::string>().c_str(),
              machine.at("read_bytes_per_s").get<double>() / 1e9);
  for (const auto &[type, peak] : machine.at("flops_per_s").items())
    std::printf(", %s %.0f GFLOP/s", type.c_str(), peak.get<double>() / 1e9);
  std::printf("\n%-8s %5s %7s %7s %11s %12s %12s %12s %9s\n", "step", "seqs", "tokens", "cached",
              "median [ms]", "tokens/s", "MB/token", "MFLOP/token", "of bound");
  for (const json &step : result.at("steps"))
    std::printf("%-8s %5lld %7lld %7lld %11.3f %12.1f %12.3f %12.2f %8.1f%%\n",
                step.at("kind").get<std::string>().c_str(),
                step.at("sequences").get<long long>(), step.at("tokens").get<long long>(),
                step.at("cached").get<long long>(), step.at("median_s").get<double>() * 1e3,
                step.at("tokens_per_s").get<double>(),
                step.at("bytes_per_token").get<double>() / 1e6,
                step.at("flops_per_token").get<double>() / 1e6,
                step.at("bound_ratio").get<double>() * 100);
  for (const json &reason : result.at("skipped"))
    std::printf("left out: %s\n", reason.get<std::string>().c_str());
}

static int run(StepBenchOptions &options, bool asJson) {
  std::string path = std::string(P_tmpdir) + "/mixserve-bench-XXXXXX";
  const int file = mkstemp(path.data());
  if (file < 0)
    return fail(kBadInput, "cannot make a temporary file in '" P_tmpdir "'");
  close(file);
  options.routingFile = path;
  json result;
  const mxs::Status status = runStepBench(options, result);
  std::remove(path.c_str());
  if (!status.ok())
    return fail(status.code() == MXS_TIMEOUT || status.code() == MXS_ABORTED ||
                        status.code() == MXS_INTERNAL
                    ? kRankFailed
                    : kBadInput,
                status.message());
  if (asJson)
    std::printf("%s\n", result.dump().c_str());
  else
    printTable(result);
  return kOk;
}

int main(int argc, char **argv) {
  StepBenchOptions options;
  std::string batches;
  bool asJson = false;
  Options parser("mixserve-bench", "step DIR [options]",
                 "Times whole steps of an artifact: a prefill, and decoding at several batch "
                 "sizes, beside the bound\nthat bytes read and operations set on this machine, "
                 "whose bandwidth and peak it measures.",
                 "mixserve-bench step bench.mxs --prompt 512 --batch 1,8,32");
  parser.number("prompt", "N", options.prompt, 1, "tokens of the prefill (default 512)");
  parser.number("context", "N", options.context, 0,
                "tokens in the cache of a decoding sequence (default 128)");
  parser.text("batch", "LIST", batches, "batch sizes of decoding (default 1,8)");
  parser.number("repeat", "N", options.repetitions, 1, "steps that are timed (default 15)");
  parser.number("warm-up", "N", options.warmUps, 0, "steps before them (default 3)");
  parser.duration("deadline", options.deadlineNs, "bound on every wait (default 30s)");
  parser.flag("json", asJson, "print mixserve.bench/v1");
  std::vector<std::string> words;
  if (auto code = parser.parse(argc, argv, words))
    return *code;
  if (words.empty() || words[0] != "step")
    return parser.usageError("what to measure? give step DIR");
  if (words.size() != 2)
    return parser.usageError("step measures one artifact; give its folder");
  if (!batches.empty() && (options.batches = parseBatches(batches)).empty())
    return parser.usageError("--batch: '" + batches + "' is no list of batch sizes such as 1,8,32");
  options.artifact = words[1];
  return parser.flushed(run(options, asJson));
}
