//===- generate-hf.cpp - a Hugging Face folder with random weights --------===//
#include "test/Generate/Qwen3MoeCheckpoint.h"

#include <charconv>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>

using namespace mixserve::generate;

namespace {

constexpr const char *kUsage = R"(usage: generate-hf --config FILE -o FOLDER [OPTIONS]

Writes a Hugging Face folder of the Qwen3-MoE family with random weights: config.json and safetensors.
The same config, seed, dtype and number of files give the same bytes on every machine. Activations
stay near 1; routing is clear-cut and even (see Qwen3MoeCheckpoint.h).

  --config FILE      a config.json; its sizes are taken, its dtype is replaced
  -o FOLDER          is created; must not hold a checkpoint
  --seed N           other weights (default 1)
  --dtype f32|bf16   element type (default: what the config says, else f32)
  --shards N         number of safetensors files (default 1; more: with an index)
  --fused            expert weights of a layer stacked (gate_up_proj), as transformers 5 holds them
  --sparse           weights are zeros that take no disk
  --threads N        default: as many as there are processors

example:
  generate-hf --config models/bench/config.json --dtype bf16 -o /tmp/bench-bf16
)";

struct CommandLine {
  std::string config, folder, dtype;
  int64_t seed = 1, shards = 1, threads = 0;
  bool fused = false, sparse = false;
};

/// Empty, or what is wrong.
std::string parse(int argc, char **argv, CommandLine &line) {
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    if (option == "--fused" || option == "--sparse") {
      (option == "--fused" ? line.fused : line.sparse) = true;
      continue;
    }
    std::string *text = option == "--config"  ? &line.config
                        : option == "-o"      ? &line.folder
                        : option == "--dtype" ? &line.dtype
                                              : nullptr;
    int64_t *number = option == "--seed"      ? &line.seed
                      : option == "--shards"  ? &line.shards
                      : option == "--threads" ? &line.threads
                                              : nullptr;
    if (!text && !number)
      return "unknown option '" + option + "'";
    if (++i == argc)
      return option + " needs a value";
    const std::string value = argv[i];
    if (text) {
      *text = value;
      continue;
    }
    auto [rest, error] = std::from_chars(value.data(), value.data() + value.size(), *number);
    if (error != std::errc() || rest != value.data() + value.size() || *number < 0)
      return option + ": '" + value + "' is not a number of at least 0";
  }
  if (line.config.empty() || line.folder.empty())
    return line.config.empty() ? "--config FILE is missing" : "-o FOLDER is missing";
  if (!line.dtype.empty() && line.dtype != "f32" && line.dtype != "bf16")
    return "--dtype: '" + line.dtype + "' is neither f32 nor bf16";
  if (line.shards < 1 || line.shards > 9999 || line.threads > 1024)
    return "--shards must be 1 to 9999, --threads at most 1024";
  return "";
}

std::string dtypeOf(const CommandLine &line, const nlohmann::ordered_json &config) {
  if (!line.dtype.empty())
    return line.dtype == "bf16" ? "BF16" : "F32";
  for (const char *key : {"dtype", "torch_dtype"})
    if (config.contains(key) && config[key] == "bfloat16")
      return "BF16";
  return "F32";
}

void run(const CommandLine &line) {
  std::ifstream file(line.config);
  if (!file)
    throw std::runtime_error("cannot read '" + line.config + "'; check the path");
  const auto config = nlohmann::ordered_json::parse(file, nullptr, /*allow_exceptions=*/false);
  if (config.is_discarded())
    throw std::runtime_error("'" + line.config + "' is no valid JSON");
  CheckpointOptions options;
  options.seed = uint64_t(line.seed);
  options.dtype = dtypeOf(line, config);
  options.fusedExperts = line.fused;
  std::vector<CheckpointTensor> tensors = qwen3MoeCheckpoint(config, options);
  uint64_t bytes = 0;
  for (const CheckpointTensor &tensor : tensors)
    bytes += tensor.elements() * tensor.elementBytes();
  std::filesystem::create_directories(line.folder);
  for (const char *name : {"/config.json", "/model.safetensors", "/model.safetensors.index.json"})
    if (std::filesystem::exists(line.folder + name))
      throw std::runtime_error("'" + line.folder + name +
                               "' is there already; remove it or choose "
                               "another folder");
  writeCheckpoint(line.folder, tensors, {int(line.shards), line.sparse, unsigned(line.threads)});
  // Last, so that a folder that was not finished is none.
  std::ofstream out(line.folder + "/config.json");
  out << configText(config, options.dtype) << std::flush;
  if (!out)
    throw std::runtime_error("cannot write '" + line.folder + "/config.json'");
  std::printf("%s: %zu tensors, %.3f GB, %s, seed %lld\n", line.folder.c_str(), tensors.size(),
              double(bytes) / 1e9, options.dtype.c_str(), static_cast<long long>(line.seed));
}

} // namespace

int main(int argc, char **argv) {
  if (argc == 2 && std::string(argv[1]) == "--help") {
    std::fputs(kUsage, stdout);
    return 0;
  }
  CommandLine line;
  if (const std::string problem = parse(argc, argv, line); !problem.empty()) {
    std::fprintf(stderr, "generate-hf: %s\nrun 'generate-hf --help' for the options\n",
                 problem.c_str());
    return 1;
  }
  try {
    run(line);
  } catch (const std::exception &error) {
    std::fprintf(stderr, "generate-hf: %s\n", error.what());
    return 2;
  }
  return 0;
}
