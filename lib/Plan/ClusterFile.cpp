//===- ClusterFile.cpp - What the planner knows about the machines --------===//
#include "mixserve/Plan/ClusterFile.h"

#include "TextFile.h"
#include "YamlReader.h"

#include <cmath>
#include <cstdlib>

namespace mixserve::planner {
namespace {

/// Keeps every product of rank counts small; a larger cluster is surely a typing error today.
constexpr int64_t kMostPerLevel = 4096;
/// The search visits pairs of ranks: minutes at this size, hours soon after.
constexpr int64_t kMostRanks = 1024;

/// `per: node`, or `per: device`, which is also what a missing key says.
bool readPerNode(const YamlMap &map) {
  if (!map.has("per"))
    return false;
  const std::string per = map.text("per");
  if (per != "device" && per != "node")
    map.fail(map.at("per"), "per", "expected device or node, got '" + per + "'");
  return per == "node";
}

LinkSpec readLink(const YamlMap &link, bool isNode) {
  link.allowOnly({"bw", "latency", "kind", "per", "small_bw", "small_below"});
  LinkSpec spec;
  spec.bytesPerNs = link.positive("bw", Quantity::Bandwidth);
  spec.latencyNs = link.quantity("latency", Quantity::Time);
  if (link.has("kind"))
    spec.kind = link.text("kind");
  spec.perNode = readPerNode(link);
  if (spec.perNode && !isNode)
    link.fail(link.at("per"), "per",
              "only the link between nodes can be shared by a node; use device");
  if (link.has("small_bw") != link.has("small_below"))
    link.fail(link.at("bw"), link.has("small_bw") ? "small_below" : "small_bw",
              "small_bw and small_below belong together; give both or none");
  if (link.has("small_bw")) {
    spec.smallBytesPerNs = link.positive("small_bw", Quantity::Bandwidth);
    spec.smallBelow = link.quantity("small_below", Quantity::Size);
  }
  return spec;
}

void readLevels(const YamlMap &top, Cluster &cluster) {
  const std::vector<YamlMap> levels = top.listOfMaps("levels");
  if (levels.empty() || levels.size() > 2)
    top.fail(top.at("levels"), "levels",
             "expected one or two levels (node, then device), got " +
                 std::to_string(levels.size()) + "; merge switch levels into the node's link");
  bool &sawNode = cluster.hasNodeLevel, &sawDevice = cluster.hasDeviceLevel;
  for (const YamlMap &level : levels) {
    level.allowOnly({"name", "count", "link"});
    const std::string name = level.text("name");
    if (name != "node" && name != "device")
      level.fail(level.at("name"), "name", "a level is named node or device, got '" + name + "'");
    if ((name == "node" && (sawNode || sawDevice)) || (name == "device" && sawDevice))
      level.fail(level.at("name"), "name", "levels go from outer to inner: node, then device");
    const bool isNode = name == "node";
    (isNode ? sawNode : sawDevice) = true;
    (isNode ? cluster.mesh.nodes : cluster.mesh.devices) = level.count("count", kMostPerLevel);
    (isNode ? cluster.inter : cluster.intra) = readLink(level.map("link"), isNode);
  }
  if (cluster.mesh.ranks() > kMostRanks)
    top.fail(top.at("levels"), "levels",
             "the counts multiply to " + std::to_string(cluster.mesh.ranks()) +
                 " ranks, this version plans up to " + std::to_string(kMostRanks) +
                 "; describe the part of the cluster that serves one copy of the model");
}

void readDevice(const YamlMap &device, DeviceSpec &spec) {
  device.allowOnly({"memory", "memory_bw", "flops", "per"});
  spec.memoryBytes = device.positive("memory", Quantity::Size);
  if (device.has("memory_bw"))
    spec.memoryBytesPerNs = device.positive("memory_bw", Quantity::Bandwidth);
  spec.perNode = readPerNode(device);
  if (!device.has("flops"))
    return;
  const YamlMap flops = device.map("flops");
  flops.allowOnly({"f32", "bf16", "f16", "fp8", "int8"});
  for (const std::string &dtype : flops.keys())
    spec.flopsPerNs[dtype] = flops.positive(dtype, Quantity::Compute);
}

/// A number without a unit, from 0 to `most`.
double readNumber(const YamlMap &map, const std::string &key, double most) {
  const std::string text = map.text(key);
  char *end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || !(value >= 0 && value <= most))
    map.fail(map.at(key), key,
             "expected a number from 0 to " + std::to_string(std::llround(most)) + ", got '" +
                 text + "'");
  return value;
}

LayerSample readSample(const YamlMap &layer, const Mesh &mesh) {
  layer.allowOnly({"method", "attn_tp", "moe_tp", "chunks", "tokens", "hidden", "experts", "top_k",
                   "zipf", "wire", "time", "error", "date"});
  LayerSample sample;
  const std::optional<Method> method = parseMethod(layer.text("method"));
  if (!method)
    layer.fail(layer.at("method"), "method", "no method '" + layer.text("method") + "'");
  sample.method = *method;
  const auto degree = [&](const std::string &key) {
    const int64_t value = layer.count(key, mesh.ranks());
    if (mesh.ranks() % value != 0)
      layer.fail(layer.at(key), key, "does not divide " + std::to_string(mesh.ranks()) + " ranks");
    return value;
  };
  sample.layout.attnTp = degree("attn_tp");
  sample.layout.moeTp = degree("moe_tp");
  sample.layout.attnDp = mesh.ranks() / sample.layout.attnTp;
  sample.layout.moeEp = mesh.ranks() / sample.layout.moeTp;
  constexpr int64_t kMost = int64_t(1) << 24;
  sample.chunks = layer.count("chunks", 64);
  sample.tokens = layer.count("tokens", kMost);
  sample.hidden = layer.count("hidden", kMost);
  sample.experts = layer.count("experts", 1 << 16);
  sample.topK = layer.count("top_k", sample.experts);
  if (layer.has("zipf"))
    sample.zipf = readNumber(layer, "zipf", 10);
  if (layer.has("wire")) {
    const std::optional<WireType> wire = parseWireType(layer.text("wire"));
    if (!wire)
      layer.fail(layer.at("wire"), "wire",
                 "expected f32 or bf16, got '" + layer.text("wire") + "'");
    sample.wire = *wire;
  }
  if (layer.has("date"))
    sample.date = layer.text("date");
  if (layer.has("error"))
    sample.error = readNumber(layer, "error", 1);
  sample.ns = layer.positive("time", Quantity::Time);
  return sample;
}

/// What calibration found. Written by `mixserve-bench calibrate`.
void readMeasured(const YamlMap &measured, Cluster &cluster) {
  measured.allowOnly({"date", "version", "engine", "mesh", "links", "layers"});
  Calibration &calibration = cluster.calibration;
  calibration.date = measured.text("date");
  calibration.version = measured.text("version");
  calibration.engine = measured.text("engine");
  const YamlMap mesh = measured.map("mesh");
  mesh.allowOnly({"nodes", "devices"});
  const int64_t nodes = mesh.count("nodes", kMostPerLevel);
  const int64_t devices = mesh.count("devices", kMostPerLevel);
  if (nodes != cluster.mesh.nodes || devices != cluster.mesh.devices)
    measured.fail(
        measured.at("mesh"), "mesh",
        "was measured on " + std::to_string(nodes) + " nodes x " + std::to_string(devices) +
            " devices, but `levels` has " + std::to_string(cluster.mesh.nodes) + " x " +
            std::to_string(cluster.mesh.devices) + "; calibrate again or remove `measured`");
  const YamlMap links = measured.map("links");
  links.allowOnly({"inter", "intra"});
  if (links.has("inter"))
    cluster.inter = readLink(links.map("inter"), /*isNode=*/true);
  if (links.has("intra"))
    cluster.intra = readLink(links.map("intra"), /*isNode=*/false);
  if (measured.has("layers"))
    for (const YamlMap &layer : measured.listOfMaps("layers"))
      calibration.layers.push_back(readSample(layer, cluster.mesh));
  cluster.linkSource = CostSource::Calibrated;
  cluster.fits = fitMethods(cluster, calibration.layers);
}

/// Keys of the schema that this version can only read empty.
void refuseFilled(const YamlMap &top, const std::string &key, const std::string &why) {
  if (top.has(key) && top.at(key).size() != 0)
    top.fail(top.at(key), key, why);
}

} // namespace

const char *name(CostSource source) {
  switch (source) {
  case CostSource::Formula:
    return "formula";
  case CostSource::Calibrated:
    return "calibrated";
  case CostSource::Measured:
    return "measured";
  }
  return "";
}

std::optional<Cluster> parseCluster(const std::string &text, const std::string &path,
                                    std::string &error) {
  Cluster cluster;
  cluster.path = path;
  const bool ok = readYaml(text, path, error, [&](const YamlMap &top) {
    top.allowOnly({"schema", "levels", "device", "overrides", "measured"});
    if (top.text("schema") != "mixserve.cluster/v1")
      top.fail(top.at("schema"), "schema",
               "expected mixserve.cluster/v1, got '" + top.text("schema") + "'");
    readLevels(top, cluster);
    readDevice(top.map("device"), cluster.device);
    refuseFilled(
        top, "overrides",
        "links that differ one by one are not planned yet; describe the slowest in `levels`");
    if (top.has("measured") && top.at("measured").size() != 0)
      readMeasured(top.map("measured"), cluster);
  });
  if (!ok)
    return std::nullopt;
  return cluster;
}

std::optional<Cluster> readClusterFile(const std::string &path, std::string &error) {
  const std::optional<std::string> text = readTextFile(path, "cluster file", error);
  if (!text)
    return std::nullopt;
  return parseCluster(*text, path, error);
}

} // namespace mixserve::planner
