//===- PackTypesTest.cpp - Weights of every element type, unpacked again ----===//
//
// The unpacking here is written from the layouts of mixserve_weights.h, not with its functions, so
// that a fault in them cannot hide.
//
//===----------------------------------------------------------------------===//
#include "Fixture.h"
#include "lib/Emit/PackWeights.h"

#include "runtime/include/mixserve_weights.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>
#include <cstring>
#include <filesystem>
#include <random>

using namespace mlir;
using namespace mixserve;
using mixserve::test::EmitFixture;
using Values = std::vector<float>;

namespace {

float fromBf16(uint16_t bits) {
  const uint32_t wide = uint32_t(bits) << 16;
  float value;
  std::memcpy(&value, &wide, sizeof value);
  return value;
}

/// A matrix type as `pack` says it, with v and the largest |q|.
struct Stored {
  const char *pack, *dtype;
  int64_t v, group;
  float limit;
};
const Stored kTypes[] = {{"nn.element = \"f32\"", "F32", 1, 0, 0},
                         {"nn.element = \"bf16\"", "BF16", 2, 0, 0},
                         {"nn.element = \"int8\", nn.group = 32 : i64", "I8", 4, 32, 127},
                         {"nn.element = \"int8\", nn.group = 128 : i64", "I8", 4, 128, 127},
                         {"nn.element = \"int4\", nn.group = 32 : i64", "U8", 8, 32, 7},
                         {"nn.element = \"int4\", nn.group = 128 : i64", "U8", 8, 128, 7}};

/// How the source file has a matrix.
struct Source {
  const char *type;
  bool isTransposed;
};

struct PackTypes : EmitFixture {
  PackTypes() { std::filesystem::create_directory(at("weights")); }

  /// Writes [E, N, K] to the file "w"; returns the values that it holds there.
  Values writeSource(Source source, int64_t experts, int64_t n, int64_t k) {
    std::mt19937 engine(unsigned(n * 1000 + k));
    std::normal_distribution<float> normal(0.0f, 0.3f);
    Values values(experts * n * k);
    std::vector<uint16_t> halves(values.size());
    Values floats(values.size());
    for (int64_t e = 0; e < experts; ++e)
      for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j < k; ++j) {
          float &value = values[(e * n + i) * k + j];
          value = normal(engine);
          const int64_t at = e * n * k + (source.isTransposed ? j * n + i : i * k + j);
          uint32_t bits;
          std::memcpy(&bits, &value, sizeof bits);
          halves[at] = bits >> 16;
          if (StringRef(source.type) == "bf16")
            value = fromBf16(halves[at]);
          floats[at] = value;
        }
    if (StringRef(source.type) == "bf16")
      writeValues("w", halves);
    else
      writeValues("w", floats);
    return values;
  }

  /// A module with one stacked weight [E, N, K], the down projection of experts, and packs it.
  FailureOr<std::vector<FileRecord>> pack(Source source, const std::string &pack, int64_t experts,
                                          int64_t n, int64_t k, int64_t ranks,
                                          const char *sharding) {
    // The width of the rows that a rank makes is its part of N.
    const int64_t width = StringRef(sharding).starts_with("[{}, {\"device\"}") ? n / ranks : n;
    std::string text;
    llvm::raw_string_ostream os(text);
    const std::string type = std::to_string(n) + "x" + std::to_string(k) + "xf32>";
    const std::string strides =
        source.isTransposed ? "1, " + std::to_string(n) : std::to_string(k) + ", 1";
    os << "module attributes {plan.mesh = #plan.mesh<[\"node\"=1, \"device\"=" << ranks << "]>} {\n"
       << "nn.param @w : tensor<" << experts << "x" << type
       << " from [#nn.box<\"w\", offset = 0, type = " << source.type
       << ", at = [0, 0, 0], shape = [" << experts << ", " << n << ", " << k << "], strides = ["
       << n * k << ", " << strides << "]>] {sharding = #plan.sharding<" << sharding
       << ">, pack = #nn.pack<n64>, " << pack << "}\n"
       << "func.func @step(%x: tensor<?x" << width
       << "xf32>, %rw: tensor<?x1xf32>, %ri: tensor<?x1xi32>, %g: tensor<?x?x" << width
       << "xf32>) {\n"
       << "  %w = nn.param_ref @w : tensor<?x" << width << "x?xf32>\n"
       << "  %y = moe.expert_ffn %x, %rw, %ri experts(%g, %g, %w) swiglu : tensor<?x" << width
       << "xf32>, tensor<?x1xf32>, tensor<?x1xi32> experts(tensor<?x?x" << width
       << "xf32>, tensor<?x?x" << width << "xf32>, tensor<?x" << width << "x?xf32>) -> tensor<?x"
       << width << "xf32>\n  return\n}}\n";
    auto module = parse(text);
    FailureOr<SmallVector<ParamEntry>> params = collectParams(module);
    if (failed(params))
      return failure();
    BoxReader reader(folder);
    std::filesystem::remove_all(at("weights"));
    std::filesystem::create_directory(at("weights"));
    return packWeights(*params, module->getAttrOfType<plan::MeshAttr>(plan::kMeshAttr), reader,
                       folder, loc);
  }

  /// Bytes, type and shape of a tensor.
  struct Tensor {
    std::string dtype, bytes;
    std::vector<int64_t> shape;
  };
  Tensor tensor(const std::string &file, const std::string &name) {
    const std::string bytes = readBytes(file);
    uint64_t length = 0;
    std::memcpy(&length, bytes.data(), sizeof length);
    auto header = llvm::json::parse(bytes.substr(8, length));
    Tensor result;
    const llvm::json::Object *entry = header ? header->getAsObject()->getObject(name) : nullptr;
    if (!entry) {
      ADD_FAILURE() << "no tensor " << name << " in " << file;
      return result;
    }
    result.dtype = entry->getString("dtype")->str();
    for (const llvm::json::Value &size : *entry->getArray("shape"))
      result.shape.push_back(*size.getAsInteger());
    const int64_t begin = *(*entry->getArray("data_offsets"))[0].getAsInteger();
    const int64_t end = *(*entry->getArray("data_offsets"))[1].getAsInteger();
    EXPECT_EQ(begin % 64, 0) << name;
    result.bytes = bytes.substr(8 + length + begin, end - begin);
    return result;
  }

  struct Unpacked {
    Values values; ///< [E, N, K]
    Values scales; ///< of each value; 0 without
    bool paddingIsZero = true;
  };
  /// By the text of mixserve_weights.h.
  Unpacked unpack(const std::string &file, const Stored &type, int64_t experts, int64_t n,
                  int64_t k) {
    const Tensor data = tensor(file, "w");
    EXPECT_EQ(data.dtype, type.dtype);
    const int64_t blocks = (n + 63) / 64, cells = (k + type.v - 1) / type.v;
    const int64_t groups = type.group ? (k + type.group - 1) / type.group : 0;
    EXPECT_EQ(int64_t(data.bytes.size()), experts * blocks * cells * 64 * 4);
    std::vector<int64_t> shape = {experts, blocks, cells, 64};
    if (type.v > 1)
      shape.push_back(StringRef(type.dtype) == "U8" ? 4 : type.v);
    EXPECT_EQ(data.shape, shape);
    Tensor scales;
    if (groups) {
      scales = tensor(file, "w.scale");
      EXPECT_EQ(scales.dtype, "BF16");
      EXPECT_EQ(scales.shape, (std::vector<int64_t>{experts, blocks, groups, 64}));
    }
    if (testing::Test::HasFailure())
      return {};
    Unpacked result;
    result.values.resize(experts * n * k);
    result.scales.resize(experts * n * k);
    const auto *bytes = reinterpret_cast<const uint8_t *>(data.bytes.data());
    for (int64_t e = 0; e < experts; ++e)
      for (int64_t i = 0; i < blocks * 64; ++i)
        for (int64_t j = 0; j < cells * type.v; ++j) {
          const uint8_t *cell =
              bytes + (((e * blocks + i / 64) * cells + j / type.v) * 64 + i % 64) * 4;
          float value = 0, scale = 0;
          uint16_t half;
          switch (type.v) {
          case 1:
            std::memcpy(&value, cell, 4);
            break;
          case 2:
            std::memcpy(&half, cell + 2 * (j % 2), 2);
            value = fromBf16(half);
            break;
          case 4:
            value = int8_t(cell[j % 4]);
            break;
          default:
            value = float((j % 8 < 4 ? cell[j % 4] & 15 : cell[j % 4] >> 4) - 8);
          }
          EXPECT_LE(std::fabs(value), type.limit ? type.limit : INFINITY);
          if (groups && j < k) {
            std::memcpy(&half,
                        scales.bytes.data() +
                            (((e * blocks + i / 64) * groups + j / type.group) * 64 + i % 64) * 2,
                        2);
            scale = fromBf16(half);
          }
          if (i >= n || j >= k) {
            result.paddingIsZero &= value == 0 && (i < n || scale == 0);
            continue;
          }
          result.values[(e * n + i) * k + j] = groups ? value * scale : value;
          result.scales[(e * n + i) * k + j] = scale;
        }
    return result;
  }
};

/// The bfloat16 nearest to `value`, by trying both neighbours.
float nearestBf16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  const uint16_t below = bits >> 16;
  const double low = fromBf16(below), high = fromBf16(below + 1),
               d = std::fabs(value - low) - std::fabs(high - value);
  return float(d < 0 ? low : d > 0 ? high : below % 2 == 0 ? low : high);
}

TEST_F(PackTypes, UnpackedAgainIsTheSource) {
  for (const Stored &type : kTypes)
    for (Source source :
         {Source{"f32", false}, Source{"f32", true}, Source{"bf16", false}, Source{"bf16", true}})
      for (auto [experts, n, k] : {std::tuple<int64_t, int64_t, int64_t>{1, 1, 1},
                                   {2, 64, 32},
                                   {3, 65, 37},
                                   {1, 130, 200}}) {
        SCOPED_TRACE(std::string(type.pack) + " from " + source.type +
                     (source.isTransposed ? " transposed " : " ") + std::to_string(n) + "x" +
                     std::to_string(k));
        const Values values = writeSource(source, experts, n, k);
        ASSERT_TRUE(succeeded(pack(source, type.pack, experts, n, k, 1, "[{}, {}, {}]")))
            << takeErrors();
        const Unpacked got = unpack("weights/shared.safetensors", type, experts, n, k);
        ASSERT_EQ(got.values.size(), values.size());
        EXPECT_TRUE(got.paddingIsZero);
        for (size_t i = 0; i < values.size(); ++i) {
          if (type.v == 1)
            ASSERT_EQ(got.values[i], values[i]) << i;
          else if (type.v == 2)
            ASSERT_EQ(got.values[i], nearestBf16(values[i])) << i;
          else {
            // The scale is the bfloat16 nearest to the largest of the group over the limit.
            const size_t row = i / k * k, first = row + (i - row) / type.group * type.group;
            float largest = 0;
            for (size_t j = first; j < std::min<size_t>(first + type.group, row + k); ++j)
              largest = std::max(largest, std::fabs(values[j]));
            ASSERT_EQ(got.scales[i], nearestBf16(largest / type.limit)) << i;
            ASSERT_LE(std::fabs(got.values[i] - values[i]), got.scales[i] * 0.5001f) << i;
          }
        }
      }
}

TEST_F(PackTypes, ZerosHaveNoScale) {
  for (const Stored &type : kTypes) {
    writeValues("w", Values(32 * 64, 0.0f));
    ASSERT_TRUE(succeeded(pack({"f32", false}, type.pack, 1, 32, 64, 1, "[{}, {}, {}]")))
        << takeErrors();
    const Unpacked got = unpack("weights/shared.safetensors", type, 1, 32, 64);
    EXPECT_EQ(got.values, Values(32 * 64, 0.0f)) << type.pack;
  }
}

/// Ranks hold the values of the whole: experts, rows, and K cut at groups or inside one.
TEST_F(PackTypes, PartsAreThoseOfTheWhole) {
  struct Split {
    const char *sharding;
    int64_t experts, n, k, ranks;
    int dimension;
  };
  const Split splits[] = {
      {"[{\"device\"}, {}, {}]", 5, 65, 64, 2, 0},  // uneven experts
      {"[{}, {\"device\"}, {}]", 2, 132, 64, 2, 1}, // outputs
      {"[{}, {}, {\"device\"}]", 2, 65, 256, 2, 2}, // whole groups
      {"[{}, {}, {\"device\"}]", 2, 65, 64, 4, 2},  // 16 of a group of 32 or 128
      {"[{}, {}, {\"device\"}]", 1, 7, 40, 2, 2},   // 20 of 32, refused; 20 of the only group
      {"[{}, {}, {\"device\"}]", 1, 3, 8, 4, 2}};   // 2 values, less than a cell
  for (const Stored &type : kTypes)
    for (const Split &s : splits) {
      SCOPED_TRACE(std::string(type.pack) + " " + s.sharding + " over " + std::to_string(s.ranks));
      const Source source{"f32", false};
      writeSource(source, s.experts, s.n, s.k);
      ASSERT_TRUE(succeeded(pack(source, type.pack, s.experts, s.n, s.k, 1, "[{}, {}, {}]")))
          << takeErrors();
      const Unpacked whole = unpack("weights/shared.safetensors", type, s.experts, s.n, s.k);
      const bool isCut = s.k == 40 && type.group == 32;
      ASSERT_EQ(failed(pack(source, type.pack, s.experts, s.n, s.k, s.ranks, s.sharding)), isCut)
          << takeErrors();
      if (isCut) {
        EXPECT_NE(takeErrors().find("which 2 parts of 20 would cut"), std::string::npos);
        continue;
      }
      for (int64_t rank = 0; rank < s.ranks; ++rank) {
        const int64_t sizes[] = {s.experts, s.n, s.k};
        int64_t begin[] = {0, 0, 0}, size[] = {s.experts, s.n, s.k};
        begin[s.dimension] = rank * sizes[s.dimension] / s.ranks;
        size[s.dimension] = (rank + 1) * sizes[s.dimension] / s.ranks - begin[s.dimension];
        const Unpacked part = unpack("weights/rank-000" + std::to_string(rank) + ".safetensors",
                                     type, size[0], size[1], size[2]);
        ASSERT_EQ(int64_t(part.values.size()), size[0] * size[1] * size[2]);
        EXPECT_TRUE(part.paddingIsZero);
        for (int64_t e = 0; e < size[0]; ++e)
          for (int64_t i = 0; i < size[1]; ++i)
            for (int64_t j = 0; j < size[2]; ++j)
              ASSERT_EQ(part.values[(e * size[1] + i) * size[2] + j],
                        whole.values[((begin[0] + e) * s.n + begin[1] + i) * s.k + begin[2] + j]);
      }
    }
}

TEST_F(PackTypes, ASplitThatCutsAGroupIsRefused) {
  const Source source{"f32", false};
  writeSource(source, 1, 4, 96);
  EXPECT_TRUE(failed(pack(source, kTypes[2].pack, 1, 4, 96, 2, "[{}, {}, {\"device\"}]")));
  EXPECT_NE(
      takeErrors().find("has a scale per 32 of its K = 96 values, which 2 parts of 48 would cut"),
      std::string::npos);
  EXPECT_TRUE(succeeded(pack(source, kTypes[1].pack, 1, 4, 96, 2, "[{}, {}, {\"device\"}]")))
      << takeErrors();
}

TEST_F(PackTypes, WhatIsNotFiniteCannotBeQuantised) {
  for (float bad : {float(NAN), float(INFINITY), -float(INFINITY)}) {
    Values values(4 * 64, 0.5f);
    values[200] = bad;
    writeValues("w", values);
    EXPECT_TRUE(failed(pack({"f32", false}, kTypes[4].pack, 1, 4, 64, 1, "[{}, {}, {}]")));
    EXPECT_NE(takeErrors().find("holds values that are not finite, for which int4 has no place"),
              std::string::npos);
    EXPECT_TRUE(succeeded(pack({"f32", false}, kTypes[1].pack, 1, 4, 64, 1, "[{}, {}, {}]")))
        << takeErrors();
  }
}

TEST_F(PackTypes, ManyPiecesInOrder) {
  // 5 experts of 2 column blocks of 512 KiB: more pieces than slots.
  const Source source{"f32", false};
  const int64_t experts = 5, n = 100, k = 2048;
  const Values values = writeSource(source, experts, n, k);
  ASSERT_TRUE(succeeded(pack(source, kTypes[0].pack, experts, n, k, 1, "[{}, {}, {}]")))
      << takeErrors();
  const Unpacked got = unpack("weights/shared.safetensors", kTypes[0], experts, n, k);
  EXPECT_TRUE(got.values == values);
  const std::string first = readBytes("weights/shared.safetensors");
  ASSERT_TRUE(succeeded(pack(source, kTypes[0].pack, experts, n, k, 1, "[{}, {}, {}]")))
      << takeErrors();
  EXPECT_TRUE(readBytes("weights/shared.safetensors") == first);
}

} // namespace
