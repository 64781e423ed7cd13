//===- Ceilings.cpp -------------------------------------------------------------------------===//
#include "bench/Ceilings.h"

#include <algorithm>
#include <chrono>

using namespace mxs;
using namespace mxs::cpu;

double bench::now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double bench::median(std::vector<double> &values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

double bench::median(const std::vector<double> &values, const std::vector<size_t> &which) {
  std::vector<double> some;
  for (size_t i : which)
    some.push_back(values[i]);
  return median(some);
}

double bench::Stopwatch::stop() {
  times.push_back(now() - begun);
  return times.back();
}

double bench::Stopwatch::middle() const {
  std::vector<double> all = times;
  return median(all);
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

static void readPart(const uint8_t *memory, int64_t bytes) {
#if defined(__x86_64__)
  if (isaSupported(Isa::Avx2)) {
    for (const uint8_t *end = memory + bytes; memory < end; memory += 256)
      asm volatile("vmovdqu (%0), %%ymm0\n\tvmovdqu 32(%0), %%ymm1\n\t"
                   "vmovdqu 64(%0), %%ymm2\n\tvmovdqu 96(%0), %%ymm3\n\t"
                   "vmovdqu 128(%0), %%ymm4\n\tvmovdqu 160(%0), %%ymm5\n\t"
                   "vmovdqu 192(%0), %%ymm6\n\tvmovdqu 224(%0), %%ymm7" ::"r"(memory)
                   : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7");
    return;
  }
#endif
  uint64_t sum = 0;
  for (int64_t i = 0; i < bytes / 8; ++i)
    sum += reinterpret_cast<const uint64_t *>(memory)[i];
  asm volatile("" ::"r"(sum));
}

double bench::readAll(ThreadPool &pool, const uint8_t *memory, int64_t bytes) {
  // Long enough that the start of a part is no matter, short enough that none waits for the last.
  const int64_t part = std::min<int64_t>(2 << 20, bytes / 256 * 256);
  const int64_t parts = part > 0 ? bytes / part : 0;
  pool.parallelFor(parts, [&](int64_t task, int) { readPart(memory + task * part, part); });
  return static_cast<double>(parts * part);
}

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

namespace {
/// `rounds` rounds of 12 independent instructions; `perRound` operations each.
struct Arithmetic {
  void (*run)(int64_t rounds);
  double perRound;
};
} // namespace

#if defined(__x86_64__)
#define MXS_TWELVE(op, r)                                                                          \
  op " %%" r "14, %%" r "15, %%" r "0\n\t" op " %%" r "14, %%" r "15, %%" r "1\n\t" op " %%" r     \
     "14, %%" r "15, %%" r "2\n\t" op " %%" r "14, %%" r "15, %%" r "3\n\t" op " %%" r "14, %%" r  \
     "15, %%" r "4\n\t" op " %%" r "14, %%" r "15, %%" r "5\n\t" op " %%" r "14, %%" r "15, %%" r  \
     "6\n\t" op " %%" r "14, %%" r "15, %%" r "7\n\t" op " %%" r "14, %%" r "15, %%" r "8\n\t" op  \
     " %%" r "14, %%" r "15, %%" r "9\n\t" op " %%" r "14, %%" r "15, %%" r "10\n\t" op " %%" r    \
     "14, %%" r "15, %%" r "11"
#define MXS_BYTES(product, sum)                                                                    \
  "vpmaddubsw %%ymm14, %%ymm15, %%ymm" product "\n\tvpmaddwd %%ymm14, %%ymm" product               \
  ", %%ymm" product "\n\tvpaddd %%ymm" product ", %%ymm" sum ", %%ymm" sum "\n\t"
#define MXS_RUN(name, op, r)                                                                       \
  void name(int64_t rounds) {                                                                      \
    asm volatile("vpxor %%xmm14, %%xmm14, %%xmm14\n\tvpxor %%xmm15, %%xmm15, %%xmm15" ::           \
                     : "xmm14", "xmm15");                                                          \
    for (int64_t i = 0; i < rounds; ++i)                                                           \
      asm volatile(MXS_TWELVE(op, r)::                                                             \
                       : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",   \
                         "xmm9", "xmm10", "xmm11");                                                \
  }
namespace {
MXS_RUN(fmaYmm, "vfmadd231ps", "ymm")
MXS_RUN(fmaZmm, "vfmadd231ps", "zmm")
MXS_RUN(bf16Zmm, "vdpbf16ps", "zmm")
MXS_RUN(int8Zmm, "vpdpbusd", "zmm")
/// Without VNNI a dot product of bytes is three instructions.
void int8Ymm(int64_t rounds) {
  asm volatile("vpxor %%xmm14, %%xmm14, %%xmm14\n\tvpxor %%xmm15, %%xmm15, %%xmm15" ::
                   : "xmm14", "xmm15");
  for (int64_t i = 0; i < rounds; ++i)
    asm volatile(MXS_BYTES("0", "4") MXS_BYTES("1", "5") MXS_BYTES("2", "6") MXS_BYTES("3", "7")::
                     : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7");
}
} // namespace
#undef MXS_BYTES
#undef MXS_RUN
#undef MXS_TWELVE
#endif

static Arithmetic arithmeticOf(Isa isa, mxs_weight_type_t type) {
#if defined(__x86_64__)
  const bool integers = mxs_weight_has_scales(type);
  if (isa >= Isa::Avx512Vnni && integers)
    return {int8Zmm, 12 * 128};
  if (isa >= Isa::Avx2 && integers)
    return {int8Ymm, 4 * 64};
  if (isa >= Isa::Avx512Bf16 && type == MXS_WEIGHT_BF16)
    return {bf16Zmm, 12 * 64};
  if (isa >= Isa::Avx512)
    return {fmaZmm, 12 * 32};
  if (isa >= Isa::Avx2)
    return {fmaYmm, 12 * 16};
#endif
  (void)isa;
  (void)type;
  return {nullptr, 0};
}

double bench::multiplyAll(ThreadPool &pool, const Engine &engine, mxs_weight_type_t type,
                          double seconds) {
  const Arithmetic arithmetic = arithmeticOf(engine.isa(), type);
  if (!arithmetic.run)
    return 0;
  constexpr int64_t rounds = 20000; // 30 to 70 us: tasks are claimed one by one, as in a kernel
  const int64_t tasks =
      std::max<int64_t>(1, static_cast<int64_t>(seconds / 70e-6)) * pool.threads();
  pool.parallelFor(tasks, [&](int64_t, int) { arithmetic.run(rounds); });
  return static_cast<double>(tasks * rounds) * arithmetic.perRound;
}

void bench::rampUp(ThreadPool &pool, const Engine &engine, mxs_weight_type_t type) {
  for (const double end = now() + 3e-3; now() < end;)
    if (multiplyAll(pool, engine, type, 0.5e-3) == 0)
      return;
}

void bench::printCeilings(ThreadPool &pool, const Engine &engine,
                          const std::function<double()> &read) {
  const auto rate = [](const std::function<double()> &work) {
    Stopwatch watch;
    double done = 0;
    for (int i = 0; i < 7; ++i, watch.stop()) {
      watch.start();
      done = work();
    }
    return done / watch.middle() / 1e9;
  };
  std::printf("kernels %s, %d threads; read %.1f GB/s", isaName(engine.isa()), pool.threads(),
              rate(read));
  for (mxs_weight_type_t type : {MXS_WEIGHT_F32, MXS_WEIGHT_BF16, MXS_WEIGHT_I8}) {
    rampUp(pool, engine, type);
    std::printf(", %s %.0f GFLOP/s", mxs_weight_type_name(type),
                rate([&] { return multiplyAll(pool, engine, type, 10e-3); }));
  }
}
