//===- EngineTest.cpp - Which engine a process gets ------------------------------------------===//
#include "kernels/cpu/Engine.h"

#include <gtest/gtest.h>

#include <cstdlib>

using namespace mxs;
using namespace mxs::cpu;

namespace {

TEST(Engine, NamesAreReadBack) {
  for (Isa isa : kAllIsas) {
    Isa read{};
    ASSERT_TRUE(parseIsa(isaName(isa), read));
    EXPECT_EQ(read, isa);
  }
  Isa read{};
  EXPECT_FALSE(parseIsa("avx3", read));
}

TEST(Engine, PlainKernelsAreAlwaysThere) {
  Engine engine;
  ASSERT_TRUE(Engine::create(Isa::Reference, engine).ok());
  EXPECT_TRUE(Engine::create(bestIsa(), engine).ok());
}

TEST(Engine, OnlyExpertsReadRoundedRows) {
  if (!isaSupported(Isa::Avx512Bf16))
    GTEST_SKIP() << "this processor has no " << isaName(Isa::Avx512Bf16);
  Engine engine;
  ASSERT_TRUE(Engine::create(Isa::Avx512Bf16, engine).ok());
  mxs_weight_t w;
  w.type = MXS_WEIGHT_BF16;
  w.n = w.k = 64;
  EXPECT_EQ(engine.rowLayout(w).form, RowForm::F32);
  w.matrices = 2;
  EXPECT_EQ(engine.rowLayout(w).form, RowForm::Bf16);
}

TEST(Engine, LinearsReadRoundedRowsIfAsked) {
  for (Isa isa : kAllIsas) {
    if (!isaSupported(isa))
      continue;
    Engine engine;
    ASSERT_TRUE(Engine::create(isa, engine, LinearRows::Bf16).ok());
    mxs_weight_t w;
    w.n = w.k = 64;
    w.type = MXS_WEIGHT_BF16;
    EXPECT_EQ(engine.rowLayout(w).form, isa == Isa::Avx512Bf16 ? RowForm::Bf16 : RowForm::F32)
        << isaName(isa);
    w.type = MXS_WEIGHT_F32; // routers are
    EXPECT_EQ(engine.rowLayout(w).form, RowForm::F32) << isaName(isa);
  }
}

TEST(Engine, EnvironmentForcesASet) {
  unsetenv("MXS_ISA");
  EXPECT_TRUE(Engine::checkEnvironment().ok());
  for (Isa isa : kAllIsas) {
    setenv("MXS_ISA", isaName(isa), 1);
    const Status status = Engine::checkEnvironment();
    if (isaSupported(isa)) {
      EXPECT_TRUE(status.ok()) << status.message();
    } else {
      EXPECT_EQ(status.code(), MXS_MISMATCH);
      EXPECT_NE(status.message().find(isaName(isa)), std::string::npos) << status.message();
    }
  }
  setenv("MXS_ISA", "avx3", 1);
  const Status status = Engine::checkEnvironment();
  EXPECT_EQ(status.code(), MXS_INVALID_ARGUMENT);
  EXPECT_NE(status.message().find("'avx3', expected one of reference, avx2"), std::string::npos)
      << status.message();
  unsetenv("MXS_ISA");
}

TEST(Engine, EnvironmentAsksForRoundedRows) {
  unsetenv("MXS_ISA");
  for (const char *rows : {"f32", "bf16", ""}) {
    setenv("MXS_LINEAR_ROWS", rows, 1);
    EXPECT_TRUE(Engine::checkEnvironment().ok()) << rows;
  }
  setenv("MXS_LINEAR_ROWS", "f16", 1);
  const Status status = Engine::checkEnvironment();
  EXPECT_EQ(status.code(), MXS_INVALID_ARGUMENT);
  EXPECT_NE(status.message().find("MXS_LINEAR_ROWS is 'f16', expected f32 or bf16"),
            std::string::npos)
      << status.message();
  unsetenv("MXS_LINEAR_ROWS");
}

} // namespace
