//===- EnvTest.cpp - Environment variables: read, defaulted, refused -------------------------===//
#include "core/Env.h"

#include <gtest/gtest.h>

#include <cstdlib>

using namespace mxs;

namespace {

TEST(Env, DefaultsWithoutVariables) {
  unsetenv("MXS_THREADS");
  Env env;
  ASSERT_TRUE(Env::read(env).ok());
  EXPECT_EQ(env.threads, 0);
}

TEST(Env, ReadsThreads) {
  setenv("MXS_THREADS", "3", 1);
  Env env;
  ASSERT_TRUE(Env::read(env).ok());
  EXPECT_EQ(env.threads, 3);
  unsetenv("MXS_THREADS");
}

TEST(Env, RefusesWhatIsNoThreadCount) {
  for (const char *text : {"0", "-1", "", "two", "4097", "3x", "99999999999999999999"}) {
    setenv("MXS_THREADS", text, 1);
    Env env;
    const Status status = Env::read(env);
    EXPECT_EQ(status.code(), MXS_INVALID_ARGUMENT) << text;
    EXPECT_NE(status.message().find("MXS_THREADS is '" + std::string(text) + "'"),
              std::string::npos)
        << status.message();
  }
  unsetenv("MXS_THREADS");
}

} // namespace
