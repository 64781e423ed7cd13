//===- StepCommand.cpp - mixserve-bench step --------------------------------===//
#include "tools/mixserve-bench/Commands.h"
#include "tools/mixserve-bench/StepBench.h"
#include "tools/options/Options.h"

#include "core/Env.h"

#include <cstdio>
#include <cstdlib>
#include <unistd.h>

using namespace mixserve::tools;
using nlohmann::json;

static void printStepTable(const json &result) {
  const json &machine = result.at("machine");
  std::printf("%s: %d ranks; %d threads, %s, load %.1f",
              result.at("artifact").get<std::string>().c_str(), result.at("ranks").get<int>(),
              machine.at("threads").get<int>(), machine.at("isa").get<std::string>().c_str(),
              machine.at("load").get<double>());
  if (const double width = machine.at("core_width").get<double>(); width > 0)
    std::printf("; cores begin up to %.1f instructions a cycle", width);
  std::printf("\n");
  std::printf("%-8s %5s %7s %7s %11s %11s %10s %12s %8s %10s %9s %6s %11s\n", "step", "seqs",
              "tokens", "cached", "median [ms]", "least [ms]", "tokens/s", "bytes [ms]", "[GB/s]",
              "flops [ms]", "of bound", "issue", "free cores");
  for (const json &step : result.at("steps")) {
    std::printf("%-8s %5lld %7lld %7lld %11.3f %11.3f %10.1f %12.3f %8.1f %10.3f %8.1f%%",
                step.at("kind").get<std::string>().c_str(), step.at("sequences").get<long long>(),
                step.at("tokens").get<long long>(), step.at("cached").get<long long>(),
                step.at("median_s").get<double>() * 1e3, step.at("least_s").get<double>() * 1e3,
                step.at("tokens_per_s").get<double>(), step.at("bound_bytes_s").get<double>() * 1e3,
                step.at("read_bytes_per_s").get<double>() / 1e9,
                step.at("bound_flops_s").get<double>() * 1e3,
                step.at("bound_ratio").get<double>() * 100);
    if (const double issued = step.at("issued_per_cycle").get<double>(); issued > 0)
      std::printf(" %6.1f", issued);
    else // not known
      std::printf(" %6s", "-");
    if (const json &free = step.at("free"); free.is_null())
      std::printf(" %11s\n", "-");
    else
      std::printf(" %5.1f%% (%zu)\n", free.at("bound_ratio").get<double>() * 100,
                  free.at("repetitions").get<size_t>());
  }
  for (const json &reason : result.at("skipped"))
    std::printf("left out: %s\n", reason.get<std::string>().c_str());
}

static int run(StepBenchOptions &options, bool asJson) {
  std::string path = std::string(P_tmpdir) + "/mixserve-bench-XXXXXX";
  const int file = mkstemp(path.data());
  if (file < 0)
    return fail(kBadInput, "cannot make a temporary file in '" P_tmpdir "'; make room there");
  close(file);
  options.routingFile = path;
  json result = resultHeader("step");
  const mxs::Status status = runStepBench(options, result);
  std::remove(path.c_str());
  if (!status.ok())
    return fail(status);
  if (asJson)
    std::printf("%s\n", result.dump().c_str());
  else
    printStepTable(result);
  return kOk;
}

int mixserve::tools::stepCommand(int argc, char **argv) {
  mxs::Env environment;
  if (const mxs::Status status = mxs::Env::read(environment); !status.ok())
    return fail(status);
  StepBenchOptions options;
  std::string batches;
  bool asJson = false;
  Options parser("mixserve-bench step", "DIR [options]",
                 "Times whole steps of an artifact: a prefill, and decoding at several batch "
                 "sizes, beside the bound that\nbytes read and operations set on this machine. "
                 "Its bandwidth, and its peak for every weight type, are\nmeasured before each "
                 "step.",
                 "mixserve-bench step bench.mxs --prompt 512 --batch 1,8,32");
  parser.usesRuntime();
  parser.number("prompt", "N", options.prompt, 1, "tokens of the prefill (default 512)");
  parser.number("context", "N", options.context, 0,
                "tokens in the cache of a decoding sequence (default 128)");
  parser.text("batch", "LIST", batches, "batch sizes of decoding (default 1,8)");
  parser.number("repeat", "N", options.repetitions, 1, "steps that are timed (default 15)");
  parser.number("warm-up", "N", options.warmUps, 0, "steps before them (default 3)");
  parser.number("ceiling-mib", "N", options.ceilingMib, 1,
                "memory that is read to measure the bandwidth [MiB] (default 512;\nless is "
                "faster, and wrong when the caches hold it)");
  parser.duration("deadline", options.deadlineNs, "bound on every wait (default 30s)");
  parser.flag("json", asJson, "print mixserve.bench/v1");
  if (environment.launch.process > 0) // what all processes would say, one does
    parser.beSilent();
  std::vector<std::string> artifacts;
  if (auto code = parser.parse(argc, argv, artifacts))
    return *code;
  // Each would time all ranks, beside the others on the same processors.
  if (environment.launch.processes > 1)
    return parser.usageError("step times all nodes in one process, but " +
                             std::to_string(environment.launch.processes) +
                             " processes were started; start it without mpirun or srun, or measure "
                             "several with mixserve-bench serve");
  if (artifacts.size() != 1)
    return parser.usageError(artifacts.empty()
                                 ? "which artifact? give its folder"
                                 : "one artifact at a time; unexpected '" + artifacts[1] + "'");
  options.artifact = artifacts[0];
  if (options.ceilingMib > 1 << 20)
    return parser.usageError("--ceiling-mib: " + std::to_string(options.ceilingMib) +
                             " MiB is more than a TiB; 512 is beyond most caches");
  if (!batches.empty()) {
    const auto list = parseList(batches, 1);
    if (!list)
      return parser.usageError("--batch: '" + batches +
                               "' is no list of batch sizes such as 1,8,32");
    options.batches = *list;
  }
  return parser.flushed(run(options, asJson));
}
