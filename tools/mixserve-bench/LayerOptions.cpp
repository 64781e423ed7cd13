//===- LayerOptions.cpp - Options of layer and calibrate ------------------===//
#include "tools/mixserve-bench/LayerOptions.h"
#include "tools/mixserve-bench/Commands.h"

#include "core/Env.h"
#include "kernels/cpu/Engine.h"

#include <algorithm>
#include <sstream>

using namespace mixserve::tools;

/// The named ones of `methods`, or what is wrong.
static std::string selectMethods(const std::string &names, std::vector<LayerMethod> &methods) {
  if (names.empty())
    return "";
  std::string known;
  for (const LayerMethod &method : methods)
    if ((", " + known + ",").find(", " + method.name + ",") == std::string::npos)
      known += (known.empty() ? "" : ", ") + method.name;
  std::vector<std::string> wanted;
  std::stringstream stream(names);
  for (std::string name; std::getline(stream, name, ',');) {
    if (std::none_of(methods.begin(), methods.end(),
                     [&](const LayerMethod &method) { return method.name == name; }))
      return "--methods: no method '" + name + "'; use some of " + known;
    wanted.push_back(name);
  }
  methods.erase(std::remove_if(methods.begin(), methods.end(),
                               [&](const LayerMethod &method) {
                                 return std::find(wanted.begin(), wanted.end(), method.name) ==
                                        wanted.end();
                               }),
                methods.end());
  return "";
}

/// Fills in the shape and the methods; returns what is wrong.
static std::string resolveShape(const LayerWords &words, LayerBenchOptions &options) {
  LayerShape &shape = options.shape;
  shape.nodes = static_cast<int>(words.nodes);
  shape.devices = static_cast<int>(words.devices);
  if (words.nodes > 64 || words.devices > 64)
    return "--nodes and --devices: at most 64 each";
  if (shape.topK > shape.experts)
    return "--top-k: " + std::to_string(shape.topK) + " of " + std::to_string(shape.experts) +
           " experts cannot be chosen";
  if (shape.experts < shape.nodes * shape.devices)
    return "--experts: every rank needs one; give at least " +
           std::to_string(shape.nodes * shape.devices);
  const auto chunks = parseList(words.chunks, 1);
  if (!chunks || *std::max_element(chunks->begin(), chunks->end()) > 64)
    return "--chunks: '" + words.chunks + "' is no list of numbers from 1 to 64 such as 1,4,8";
  options.methods = layerMethods(shape, *chunks);
  if (std::string wrong = selectMethods(words.methods, options.methods); !wrong.empty())
    return wrong;
  options.links.interBytesPerS = words.interMbit * 1e6 / 8;
  options.links.intraBytesPerS = options.links.interBytesPerS / shape.devices * words.ratio;
  return "";
}

void mixserve::tools::addLayerOptions(Options &parser, LayerWords &words,
                                      LayerBenchOptions &options) {
  parser.number("nodes", "N", words.nodes, 1, "nodes (default 2; under mpirun: its processes)");
  parser.number("devices", "D", words.devices, 1, "ranks per node (default 4)");
  parser.number("hidden", "H", options.shape.hidden, 1, "floats per row (default 2048)");
  parser.number("experts", "E", options.shape.experts, 1, "experts (default 128)");
  parser.number("top-k", "K", options.shape.topK, 1, "experts per token (default 8)");
  parser.text("chunks", "LIST", words.chunks,
              "chunk counts of hybrid-fused and hier-ep (default " + words.chunks + ")");
  parser.real("inter-mbit", words.interMbit,
              "link of a node [Mbit/s]; under mpirun it is what it is, and this\n"
              "sets the bound and the pace inside nodes (default 1000; 0: none)");
  parser.real("ratio", words.ratio,
              "pace of a rank's link inside its node, times its share of the\n"
              "node's link (default 9; 0: not paced)");
  parser.duration("latency", options.links.latencyNs, "between nodes, without mpirun (default 0)");
  parser.number("rounds", "N", options.rounds, 1,
                "runs of each method (default " + std::to_string(options.rounds) + ")");
  parser.number("warm-up", "N", options.warmUps, 0, "runs before them (default 1)");
  parser.text("wire", "TYPE", words.wire,
              "rows between nodes: f32, or bf16 with half the bytes (default f32)");
  parser.text("engine", "NAME", words.engine,
              "auto, mpi or loopback (default auto: mpi under a launcher)");
  parser.duration("deadline", options.deadlineNs, "bound on every wait (default 30s)");
}

std::string mixserve::tools::resolveLayer(LayerWords &words, LayerBenchOptions &options,
                                          bool &mpi) {
  if (words.engine != "auto" && words.engine != "mpi" && words.engine != "loopback")
    return "--engine: '" + words.engine + "' is none of auto, mpi, loopback";
  if (words.wire != "f32" && words.wire != "bf16")
    return "--wire: '" + words.wire + "' is neither f32 nor bf16";
  options.shape.wire = words.wire == "bf16" ? mxs::WireType::BF16 : mxs::WireType::F32;
  mxs::Env environment;
  if (const mxs::Status status = mxs::Env::read(environment); !status.ok())
    return status.message();
  // Else norm and router would run on the best kernels, whatever was asked for.
  if (const mxs::Status status = mxs::cpu::Engine::checkEnvironment(); !status.ok())
    return status.message();
  const mxs::Launch &launch = environment.launch;
  mpi = words.engine == "mpi" || (words.engine == "auto" && launch.processes > 1);
  if (words.nodes == 0)
    words.nodes = mpi && !launch.variable.empty() ? launch.processes : 2;
  return resolveShape(words, options);
}
