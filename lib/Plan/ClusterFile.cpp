//===- ClusterFile.cpp - What the planner knows about the machines --------===//
#include "mixserve/Plan/ClusterFile.h"

#include "TextFile.h"
#include "YamlReader.h"

namespace mixserve::planner {
namespace {

/// Keeps every product of rank counts small; a larger cluster is surely a typing error today.
constexpr int64_t kMostPerLevel = 4096;
/// The search visits pairs of ranks: minutes at this size, hours soon after.
constexpr int64_t kMostRanks = 1024;

LinkSpec readLink(const YamlMap &link, bool isNode) {
  link.allowOnly({"bw", "latency", "kind", "per", "small_bw", "small_below"});
  LinkSpec spec;
  spec.bytesPerNs = link.positive("bw", Quantity::Bandwidth);
  spec.latencyNs = link.quantity("latency", Quantity::Time);
  if (link.has("kind"))
    spec.kind = link.text("kind");
  if (link.has("per")) {
    const std::string per = link.text("per");
    if (per != "device" && per != "node")
      link.fail(link.at("per"), "per", "expected device or node, got '" + per + "'");
    if (per == "node" && !isNode)
      link.fail(link.at("per"), "per",
                "only the link between nodes can be shared by a node; use device");
    spec.perNode = per == "node";
  }
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
  device.allowOnly({"memory", "memory_bw", "flops"});
  spec.memoryBytes = device.positive("memory", Quantity::Size);
  if (device.has("memory_bw"))
    spec.memoryBytesPerNs = device.positive("memory_bw", Quantity::Bandwidth);
  if (!device.has("flops"))
    return;
  const YamlMap flops = device.map("flops");
  flops.allowOnly({"f32", "bf16", "f16", "fp8", "int8"});
  for (const std::string &dtype : flops.keys())
    spec.flopsPerNs[dtype] = flops.positive(dtype, Quantity::Compute);
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
    refuseFilled(top, "measured",
                 "calibration constants are not read by this version; remove them");
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
