//===- AllocationTest.cpp - A step computes without allocating memory -----------------------===//
//
// This program's malloc takes the place of the C library's for all libraries that it loads, and
// counts. The hand-made model says when a rank's generated code runs (hand_made_computes).
//
//===----------------------------------------------------------------------===//
#include "HandMadeArtifact.h"
#include "HandMadeShape.h"
#include "mixserve_rt.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <execinfo.h>
#include <string>
#include <vector>

static std::atomic<bool> counting{false};
static std::atomic<int> inCompute{0}, inStep{0};
static thread_local bool computes = false;

static void count() {
  if (!counting.load(std::memory_order_relaxed))
    return;
  ++inStep;
  if (!computes)
    return;
  ++inCompute;
  if (!std::getenv("HM_TRACE"))
    return;
  // Where from? For whoever has to mend it.
  computes = false;
  void *frames[24];
  backtrace_symbols_fd(frames, backtrace(frames, 24), 2);
  std::fputs("--\n", stderr);
  computes = true;
}

// They must be seen by the libraries, though the rest of the program is hidden.
#pragma GCC visibility push(default)
extern "C" {
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

void *malloc(size_t size) {
  count();
  return __libc_malloc(size);
}
void *calloc(size_t n, size_t size) {
  count();
  return __libc_calloc(n, size);
}
void *realloc(void *memory, size_t size) {
  count();
  return __libc_realloc(memory, size);
}
void *aligned_alloc(size_t alignment, size_t size) {
  count();
  return __libc_memalign(alignment, size);
}
int posix_memalign(void **out, size_t alignment, size_t size) {
  count();
  *out = __libc_memalign(alignment, size);
  return *out ? 0 : ENOMEM;
}

void hand_made_computes(int32_t begins) { computes = begins != 0; }
}
#pragma GCC visibility pop

namespace {

/// Two prompts, then decoding steps of both.
class Decoding {
public:
  explicit Decoding(const handmade::Mesh &mesh, int groups) : groups(groups) {
    const std::string folder = handmade::freshFolder();
    handmade::writeArtifact(folder, mesh);
    mxs_options_t options{};
    options.size = sizeof options;
    EXPECT_EQ(mxs_model_open(folder.c_str(), &options, &model), MXS_OK) << mxs_last_error();
  }
  ~Decoding() { mxs_model_close(model); }

  void step(int32_t tokensEach) {
    sequences.clear();
    ids.assign(size_t(2 * tokensEach), 5);
    for (int32_t i = 0; i < 2; ++i)
      sequences.push_back(
          {groups > 1 ? i : 0, groups > 1 ? 0 : i, position, tokensEach, MXS_LOGITS_LAST});
    next.resize(2);
    const mxs_batch_t batch = {sizeof batch, 2,      sequences.data(), ids.data(),
                               int64_t(ids.size()), nullptr};
    mxs_step_output_t output{};
    output.size = sizeof output;
    output.next_tokens = next.data();
    ASSERT_EQ(mxs_model_step(model, &batch, &output), MXS_OK) << mxs_last_error();
    position += tokensEach;
  }

private:
  mxs_model_t *model = nullptr;
  const int groups;
  int64_t position = 0;
  std::vector<mxs_sequence_t> sequences;
  std::vector<int32_t> ids, next;
};

void expectNoAllocation(const handmade::Mesh &mesh, int groups) {
  Decoding decoding(mesh, groups);
  decoding.step(4);
  decoding.step(1);
  std::vector<int> perStep;
  for (int i = 0; i < 6; ++i) {
    inCompute = inStep = 0;
    counting = true;
    decoding.step(1 + i % 3); // steps differ in size
    counting = false;
    EXPECT_EQ(inCompute, 0) << "step " << i;
    perStep.push_back(inStep);
  }
  std::printf("allocations of a whole step, with batch, messages and results: %d to %d\n",
              *std::min_element(perStep.begin(), perStep.end()),
              *std::max_element(perStep.begin(), perStep.end()));
}

TEST(Allocation, TheCountIsRight) {
  inStep = inCompute = 0;
  // Through a pointer that the compiler cannot see through: it drops pairs that nobody looks at.
  std::string *(*volatile make)() = [] { return new std::string(100, 'x'); };
  counting = true;
  delete make();
  hand_made_computes(1);
  delete make();
  hand_made_computes(0);
  counting = false;
  EXPECT_EQ(inStep, 4);
  EXPECT_EQ(inCompute, 2);
}

TEST(Allocation, OneRankComputesWithoutAny) { expectNoAllocation({1, 1, 1}, 1); }

/// On one node: between nodes of one process, LoopbackTransport stands for a wire and keeps what is
/// under way in memory of its own.
TEST(Allocation, FourRanksComputeAndCommunicateWithoutAny) { expectNoAllocation({1, 4, 2}, 2); }

} // namespace
