//===- ClusterFileTest.cpp - Good files, and every way to be wrong --------===//
#include "mixserve/Plan/ClusterFile.h"

#include <gtest/gtest.h>

using namespace mixserve::planner;

namespace {

const char *kGood = R"(schema: mixserve.cluster/v1
levels:
  - {name: node,   count: 2, link: {bw: 50GB/s, latency: 5us, kind: infiniband, per: node}}
  - {name: device, count: 4, link: {bw: 450GB/s, latency: 2us, kind: nvlink}}
device: {memory: 80GiB, memory_bw: 3.35TB/s, flops: {bf16: 989TFLOP/s}}
overrides: []
measured: {}
)";

TEST(ClusterFile, IsRead) {
  std::string error;
  const auto cluster = parseCluster(kGood, "c.yaml", error);
  ASSERT_TRUE(cluster) << error;
  EXPECT_EQ(cluster->mesh.nodes, 2);
  EXPECT_EQ(cluster->mesh.devices, 4);
  EXPECT_DOUBLE_EQ(cluster->inter.bytesPerNs, 50);
  EXPECT_DOUBLE_EQ(cluster->inter.latencyNs, 5000);
  EXPECT_TRUE(cluster->inter.perNode);
  EXPECT_FALSE(cluster->intra.perNode);
  EXPECT_EQ(cluster->intra.kind, "nvlink");
  EXPECT_DOUBLE_EQ(cluster->device.memoryBytes, 85899345920.);
  EXPECT_DOUBLE_EQ(cluster->device.flopsPerNs.at("bf16"), 989000);
}

TEST(ClusterFile, OneLevelIsEnough) {
  std::string error;
  const auto cluster = parseCluster(
      "schema: mixserve.cluster/v1\nlevels: [{name: device, count: 3, link: {bw: 1GB/s, "
      "latency: 1us}}]\ndevice: {memory: 1GiB}\n",
      "c.yaml", error);
  ASSERT_TRUE(cluster) << error;
  EXPECT_EQ(cluster->mesh.nodes, 1);
  EXPECT_EQ(cluster->mesh.devices, 3);
}

TEST(ClusterFile, ProcessorsOfANodeMayBeShared) {
  std::string text = kGood, error;
  EXPECT_FALSE(parseCluster(text, "c.yaml", error)->device.perNode);
  text.replace(text.find("memory_bw"), 0, "per: node, ");
  const auto cluster = parseCluster(text, "c.yaml", error);
  ASSERT_TRUE(cluster) << error;
  EXPECT_TRUE(cluster->device.perNode);
}

struct BadCase {
  const char *name, *from, *to, *error;
};

class ClusterFileErrors : public testing::TestWithParam<BadCase> {};

TEST_P(ClusterFileErrors, NamesFileLineKeyAndRemedy) {
  std::string text = kGood, error;
  const size_t at = text.find(GetParam().from);
  ASSERT_NE(at, std::string::npos);
  text.replace(at, std::string(GetParam().from).size(), GetParam().to);
  EXPECT_FALSE(parseCluster(text, "c.yaml", error));
  EXPECT_EQ(error, std::string("c.yaml:") + GetParam().error);
}

INSTANTIATE_TEST_SUITE_P(
    Matrix, ClusterFileErrors,
    testing::Values(
        BadCase{"BareNumber", "bw: 50GB/s", "bw: 50",
                "3: levels[0].link.bw: '50' has no unit; add one of MB/s, GB/s, TB/s, MiB/s, "
                "GiB/s, TiB/s, Mbit/s, "
                "Gbit/s, Tbit/s"},
        BadCase{"WrongUnit", "latency: 2us", "latency: 2GB",
                "4: levels[1].link.latency: '2GB': unit 'GB' is not known here; use one of ns, us, "
                "ms, s"},
        BadCase{"DevicePer", "memory_bw", "per: rack, memory_bw",
                "5: device.per: expected device or node, got 'rack'"},
        BadCase{"Zero", "bw: 50GB/s", "bw: 0GB/s", "3: levels[0].link.bw: must be above 0"},
        BadCase{"UnknownKey", "memory: 80GiB", "memroy: 80GiB",
                "5: device.memroy: unknown key; did you mean 'memory'?"},
        BadCase{"UnknownKeyFar", "kind: nvlink", "colour: red",
                "4: levels[1].link.colour: unknown key; known here: bw latency kind per small_bw "
                "small_below"},
        BadCase{"TwiceGiven", "overrides: []", "measured: {}",
                "7: measured: is given twice; remove one"},
        BadCase{"MissingKey", "latency: 5us, ", "",
                "3: levels[0].link.latency: is missing; add it"},
        BadCase{"MissingMemory", "memory: 80GiB, ", "", "5: device.memory: is missing; add it"},
        BadCase{"MissingSchema", "schema: mixserve.cluster/v1\n", "",
                "1: schema: is missing; add it"},
        BadCase{"OtherSchema", "cluster/v1", "cluster/v9",
                "1: schema: expected mixserve.cluster/v1, got 'mixserve.cluster/v9'"},
        BadCase{"Count", "count: 2", "count: 2.5",
                "3: levels[0].count: expected a whole number from 1 to 4096, got '2.5'"},
        BadCase{"CountZero", "count: 4", "count: 0",
                "4: levels[1].count: expected a whole number from 1 to 4096, got '0'"},
        BadCase{"CountHuge", "count: 4", "count: 99999999999999999999",
                "4: levels[1].count: expected a whole number from 1 to 4096, got "
                "'99999999999999999999'"},
        BadCase{"LevelName", "name: node,", "name: rack,",
                "3: levels[0].name: a level is named node or device, got 'rack'"},
        BadCase{"LevelOrder", "name: device", "name: node",
                "4: levels[1].name: levels go from outer to inner: node, then device"},
        BadCase{"Per", "per: node", "per: rack",
                "3: levels[0].link.per: expected device or node, got 'rack'"},
        BadCase{"PerInner", "kind: nvlink", "per: node",
                "4: levels[1].link.per: only the link between nodes can be shared by a node; use "
                "device"},
        BadCase{"SmallAlone", "kind: nvlink", "small_bw: 1GB/s",
                "4: levels[1].link.small_below: small_bw and small_below belong together; give "
                "both or none"},
        BadCase{"LinkNoMap", "{bw: 450GB/s, latency: 2us, kind: nvlink}", "fast",
                "4: levels[1].link: expected a map of `key: value`"},
        BadCase{"Dtype",
                "bf16:", "bf61:", "5: device.flops.bf61: unknown key; did you mean 'bf16'?"},
        BadCase{"Overrides", "overrides: []", "overrides: [{a: 1}]",
                "6: overrides: links that differ one by one are not planned yet; describe the "
                "slowest in `levels`"},
        BadCase{"Measured", "measured: {}", "measured: {date: 1}",
                "7: measured.version: is missing; add it"},
        BadCase{"MeasuredKey", "measured: {}", "measured: {dates: 1}",
                "7: measured.dates: unknown key; did you mean 'date'?"},
        BadCase{"MeasuredMesh", "measured: {}",
                "measured: {date: 1, version: 1, engine: mpi, mesh: {nodes: 4, devices: 4}, "
                "links: {}}",
                "7: measured.mesh: was measured on 4 nodes x 4 devices, but `levels` has 2 x 4; "
                "calibrate again or remove `measured`"},
        BadCase{"MeasuredMethod", "measured: {}",
                "measured: {date: 1, version: 1, engine: mpi, mesh: {nodes: 2, devices: 4}, "
                "links: {}, layers: [{method: fast}]}",
                "7: measured.layers[0].method: no method 'fast'"},
        BadCase{"MeasuredDegree", "measured: {}",
                "measured: {date: 1, version: 1, engine: mpi, mesh: {nodes: 2, devices: 4}, "
                "links: {}, layers: [{method: hybrid, attn_tp: 3}]}",
                "7: measured.layers[0].attn_tp: does not divide 8 ranks"}),
    [](const testing::TestParamInfo<BadCase> &info) { return info.param.name; });

TEST(ClusterFile, WhatWasMeasuredReplacesTheNominalLinks) {
  std::string error;
  const std::string text =
      "schema: mixserve.cluster/v1\nlevels:\n"
      "  - {name: node, count: 2, link: {bw: 50GB/s, latency: 5us}}\n"
      "  - {name: device, count: 4, link: {bw: 450GB/s, latency: 2us}}\n"
      "device: {memory: 80GiB}\nmeasured:\n  date: \"2026-01-01\"\n  version: \"0.1.0\"\n"
      "  engine: mpi\n  mesh: {nodes: 2, devices: 4}\n"
      "  links:\n    inter: {bw: 120MB/s, latency: 80us, per: node}\n"
      "    intra: {bw: 281MB/s, latency: 9us}\n"
      "  layers:\n    - {method: hybrid-fused, attn_tp: 4, moe_tp: 4, chunks: 8, tokens: 1024, "
      "hidden: 2048, experts: 128, top_k: 8, zipf: 0.5, time: 80ms}\n";
  const std::optional<Cluster> cluster = parseCluster(text, "c.yaml", error);
  ASSERT_TRUE(cluster) << error;
  EXPECT_EQ(cluster->linkSource, CostSource::Calibrated);
  EXPECT_DOUBLE_EQ(cluster->inter.bytesPerNs, 0.12);
  EXPECT_DOUBLE_EQ(cluster->inter.latencyNs, 80'000);
  EXPECT_TRUE(cluster->inter.perNode);
  EXPECT_DOUBLE_EQ(cluster->intra.bytesPerNs, 0.281);
  ASSERT_EQ(cluster->calibration.layers.size(), 1u);
  const LayerSample &layer = cluster->calibration.layers[0];
  EXPECT_EQ(layer.method, Method::HybridFused);
  EXPECT_EQ(layer.layout, (Layout{4, 2, 4, 2}));
  EXPECT_EQ(layer.chunks, 8);
  EXPECT_EQ(layer.zipf, 0.5);
  EXPECT_EQ(layer.ns, 80e6);
  EXPECT_EQ(layer.wire, WireType::F32); // what a file without it says
  EXPECT_EQ(cluster->fits.at(WireType::F32).common.count(Method::HybridFused), 1u);
  EXPECT_NEAR(predictLayers(*cluster, {layer})[0].predictedNs, 80e6, 80e6 * 0.01);
}

TEST(ClusterFile, MeasuredLayersSayTheirWireType) {
  std::string error;
  const std::string text =
      "schema: mixserve.cluster/v1\nlevels:\n"
      "  - {name: node, count: 2, link: {bw: 50GB/s, latency: 5us}}\n"
      "device: {memory: 80GiB}\nmeasured:\n  date: \"2026-01-01\"\n  version: \"0.1.0\"\n"
      "  engine: mpi\n  mesh: {nodes: 2, devices: 1}\n  links: {}\n  layers:\n";
  const auto layer = [](const std::string &wire, const std::string &time) {
    return "    - {method: hybrid, attn_tp: 1, moe_tp: 1, chunks: 1, tokens: 16, hidden: 64, "
           "experts: 8, top_k: 2, " +
           wire + "time: " + time + "}\n";
  };
  const std::optional<Cluster> cluster = parseCluster(
      text + layer("", "9us") + layer("wire: bf16, ", "6us") + layer("wire: f32, ", "9us"),
      "c.yaml", error);
  ASSERT_TRUE(cluster) << error;
  const std::vector<LayerSample> &layers = cluster->calibration.layers;
  ASSERT_EQ(layers.size(), 3u);
  EXPECT_EQ(layers[0].wire, WireType::F32);
  EXPECT_EQ(layers[1].wire, WireType::BF16);
  EXPECT_EQ(layers[2].wire, WireType::F32);
  EXPECT_NEAR(predictLayers(*cluster, layers)[0].predictedNs, 9e3, 90);
  EXPECT_NEAR(predictLayers(*cluster, layers)[1].predictedNs, 6e3, 60);
  EXPECT_FALSE(parseCluster(text + layer("wire: f16, ", "9us"), "c.yaml", error));
  EXPECT_EQ(error, "c.yaml:12: measured.layers[0].wire: expected f32 or bf16, got 'f16'");

  // A layer that stayed when the other type was measured says when it was.
  const std::optional<Cluster> kept = parseCluster(
      text + layer("wire: bf16, ", "6us, error: 0.02") + layer("", "9us, date: \"2025-12-31\""),
      "c.yaml", error);
  ASSERT_TRUE(kept) << error;
  EXPECT_EQ(kept->calibration.dateOf(WireType::F32), "2025-12-31");
  EXPECT_EQ(kept->calibration.dateOf(WireType::BF16), "2026-01-01");
  EXPECT_EQ(kept->calibration.layers[0].error, 0.02);
  EXPECT_EQ(kept->calibration.layers[1].error, 0);
  EXPECT_FALSE(parseCluster(text + layer("error: 5%, ", "9us"), "c.yaml", error));
  EXPECT_EQ(error, "c.yaml:12: measured.layers[0].error: expected a number from 0 to 1, got '5%'");
}

TEST(ClusterFile, OtherDamage) {
  std::string error;
  EXPECT_FALSE(parseCluster("", "c.yaml", error));
  EXPECT_EQ(error, "c.yaml:1: the file is empty: expected a map of `key: value`");
  EXPECT_FALSE(parseCluster("[1, 2]", "c.yaml", error));
  EXPECT_EQ(error, "c.yaml:1: the file: expected a map of `key: value`");
  EXPECT_FALSE(parseCluster("a: [1", "c.yaml", error));
  EXPECT_EQ(error.rfind("c.yaml:", 0), 0u);
  EXPECT_NE(error.find("not valid YAML"), std::string::npos) << error;
  EXPECT_FALSE(parseCluster("a: 1\n---\nb: 2\n", "c.yaml", error));
  EXPECT_EQ(error, "c.yaml:1: expected one YAML document, got 2");
  EXPECT_FALSE(parseCluster("schema: mixserve.cluster/v1\nlevels: []\ndevice: {memory: 1GiB}",
                            "c.yaml", error));
  EXPECT_EQ(error, "c.yaml:2: levels: expected one or two levels (node, then device), got 0; merge "
                   "switch levels into "
                   "the node's link");
  EXPECT_FALSE(readClusterFile("/nonexistent/c.yaml", error));
  EXPECT_EQ(error, "/nonexistent/c.yaml: cannot read the cluster file: No such file or directory; "
                   "check the path");
}

} // namespace
