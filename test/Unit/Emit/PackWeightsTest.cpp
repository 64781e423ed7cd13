//===- PackWeightsTest.cpp - f32 weights in the artifact's layouts ----------===//
#include "lib/Emit/PackWeights.h"
#include "Fixture.h"

#include "llvm/Support/JSON.h"

#include <cstring>
#include <filesystem>
#include <numeric>

using namespace mlir;
using namespace mixserve;
using mixserve::test::EmitFixture;
using Values = std::vector<float>;

namespace {

/// A weight file taken apart.
struct WeightFile {
  struct Tensor {
    std::string name, type;
    std::vector<int64_t> shape;
    int64_t begin = 0, end = 0; ///< bytes of the data
  };
  std::vector<Tensor> tensors; ///< ascending begin
  std::string data;
  int64_t dataOffset = 0; ///< of `data` in the file
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const Tensor &tensor : tensors)
      if (tensor.name.rfind("__padding__", 0) != 0)
        names.push_back(tensor.name);
    return names;
  }
  Values values(const std::string &name) const {
    for (const Tensor &tensor : tensors)
      if (tensor.name == name) {
        Values values((tensor.end - tensor.begin) / sizeof(float));
        std::memcpy(values.data(), data.data() + tensor.begin, values.size() * sizeof(float));
        return values;
      }
    ADD_FAILURE() << "no tensor " << name;
    return {};
  }
};

struct WeightFiles : EmitFixture {
  WeightFiles() { std::filesystem::create_directory(at("weights")); }

  /// Packs the parameters that `module` uses into the folder.
  FailureOr<std::vector<FileRecord>> pack(ModuleOp module) {
    FailureOr<SmallVector<ParamEntry>> params = collectParams(module);
    if (failed(params))
      return failure();
    BoxReader reader(folder);
    return packWeights(*params, module->getAttrOfType<plan::MeshAttr>(plan::kMeshAttr), reader,
                       folder, loc);
  }

  WeightFile open(const std::string &name) const {
    WeightFile file;
    const std::string bytes = readBytes(name);
    uint64_t length = 0;
    std::memcpy(&length, bytes.data(), sizeof length);
    file.dataOffset = sizeof length + length;
    file.data = bytes.substr(file.dataOffset);
    llvm::Expected<llvm::json::Value> header =
        llvm::json::parse(bytes.substr(sizeof length, length));
    EXPECT_TRUE(static_cast<bool>(header));
    for (auto &[key, value] : *header->getAsObject()) {
      const llvm::json::Object &tensor = *value.getAsObject();
      WeightFile::Tensor entry;
      entry.name = key.str();
      entry.type = tensor.getString("dtype")->str();
      for (const llvm::json::Value &size : *tensor.getArray("shape"))
        entry.shape.push_back(*size.getAsInteger());
      entry.begin = *(*tensor.getArray("data_offsets"))[0].getAsInteger();
      entry.end = *(*tensor.getArray("data_offsets"))[1].getAsInteger();
      file.tensors.push_back(entry);
    }
    llvm::sort(file.tensors, [](auto &a, auto &b) { return a.begin < b.begin; });
    return file;
  }

  /// @norm is whole on both ranks, @w [N=4, K=3] is split by rows, @gate [E=2, N=2, K=3] by
  /// experts.
  ModuleOp twoRanks() {
    Values values(27);
    std::iota(values.begin(), values.end(), 0.0f);
    writeValues("w", values);
    return parse(R"(
      module attributes {plan.mesh = #plan.mesh<["node"=1, "device"=2]>} {
        nn.param @norm : tensor<3xf32> from [#nn.box<"w", offset = 0, type = f32, at = [0], shape = [3], strides = [1]>] {sharding = #plan.sharding<[{}]>}
        nn.param @w : tensor<4x3xf32> from [#nn.box<"w", offset = 12, type = f32, at = [0, 0], shape = [4, 3], strides = [3, 1]>] {sharding = #plan.sharding<[{"device"}, {}]>}
        nn.param @gate : tensor<2x2x3xf32> from [#nn.box<"w", offset = 60, type = f32, at = [0, 0, 0], shape = [2, 2, 3], strides = [6, 3, 1]>] {sharding = #plan.sharding<[{"device"}, {}, {}]>}
        func.func @step(%x: tensor<?x3xf32>, %rw: tensor<?x1xf32>, %ri: tensor<?x1xi32>, %d: tensor<1x3x2xf32>) {
          %norm = nn.param_ref @norm : tensor<3xf32>
          %w = nn.param_ref @w : tensor<2x3xf32>
          %gate = nn.param_ref @gate : tensor<1x2x3xf32>
          %h = nn.rms_norm %x, %norm eps 1.0e-6 : tensor<?x3xf32>, tensor<3xf32>
          %y = nn.linear %h, %w : tensor<?x3xf32>, tensor<2x3xf32> -> tensor<?x2xf32>
          %p = moe.expert_ffn %h, %rw, %ri experts(%gate, %gate, %d) swiglu : tensor<?x3xf32>, tensor<?x1xf32>, tensor<?x1xi32> experts(tensor<1x2x3xf32>, tensor<1x2x3xf32>, tensor<1x3x2xf32>) -> tensor<?x3xf32>
          return
        }
      })");
  }
};

TEST_F(WeightFiles, SharedFirstThenRanks) {
  FailureOr<std::vector<FileRecord>> records = pack(twoRanks());
  ASSERT_TRUE(succeeded(records)) << takeErrors();
  std::vector<std::string> paths;
  for (const FileRecord &record : *records) {
    paths.push_back(record.path);
    EXPECT_EQ(record.bytes, static_cast<int64_t>(readBytes(record.path).size()));
    EXPECT_EQ(record.sha256, sha256Hex(readBytes(record.path)));
    EXPECT_EQ(record.blocks.size(), 1u);
  }
  EXPECT_EQ(paths,
            (std::vector<std::string>{"weights/shared.safetensors", "weights/rank-0000.safetensors",
                                      "weights/rank-0001.safetensors"}));
}

TEST_F(WeightFiles, WholeParametersAreShared) {
  ASSERT_TRUE(succeeded(pack(twoRanks()))) << takeErrors();
  EXPECT_EQ(open("weights/shared.safetensors").names(), (std::vector<std::string>{"norm"}));
  EXPECT_EQ(open("weights/shared.safetensors").values("norm"), (Values{0, 1, 2}));
}

TEST_F(WeightFiles, RankHasItsRowsPacked) {
  ASSERT_TRUE(succeeded(pack(twoRanks()))) << takeErrors();
  const WeightFile file = open("weights/rank-0001.safetensors");
  EXPECT_EQ(file.names(), (std::vector<std::string>{"w", "gate"}));
  // Rows 2 and 3 of w: [9, 10, 11] and [12, 13, 14].
  Values expected(3 * 64, 0.0f);
  for (int64_t k = 0; k < 3; ++k)
    expected[k * 64] = 9 + k, expected[k * 64 + 1] = 12 + k;
  EXPECT_EQ(file.values("w"), expected);
}

TEST_F(WeightFiles, RankHasItsExperts) {
  ASSERT_TRUE(succeeded(pack(twoRanks()))) << takeErrors();
  // Expert 0 begins with 15, expert 1 with 21.
  EXPECT_EQ(open("weights/rank-0000.safetensors").values("gate")[0], 15.0f);
  EXPECT_EQ(open("weights/rank-0001.safetensors").values("gate")[0], 21.0f);
}

TEST_F(WeightFiles, TensorsAreAlignedAndLeaveNoHole) {
  ASSERT_TRUE(succeeded(pack(twoRanks()))) << takeErrors();
  for (const char *name : {"weights/shared.safetensors", "weights/rank-0000.safetensors"}) {
    const WeightFile file = open(name);
    EXPECT_EQ(file.dataOffset % 64, 0);
    int64_t end = 0;
    for (const WeightFile::Tensor &tensor : file.tensors) {
      EXPECT_EQ(tensor.begin, end) << tensor.name;
      end = tensor.end;
      if (tensor.type == "F32") {
        EXPECT_EQ(tensor.begin % 64, 0) << tensor.name;
      }
    }
    EXPECT_EQ(end, static_cast<int64_t>(file.data.size()));
  }
}

TEST_F(WeightFiles, SameBytesTwice) {
  ModuleOp module = twoRanks();
  ASSERT_TRUE(succeeded(pack(module))) << takeErrors();
  const std::string first = readBytes("weights/rank-0000.safetensors");
  std::filesystem::remove_all(at("weights"));
  std::filesystem::create_directory(at("weights"));
  ASSERT_TRUE(succeeded(pack(module))) << takeErrors();
  EXPECT_EQ(readBytes("weights/rank-0000.safetensors"), first);
}

TEST_F(WeightFiles, NothingIsWrittenIfASourceIsShort) {
  ModuleOp module = twoRanks();
  writeValues("w", Values(20));
  EXPECT_TRUE(failed(pack(module)));
  EXPECT_NE(takeErrors().find("needs bytes beyond the end of 'w'"), std::string::npos);
  EXPECT_TRUE(list("weights").empty());
}

} // namespace
