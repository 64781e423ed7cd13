//===- ConformanceTest.cpp - the onnx package's cases for single operators --------------------===//
//
// conformance_cases.py writes the cases; a fixture of ctest runs it. Every case is imported and
// evaluated, and every output compared. A case may be refused by import only for an element type or
// form that it does not support, with an error that says so.
//
//===-----------------------------------------------------------------------------------------===//

#include "mixserve/Import/Evaluator.h"
#include "mixserve/Import/ImportOnnx.h"

#include "lib/Import/Initializers.h"
#include "lib/Import/Kernels.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringExtras.h"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>

using namespace mlir;
using namespace mixserve;

namespace {

std::string readFile(const std::filesystem::path &path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// A tensor file; null if its element type is not supported.
std::optional<HostTensor> readTensor(const std::filesystem::path &path, MLIRContext &context) {
  ::onnx::TensorProto proto;
  EXPECT_TRUE(proto.ParseFromString(readFile(path))) << path;
  Type element = import::elementType(&context, proto.data_type());
  if (!element)
    return std::nullopt;
  std::vector<int64_t> shape(proto.dims().begin(), proto.dims().end());
  return import::fromBytes(shape, element, proto.raw_data());
}

/// bf16 and f16 references round after every step inside an operator; ours once.
double toleranceOf(Value value) {
  Type element = cast<TensorType>(value.getType()).getElementType();
  return element.isBF16() ? 2e-2 : element.isF16() ? 4e-3 : 1e-5;
}

void compare(const HostTensor &computed, const HostTensor &expected, double tolerance) {
  ASSERT_EQ(computed.shape(), expected.shape());
  for (int64_t i = 0; i < expected.numElements(); ++i) {
    const double got = computed.asDouble(i), wanted = expected.asDouble(i);
    if (std::isnan(wanted) ? std::isnan(got) : got == wanted)
      continue;
    ASSERT_LE(std::abs(got - wanted), tolerance * (1 + std::abs(wanted))) << "element " << i;
  }
}

TEST(Conformance, EveryCaseOfThePinnedPackage) {
  const char *build = std::getenv("MIXSERVE_BUILD_DIR");
  const std::filesystem::path folder = std::filesystem::path(build ? build : ".") / "onnx-cases";
  ASSERT_TRUE(std::filesystem::exists(folder)) << folder << " is missing; run this through ctest";
  std::vector<std::filesystem::path> cases;
  for (const auto &entry : std::filesystem::directory_iterator(folder))
    if (entry.is_directory())
      cases.push_back(entry.path());
  std::sort(cases.begin(), cases.end());

  int passed = 0, refused = 0;
  for (const std::filesystem::path &path : cases) {
    SCOPED_TRACE(path.filename().string());
    MLIRContext context(MLIRContext::Threading::DISABLED);
    std::string errors;
    ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
      errors += diagnostic.str();
      return success();
    });
    OwningOpRef<ModuleOp> module = importOnnx((path / "model.onnx").string(), context);
    if (!module) {
      EXPECT_NE(errors.find("not support"), std::string::npos) << errors;
      ++refused;
      continue;
    }
    auto main = module->lookupSymbol<func::FuncOp>("main");
    Evaluator evaluator;
    for (unsigned i = 0; i < main.getNumArguments(); ++i) {
      std::optional<HostTensor> tensor =
          readTensor(path / ("input_" + std::to_string(i) + ".pb"), context);
      ASSERT_TRUE(tensor);
      evaluator.bind(main.getArgument(i), std::move(*tensor));
    }
    auto results = cast<func::ReturnOp>(main.front().getTerminator());
    for (unsigned i = 0; i < results.getNumOperands(); ++i) {
      Value value = results.getOperand(i);
      const HostTensor *computed = evaluator.evaluate(value);
      EXPECT_NE(computed, nullptr) << evaluator.error();
      if (computed)
        compare(*computed, *readTensor(path / ("output_" + std::to_string(i) + ".pb"), context),
                toleranceOf(value));
    }
    ++passed;
  }
  std::printf("%d of %zu cases computed, %d refused\n", passed, cases.size(), refused);
  // The package is pinned, so the numbers are too: refused are 4-bit to 8-bit floats and integers,
  // strings, windows.
  EXPECT_EQ(passed, 452);
  EXPECT_EQ(refused, 112);
}

} // namespace
