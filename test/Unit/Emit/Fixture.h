//===- Fixture.h - Parameters, files and diagnostics of emit's tests -*- C++ -*-===//
#ifndef MIXSERVE_TEST_UNIT_EMIT_FIXTURE_H
#define MIXSERVE_TEST_UNIT_EMIT_FIXTURE_H

#include "dialects/nn/NNDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace mixserve::test {

/// A folder that goes away with the test, and a context whose errors are kept.
class EmitFixture : public testing::Test {
protected:
  EmitFixture();
  ~EmitFixture() override;

  /// Path of `name` in the folder.
  std::string at(const std::string &name) const { return folder + "/" + name; }
  void writeBytes(const std::string &name, const void *data, size_t bytes) const;
  template <typename T>
  void writeValues(const std::string &name, const std::vector<T> &values) const {
    writeBytes(name, values.data(), values.size() * sizeof(T));
  }
  std::string readBytes(const std::string &name) const;
  /// Names in `name` of the folder, sorted.
  std::vector<std::string> list(const std::string &name = "") const;

  /// Parses a module; an error fails the test.
  mlir::ModuleOp parse(const std::string &text);
  /// Parses one nn.param, named @w.
  nn::ParamOp param(const std::string &typeAndBoxes);
  /// All errors since the last call, one a line.
  std::string takeErrors() { return std::exchange(errors, ""); }

  mlir::MLIRContext context;
  mlir::Location loc = mlir::UnknownLoc::get(&context);
  std::string folder;

private:
  std::vector<mlir::OwningOpRef<mlir::ModuleOp>> modules;
  std::string errors;
};

} // namespace mixserve::test

#endif // MIXSERVE_TEST_UNIT_EMIT_FIXTURE_H
