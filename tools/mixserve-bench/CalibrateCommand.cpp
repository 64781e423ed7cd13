//===- CalibrateCommand.cpp - mixserve-bench calibrate --------------------===//
#include "tools/mixserve-bench/Calibrate.h"
#include "tools/mixserve-bench/Commands.h"
#include "tools/mixserve-bench/LayerOptions.h"
#include "tools/options/Options.h"

#include "core/MappedFile.h"

#include <algorithm>
#include <cstdio>
#include <regex>

using namespace mixserve::tools;
using nlohmann::json;

namespace {

struct CalibrateWords {
  LayerWords mesh;
  std::string tokens = "1,2,4,8,16,32,64,128,256", zipfs = "0", output;
  bool print = false;
};

std::vector<double> readZipfs(const std::string &text) {
  std::vector<double> values;
  const char *at = text.c_str();
  while (true) {
    char *end = nullptr;
    const double value = std::strtod(at, &end);
    if (end == at || !(value >= 0 && value <= 10) || (*end != ',' && *end != '\0'))
      return {};
    values.push_back(value);
    if (*end == '\0')
      return values;
    at = end + 1;
  }
}

void printSummary(const Calibrated &result, const MergedMeasured &merged, const std::string &path) {
  const auto link = [](const char *name, const LinkFit &fit) {
    if (fit.bytesPerSecond > 0)
      std::printf("%s: %.1f us + bytes / %.1f MB/s\n", name, fit.latencySeconds * 1e6,
                  fit.bytesPerSecond / 1e6);
  };
  link("between nodes, per node", result.inter);
  link("inside a node, per rank", result.intra);
  std::printf("%zu layers measured; wrote `measured:` of %s\n", result.layers.size(), path.c_str());
  if (merged.kept > 0)
    std::printf("%zu layers of the other wire type stay there, measured %s\n", merged.kept,
                merged.keptDate.c_str());
  std::printf("mixserve-plan and mixserve-compile use it with --cluster %s\n", path.c_str());
}

/// The number behind `count:` in the level `name` of a cluster file; 0 if it is not written so that
/// a look finds it. The planner reads the file, this program has no YAML.
int64_t levelCount(const std::string &file, const std::string &name) {
  std::smatch found;
  const std::regex level("\\bname:\\s*" + name + "\\s*[,\\n][^}]*?\\bcount:\\s*([0-9]{1,6})\\b");
  return std::regex_search(file, found, level) ? std::stoll(found[1]) : 0;
}

/// Why `file` is no cluster file to which this mesh's measurements belong, or "".
std::string whyNotOfCluster(const std::string &file, const LayerShape &mesh) {
  static const std::regex schema("(^|\\n)schema:\\s*[\"']?mixserve\\.cluster/v1\\b");
  if (!std::regex_search(file, schema))
    return "is no cluster file: it has no line 'schema: mixserve.cluster/v1'; give one, "
           "models/clusters has some";
  const int64_t nodes = levelCount(file, "node"), devices = levelCount(file, "device");
  if ((nodes > 0 && nodes != mesh.nodes) || (devices > 0 && devices != mesh.devices))
    return "its levels are " + std::to_string(std::max<int64_t>(1, nodes)) + " nodes x " +
           std::to_string(std::max<int64_t>(1, devices)) + " devices, and " +
           std::to_string(mesh.nodes) + " x " + std::to_string(mesh.devices) +
           " would be measured; give --nodes and --devices (under mpirun: a process per node) as "
           "the file has them";
  return "";
}

int measure(const CalibrateOptions &options, const CalibrateWords &words, bool mpi,
            const std::string &input) {
  std::unique_ptr<mxs::MpiProcess> process;
  if (mpi) {
    mxs::MpiOptions engine;
    engine.deadlineNs = options.bench.deadlineNs;
    if (const mxs::Status status = mxs::startMpi(engine, process); !status.ok())
      return fail(status);
  }
  std::string file;
  const bool first = !process || process->node() == 0;
  // Before the work: nobody measures for minutes to learn of a typing error.
  MergedMeasured merged;
  if (first && !input.empty()) {
    if (const mxs::Status read = mxs::readFile(input, size_t(1) << 24, file); !read.ok())
      return fail(kBadInput, read.message());
    if (const std::string why = whyNotOfCluster(file, options.bench.shape); !why.empty())
      return fail(kBadInput, input + ": " + why);
    if (const std::string why = whyNoFile("-o", words.output); !why.empty())
      return fail(kBadInput, why);
    if (const std::string wrong = mergeMeasured(file, {}, merged); !wrong.empty())
      return fail(kBadInput, input + ": " + wrong);
  }
  Calibrated result;
  if (const mxs::Status status = calibrate(options, process.get(), result); !status.ok())
    return fail(status);
  if (!first)
    return kOk;
  const json header = resultHeader("calibrate");
  const MeasuredBlock block = measuredBlock(
      options, result,
      {header.at("date").get<std::string>(), header.at("version").get<std::string>(),
       process ? "mpi" : "loopback", options.bench.shape.nodes, options.bench.shape.devices});
  if (input.empty()) {
    std::fputs(block.text().c_str(), stdout);
    return kOk;
  }
  const std::string &path = words.output.empty() ? input : words.output;
  merged = {};
  if (const std::string wrong = mergeMeasured(file, block, merged); !wrong.empty())
    return fail(kBadInput, input + ": " + wrong);
  const mxs::Status written =
      mxs::writeFileAtomically(path, merged.text.data(), merged.text.size());
  if (!written.ok())
    return fail(kBadInput, written.message());
  printSummary(result, merged, path);
  return kOk;
}

} // namespace

int mixserve::tools::calibrateCommand(int argc, char **argv) {
  CalibrateOptions options;
  options.bench.rounds = 7;
  CalibrateWords words;
  words.mesh.chunks = "1,2,4,8,16";
  Options parser("mixserve-bench calibrate", "[CLUSTER.yaml] [options]",
                 "Measures latency and bandwidth of both link classes, and a MoE layer's "
                 "communication by every method at\nseveral sizes, and writes them as the "
                 "`measured:` block of the cluster file: the planner then uses them\nin place of "
                 "the nominal numbers. Layers of the other --wire type that were measured on such "
                 "a mesh over the same\nengine stay in the block; those of this type are replaced, "
                 "whatever their sizes. Without a file the block\nis printed. In one process all "
                 "nodes are connected by a loopback with the given links; under mpirun a\nprocess "
                 "is a node.",
                 "mpirun -n 2 mixserve-bench calibrate cluster.yaml --devices 4");
  parser.usesRuntime();
  addLayerOptions(parser, words.mesh, options.bench);
  parser.text("tokens", "LIST", words.tokens, "tokens per node (default " + words.tokens + ")");
  parser.text("zipf", "LIST", words.zipfs,
              "popularity of the i-th most popular expert ~ 1/i^X (default 0)");
  parser.text("o", "FILE", words.output, "write there, leave CLUSTER.yaml as it is");
  std::vector<std::string> positionals;
  if (auto code = parser.parse(argc, argv, positionals))
    return *code;
  if (positionals.size() > 1)
    return parser.usageError("one cluster file at a time; unexpected '" + positionals[1] + "'");
  if (!words.output.empty() && positionals.empty())
    return parser.usageError("-o: which cluster file? give it, too");
  bool mpi = false;
  if (const std::string wrong = resolveLayer(words.mesh, options.bench, mpi); !wrong.empty())
    return parser.usageError(wrong);
  const auto tokens = parseList(words.tokens, 1);
  if (!tokens)
    return parser.usageError("--tokens: '" + words.tokens +
                             "' is no list of numbers such as 16,64,256");
  options.tokens = *tokens;
  options.zipfs = readZipfs(words.zipfs);
  if (options.zipfs.empty())
    return parser.usageError("--zipf: '" + words.zipfs +
                             "' is no list of numbers from 0 to 10 such as 0,1");
  return parser.flushed(measure(options, words, mpi, positionals.empty() ? "" : positionals[0]));
}
