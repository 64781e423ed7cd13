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

class LaunchEnv : public testing::Test {
protected:
  void SetUp() override { clear(); }
  void TearDown() override { clear(); }
  static void clear() {
    for (const char *name :
         {"OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "PMI_SIZE", "PMI_RANK",
          "SLURM_STEP_NUM_TASKS", "SLURM_PROCID", "PMIX_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE",
          "MPI_LOCALNRANKS", "SLURM_STEP_TASKS_PER_NODE"})
      unsetenv(name);
  }
};

TEST_F(LaunchEnv, StartedAlone) {
  setenv("SLURM_PROCID", "0", 1); // a batch script
  Env env;
  ASSERT_TRUE(Env::read(env).ok());
  EXPECT_EQ(env.launch.processes, 1);
  EXPECT_EQ(env.launch.process, 0);
  EXPECT_EQ(env.launch.variable, "");
}

TEST_F(LaunchEnv, MpirunWinsOverTheSlurmStepThatItRunsIn) {
  setenv("SLURM_STEP_NUM_TASKS", "7", 1);
  setenv("SLURM_PROCID", "6", 1);
  Env env;
  ASSERT_TRUE(Env::read(env).ok());
  EXPECT_EQ(env.launch.processes, 7);
  EXPECT_EQ(env.launch.process, 6);
  setenv("PMI_SIZE", "3", 1);
  setenv("PMI_RANK", "1", 1);
  ASSERT_TRUE(Env::read(env).ok());
  EXPECT_EQ(env.launch.processes, 3);
  setenv("OMPI_COMM_WORLD_SIZE", "2", 1);
  setenv("OMPI_COMM_WORLD_RANK", "1", 1);
  ASSERT_TRUE(Env::read(env).ok());
  EXPECT_EQ(env.launch.processes, 2);
  EXPECT_EQ(env.launch.process, 1);
  EXPECT_EQ(env.launch.variable, "OMPI_COMM_WORLD_SIZE");
}

TEST_F(LaunchEnv, SeesThatSrunGaveNoPmix) {
  Env env;
  const auto missing = [&env] { return Env::read(env).ok() && env.launch.pmixMissing; };
  setenv("SLURM_STEP_NUM_TASKS", "2", 1);
  setenv("SLURM_PROCID", "1", 1);
  EXPECT_TRUE(missing()); // srun --mpi=none
  setenv("PMI_SIZE", "2", 1);
  setenv("PMI_RANK", "1", 1);
  EXPECT_TRUE(missing()); // srun --mpi=pmi2
  setenv("PMIX_RANK", "1", 1);
  EXPECT_FALSE(missing());
  unsetenv("PMIX_RANK");
  setenv("OMPI_COMM_WORLD_SIZE", "2", 1);
  setenv("OMPI_COMM_WORLD_RANK", "1", 1);
  EXPECT_FALSE(missing()); // mpirun, whose daemons are tasks of a step
  clear();
  setenv("SLURM_STEP_NUM_TASKS", "1", 1);
  setenv("SLURM_PROCID", "0", 1);
  EXPECT_FALSE(missing()); // srun -n 1: all nodes in one process
}

TEST_F(LaunchEnv, ProcessesOfThisHost) {
  const auto local = [] {
    Env env;
    EXPECT_TRUE(Env::read(env).ok());
    return env.launch.local;
  };
  setenv("OMPI_COMM_WORLD_LOCAL_SIZE", "2", 1);
  EXPECT_EQ(local(), 1); // no launch at all
  setenv("OMPI_COMM_WORLD_SIZE", "4", 1);
  setenv("OMPI_COMM_WORLD_RANK", "1", 1);
  EXPECT_EQ(local(), 2);
  for (const char *odd : {"0", "-1", "5", "", "two"}) {
    setenv("OMPI_COMM_WORLD_LOCAL_SIZE", odd, 1);
    EXPECT_EQ(local(), 1) << odd;
  }
  clear();
  setenv("PMI_SIZE", "4", 1);
  setenv("PMI_RANK", "1", 1);
  EXPECT_EQ(local(), 1);
  setenv("MPI_LOCALNRANKS", "4", 1);
  EXPECT_EQ(local(), 4);
  clear();
  setenv("SLURM_STEP_NUM_TASKS", "6", 1);
  setenv("SLURM_PROCID", "1", 1);
  setenv("SLURM_STEP_TASKS_PER_NODE", "2(x3)", 1);
  EXPECT_EQ(local(), 2);
  setenv("SLURM_STEP_TASKS_PER_NODE", "1(x3),3", 1);
  EXPECT_EQ(local(), 3);
}

TEST_F(LaunchEnv, RefusesHalfALaunch) {
  Env env;
  setenv("PMI_SIZE", "2", 1);
  EXPECT_EQ(Env::read(env).code(), MXS_INVALID_ARGUMENT);
  for (const char *rank : {"2", "-1", "", "one", "1x"}) {
    setenv("PMI_RANK", rank, 1);
    const Status status = Env::read(env);
    EXPECT_EQ(status.code(), MXS_INVALID_ARGUMENT) << rank;
    EXPECT_NE(status.message().find("PMI_RANK is '" + std::string(rank) + "'"), std::string::npos)
        << status.message();
  }
  setenv("PMI_SIZE", "0", 1);
  EXPECT_EQ(Env::read(env).code(), MXS_INVALID_ARGUMENT);
}

} // namespace
