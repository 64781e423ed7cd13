//===- Fixture.cpp - Parameters, files and diagnostics of emit's tests ------===//
#include "Fixture.h"
#include "dialects/moe/MoEDialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

using namespace mlir;
using namespace mixserve;
using namespace mixserve::test;

EmitFixture::EmitFixture() {
  context.loadDialect<func::FuncDialect, moe::MoEDialect, nn::NNDialect>();
  context.getDiagEngine().registerHandler(
      [this](Diagnostic &diagnostic) { errors += diagnostic.str() + "\n"; });
  std::string pattern = testing::TempDir() + "mixserve-emit-XXXXXX";
  EXPECT_NE(mkdtemp(pattern.data()), nullptr);
  folder = pattern;
}

EmitFixture::~EmitFixture() { std::filesystem::remove_all(folder); }

void EmitFixture::writeBytes(const std::string &name, const void *data, size_t bytes) const {
  std::ofstream(at(name), std::ios::binary).write(static_cast<const char *>(data), bytes);
}

std::string EmitFixture::readBytes(const std::string &name) const {
  std::ostringstream bytes;
  bytes << std::ifstream(at(name), std::ios::binary).rdbuf();
  return bytes.str();
}

std::vector<std::string> EmitFixture::list(const std::string &name) const {
  std::vector<std::string> names;
  for (const auto &entry : std::filesystem::directory_iterator(at(name)))
    names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

ModuleOp EmitFixture::parse(const std::string &text) {
  modules.push_back(parseSourceString<ModuleOp>(text, &context));
  EXPECT_TRUE(modules.back()) << errors;
  return *modules.back();
}

nn::ParamOp EmitFixture::param(const std::string &typeAndBoxes) {
  return *parse("nn.param @w : " + typeAndBoxes).getOps<nn::ParamOp>().begin();
}
