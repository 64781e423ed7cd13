//===- generate-qwen3moe.cpp - a Qwen3-MoE model of any size on disk ------===//
#include "test/Generate/Qwen3Moe.h"

#include <charconv>
#include <cstdio>
#include <cstring>
#include <exception>
#include <map>

using namespace mixserve::generate;

namespace {

constexpr const char *kUsage = R"(usage: generate-qwen3moe [OPTIONS] -o FILE.onnx

Writes a Qwen3-MoE decoder with random weights as ONNX, in the operator form of the mobius exporter.

  --layers N --experts N --top-k N --hidden N --ffn N --heads N --kv-heads N --head-dim N --vocab N
  --positions N      rows of the rotary tables
  --seed N           other weights (default 1)
  --external         weights in FILE.onnx.data (default)
  --inline           weights inside FILE.onnx
  --sparse           linear, expert and embedding weights are zeros that take no disk

example:
  generate-qwen3moe --layers 6 --experts 32 --hidden 1024 --ffn 512 --sparse -o /tmp/big.onnx
)";

int usage(const std::string &problem) {
  std::fprintf(stderr, "generate-qwen3moe: %s\n%s", problem.c_str(), kUsage);
  return 1;
}

} // namespace

int main(int argc, char **argv) {
  Qwen3Moe size;
  OnnxGraph::Form form;
  std::string path;
  int64_t seed = 1;
  const std::map<std::string, int64_t *> numbers = {{"--layers", &size.layers},
                                                    {"--experts", &size.experts},
                                                    {"--top-k", &size.topK},
                                                    {"--hidden", &size.hidden},
                                                    {"--ffn", &size.ffn},
                                                    {"--heads", &size.heads},
                                                    {"--kv-heads", &size.kvHeads},
                                                    {"--head-dim", &size.headDim},
                                                    {"--vocab", &size.vocab},
                                                    {"--positions", &size.positions},
                                                    {"--seed", &seed}};
  for (int i = 1; i < argc; ++i) {
    std::string option = argv[i];
    if (option == "--help") {
      std::fputs(kUsage, stdout);
      return 0;
    }
    if (option == "--inline" || option == "--external") {
      form.external = option == "--external";
      continue;
    }
    if (option == "--sparse") {
      form.sparse = true;
      continue;
    }
    auto number = numbers.find(option);
    if (number == numbers.end() && option != "-o")
      return usage("unknown option '" + option + "'");
    if (++i == argc)
      return usage(option + " needs a value");
    const char *value = argv[i], *end = value + std::strlen(value);
    if (option == "-o") {
      path = value;
      continue;
    }
    auto [rest, error] = std::from_chars(value, end, *number->second);
    if (error != std::errc() || rest != end)
      return usage(option + ": '" + value + "' is not a number");
  }
  size.seed = uint64_t(seed);
  if (path.empty())
    return usage("-o FILE.onnx is missing");
  if (std::string problem = size.problem(); !problem.empty())
    return usage(problem);
  try {
    qwen3Moe(size).write(path, form);
  } catch (const std::exception &error) {
    std::fprintf(stderr, "generate-qwen3moe: %s\n", error.what());
    return 2;
  }
  return 0;
}
