//===- BoxReaderTest.cpp - Slices of parameters, gathered from files --------===//
#include "lib/Emit/BoxReader.h"
#include "Fixture.h"

#include <cmath>
#include <limits>
#include <numeric>

using namespace mlir;
using namespace mixserve;
using mixserve::test::EmitFixture;
using Values = std::vector<float>;

namespace {

struct BoxReaders : EmitFixture {
  /// Elements [begin, begin + size) of `param`.
  Values read(nn::ParamOp param, SmallVector<int64_t> begin, SmallVector<int64_t> size) {
    BoxReader reader(folder);
    EXPECT_TRUE(succeeded(reader.check(param))) << takeErrors();
    Values out(ShapedType::getNumElements(size), -1.0f);
    reader.read(param, {begin, size}, out.data());
    return out;
  }
  std::string errorOf(nn::ParamOp param) {
    BoxReader reader(folder);
    EXPECT_TRUE(failed(reader.check(param)));
    return takeErrors();
  }
  /// 0, 1, 2 .. as f32 in file `w`.
  void writeCounted(int64_t count) {
    Values values(count);
    std::iota(values.begin(), values.end(), 0.0f);
    writeValues("w", values);
  }
};

TEST_F(BoxReaders, RowMajor) {
  writeCounted(6);
  nn::ParamOp w = param(
      R"(tensor<2x3xf32> from [#nn.box<"w", offset = 0, type = f32, at = [0, 0], shape = [2, 3], strides = [3, 1]>])");
  EXPECT_EQ(read(w, {0, 0}, {2, 3}), (Values{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(read(w, {1, 1}, {1, 2}), (Values{4, 5}));
}

TEST_F(BoxReaders, Transposed) {
  writeCounted(6);
  nn::ParamOp w = param(
      R"(tensor<3x2xf32> from [#nn.box<"w", offset = 0, type = f32, at = [0, 0], shape = [3, 2], strides = [1, 3]>])");
  EXPECT_EQ(read(w, {0, 0}, {3, 2}), (Values{0, 3, 1, 4, 2, 5}));
  EXPECT_EQ(read(w, {2, 0}, {1, 2}), (Values{2, 5}));
}

TEST_F(BoxReaders, OffsetIsInBytes) {
  writeCounted(6);
  nn::ParamOp w = param(
      R"(tensor<2xf32> from [#nn.box<"w", offset = 8, type = f32, at = [0], shape = [2], strides = [2]>])");
  EXPECT_EQ(read(w, {0}, {2}), (Values{2, 4}));
}

TEST_F(BoxReaders, SliceAcrossStackedBoxes) {
  writeCounted(8);
  // Two experts that lie apart, the second first.
  nn::ParamOp w = param(R"(tensor<2x2x2xf32> from [
    #nn.box<"w", offset = 16, type = f32, at = [0, 0, 0], shape = [1, 2, 2], strides = [0, 2, 1]>,
    #nn.box<"w", offset = 0, type = f32, at = [1, 0, 0], shape = [1, 2, 2], strides = [0, 2, 1]>])");
  EXPECT_EQ(read(w, {0, 0, 0}, {2, 2, 2}), (Values{4, 5, 6, 7, 0, 1, 2, 3}));
  EXPECT_EQ(read(w, {0, 1, 0}, {2, 1, 2}), (Values{6, 7, 2, 3}));
  EXPECT_EQ(read(w, {1, 0, 1}, {1, 2, 1}), (Values{1, 3}));
}

TEST_F(BoxReaders, BoxesOfSeveralFiles) {
  writeValues<float>("a", {1, 2});
  writeValues<float>("b", {3, 4});
  nn::ParamOp w = param(R"(tensor<4xf32> from [
    #nn.box<"a", offset = 0, type = f32, at = [0], shape = [2], strides = [1]>,
    #nn.box<"b", offset = 0, type = f32, at = [2], shape = [2], strides = [1]>])");
  EXPECT_EQ(read(w, {1}, {2}), (Values{2, 3}));
}

TEST_F(BoxReaders, Scalar) {
  writeCounted(2);
  nn::ParamOp w = param(
      R"(tensor<f32> from [#nn.box<"w", offset = 4, type = f32, at = [], shape = [], strides = []>])");
  EXPECT_EQ(read(w, {}, {}), (Values{1}));
}

TEST_F(BoxReaders, Bf16) {
  writeValues<uint16_t>("w", {0x3f80, 0xc040, 0x0001, 0x7f80});
  nn::ParamOp w = param(
      R"(tensor<4xf32> from [#nn.box<"w", offset = 0, type = bf16, at = [0], shape = [4], strides = [1]>])");
  EXPECT_EQ(read(w, {0}, {4}),
            (Values{1.0f, -3.0f, 0x1p-133f, std::numeric_limits<float>::infinity()}));
}

TEST_F(BoxReaders, F16) {
  // 1, -2, largest, smallest normal, smallest subnormal, -0, -infinity.
  writeValues<uint16_t>("w", {0x3c00, 0xc000, 0x7bff, 0x0400, 0x0001, 0x8000, 0xfc00});
  nn::ParamOp w = param(
      R"(tensor<7xf32> from [#nn.box<"w", offset = 0, type = f16, at = [0], shape = [7], strides = [1]>])");
  const Values values = read(w, {0}, {7});
  EXPECT_EQ(values, (Values{1.0f, -2.0f, 65504.0f, 0x1p-14f, 0x1p-24f, -0.0f,
                            -std::numeric_limits<float>::infinity()}));
  EXPECT_TRUE(std::signbit(values[5]));
}

TEST_F(BoxReaders, F16KeepsNan) {
  writeValues<uint16_t>("w", {0x7e01});
  nn::ParamOp w = param(
      R"(tensor<1xf32> from [#nn.box<"w", offset = 0, type = f16, at = [0], shape = [1], strides = [1]>])");
  EXPECT_TRUE(std::isnan(read(w, {0}, {1})[0]));
}

TEST_F(BoxReaders, HalvesWithStrides) {
  writeValues<uint16_t>("w", {0x3f80, 0x4000, 0x4040, 0x4080});
  nn::ParamOp w = param(
      R"(tensor<2x2xf32> from [#nn.box<"w", offset = 0, type = bf16, at = [0, 0], shape = [2, 2], strides = [1, 2]>])");
  EXPECT_EQ(read(w, {0, 0}, {2, 2}), (Values{1, 3, 2, 4}));
}

TEST_F(BoxReaders, MissingFile) {
  nn::ParamOp w = param(
      R"(tensor<1xf32> from [#nn.box<"none", offset = 0, type = f32, at = [0], shape = [1], strides = [1]>])");
  EXPECT_EQ(errorOf(w), "cannot read '" + at("none") + "': No such file or directory\n");
}

TEST_F(BoxReaders, FileOutsideTheFolder) {
  for (const char *file : {"../w", "/w", "a/../../w", ""}) {
    nn::ParamOp w = param("tensor<1xf32> from [#nn.box<\"" + std::string(file) +
                          "\", offset = 0, type = f32, at = [0], shape = [1], strides = [1]>]");
    EXPECT_EQ(errorOf(w),
              "source file '" + std::string(file) + "' is outside the model's folder\n");
  }
}

TEST_F(BoxReaders, FileCutShort) {
  writeCounted(5);
  // The last element of a transposed box is not the one that is farthest.
  nn::ParamOp w = param(
      R"(tensor<3x2xf32> from [#nn.box<"w", offset = 0, type = f32, at = [0, 0], shape = [3, 2], strides = [1, 3]>])");
  EXPECT_EQ(errorOf(w), "needs bytes beyond the end of 'w', which has 20 bytes; the file is cut "
                        "short or not the one that was imported\n");
}

TEST_F(BoxReaders, ReachThatOverflows) {
  writeCounted(1);
  nn::ParamOp w = param(
      R"(tensor<2xf32> from [#nn.box<"w", offset = 9223372036854775807, type = f32, at = [0], shape = [2], strides = [9223372036854775807]>])");
  EXPECT_NE(errorOf(w).find("needs bytes beyond the end of 'w'"), std::string::npos);
}

TEST_F(BoxReaders, ElementTypeThatIsNotPacked) {
  writeCounted(1);
  nn::ParamOp w = param(
      R"(tensor<1xf32> from [#nn.box<"w", offset = 0, type = f64, at = [0], shape = [1], strides = [1]>])");
  EXPECT_EQ(errorOf(w), "elements of type 'f64' cannot be packed\n");
}

} // namespace
