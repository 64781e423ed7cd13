//===- LayerCommand.cpp - mixserve-bench layer ----------------------------===//
#include "tools/mixserve-bench/Commands.h"
#include "tools/mixserve-bench/LayerBench.h"
#include "tools/mixserve-bench/LayerOptions.h"
#include "tools/options/Options.h"

#include <cstdio>

using namespace mixserve::tools;
using nlohmann::json;

namespace {

void printLayerTable(const json &result) {
  const json &mesh = result.at("mesh"), &links = result.at("links"), &shape = result.at("shape");
  std::printf(
      "%d nodes x %d ranks (%s), %.0f MB/s per node, %.0f MB/s per rank inside a node\n"
      "%lld tokens per node, hidden %lld, top-%lld of %lld experts, zipf %g, %s rows between "
      "nodes; medians of %lld rounds\n\n",
      mesh.at("nodes").get<int>(), mesh.at("devices").get<int>(),
      result.at("engine").get<std::string>().c_str(),
      links.at("inter_bytes_per_s_per_node").get<double>() / 1e6,
      links.at("intra_bytes_per_s_per_rank").get<double>() / 1e6,
      shape.at("tokens_per_node").get<long long>(), shape.at("hidden").get<long long>(),
      shape.at("top_k").get<long long>(), shape.at("experts").get<long long>(),
      shape.at("zipf").get<double>(), shape.at("wire").get<std::string>().c_str(),
      result.at("rounds").get<long long>());
  std::printf("%-18s %6s %10s %10s %10s %9s %9s %8s %8s %8s %10s %10s\n", "method", "chunks", "ms",
              "least", "most", "x fused", "x bound", "hidden", "traced", "cpu ms", "inter MB",
              "intra MB");
  for (const json &m : result.at("methods")) {
    const auto number = [&](const char *name) { return m.value(name, 0.0); };
    // What there is nothing to compare with, is no number.
    const auto text = [](const json &of, const char *name, double times, const char *format) {
      char cell[32] = "-";
      if (of.contains(name))
        std::snprintf(cell, sizeof cell, format, of.at(name).get<double>() * times);
      return std::string(cell);
    };
    const json traced = m.value("traced", json::object());
    std::printf("%-18s %6s %10.2f %10.2f %10.2f %9s %9s %8s %8s %8.1f %10.2f %10.2f\n",
                m.at("method").get<std::string>().c_str(),
                m.contains("chunks") ? m.at("chunks").dump().c_str() : "", number("median_s") * 1e3,
                number("least_s") * 1e3, number("most_s") * 1e3,
                text(m, "over_fused", 1, "%.2f").c_str(), text(m, "over_bound", 1, "%.2f").c_str(),
                text(m, "hidden", 100, "%.0f%%").c_str(),
                text(traced, "hidden", 100, "%.0f%%").c_str(), number("cpu_s") * 1e3,
                number("inter_bytes") / 1e6, number("intra_bytes") / 1e6);
  }
}

int measure(const LayerBenchOptions &options, bool mpi, bool asJson) {
  std::unique_ptr<mxs::MpiProcess> process;
  if (mpi) {
    mxs::MpiOptions engine;
    engine.deadlineNs = options.deadlineNs;
    if (const mxs::Status status = mxs::startMpi(engine, process); !status.ok())
      return fail(status);
  }
  json result;
  if (const mxs::Status status = runLayerBench(options, process.get(), result); !status.ok())
    return fail(status);
  if (process && process->node() != 0)
    return kOk;
  if (asJson) {
    json whole = resultHeader("layer");
    whole.update(result);
    std::printf("%s\n", whole.dump().c_str());
  } else {
    printLayerTable(result);
  }
  return kOk;
}

} // namespace

int mixserve::tools::layerCommand(int argc, char **argv) {
  LayerBenchOptions options;
  LayerWords words;
  bool asJson = false;
  Options parser(
      "mixserve-bench layer", "[options]",
      "Times the communication of a MoE layer, from attention's partial sums to the next "
      "attention's input, with\nreal norm, router and top-k, by every dispatch method, one after "
      "another in each round. Results are\nchecked first. In one process all nodes are "
      "connected by a loopback with the given links; under mpirun a\nprocess is a node, and the "
      "links between nodes are what they are.",
      "mpirun -n 2 mixserve-bench layer --devices 4 --tokens 512 --json");
  parser.usesRuntime();
  addLayerOptions(parser, words, options);
  parser.number("tokens", "T", options.shape.tokens, 1, "tokens per node (default 512)");
  parser.real("zipf", options.shape.zipf,
              "popularity of the i-th most popular expert ~ 1/i^X, popular ones\nspread over the "
              "ranks (default 0: uniform)");
  parser.real("expert-ns", options.shape.expertNsPerRow,
              "time of an expert per row [ns], slept by each rank as a device\n"
              "of its own would take it (default 0: experts left out)");
  parser.number("traced", "N", options.tracedRounds, 0,
                "traced runs of the methods in chunks, after the others: what hides what\n"
                "(default 3)");
  parser.text("methods", "LIST", words.methods, "some of the methods (default: all)");
  parser.flag("json", asJson, "print mixserve.bench/v1");
  std::vector<std::string> positionals;
  if (auto code = parser.parse(argc, argv, positionals))
    return *code;
  if (!positionals.empty())
    return parser.usageError("unexpected '" + positionals[0] + "'");
  bool mpi = false;
  if (const std::string wrong = resolveLayer(words, options, mpi); !wrong.empty())
    return parser.usageError(wrong);
  return parser.flushed(measure(options, mpi, asJson));
}
