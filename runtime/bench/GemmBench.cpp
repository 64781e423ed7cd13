//===- GemmBench.cpp - Our kernels beside the libraries', one thread, cold weights -----------===//
//
// gemm/TYPE/rows:R multiplies R rows with one column block after another of weights far larger than
// the caches, by our kernels and, float32 and bfloat16, by what was found at build time: libxsmm
// (JIT, one kernel per row count) and oneDNN (matmul on the same packed layout). All take turns, so
// that a busy machine is busy for all; GFLOP/s are medians.
//
//===----------------------------------------------------------------------===//
#include "bench/Ceilings.h"
#include "bench/Libraries.h"

#include "kernels/cpu/PackedLinear.h"

#include <benchmark/benchmark.h>

#include <cstring>
#include <sys/mman.h>

using namespace mxs;
using namespace mxs::cpu;

namespace {

constexpr int64_t kInputs = 2048, kMatrices = 64, kOutputs = 768;

/// Weights of one type: the same small values again and again.
const mxs_weight_t &weights(mxs_weight_type_t type) {
  static uint8_t *memory = nullptr;
  static mxs_weight_t w;
  const size_t most =
      static_cast<size_t>(kMatrices * mxs_weight_data_bytes(MXS_WEIGHT_F32, kOutputs, kInputs));
  if (!memory) {
    void *start = mmap(nullptr, most, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED)
      throw std::bad_alloc();
    madvise(start, most, MADV_HUGEPAGE);
    memory = static_cast<uint8_t *>(start);
  }
  if (!w.data || w.type != type) {
    w.layout = WeightLayout::N64;
    w.type = type;
    w.n = kOutputs;
    w.k = kInputs;
    w.matrices = kMatrices;
    w.data = memory;
    w.group = mxs_weight_has_scales(type) ? 32 : 0;
    if (w.group) {
      static std::vector<uint16_t> scales;
      scales.assign(static_cast<size_t>(
                        kMatrices * mxs_weight_scale_bytes(type, kOutputs, kInputs, w.group) / 2),
                    mxs_bf16_from_f32(0.01f));
      w.scales = scales.data();
    }
    const int64_t bytes = kMatrices * mxs_weight_data_bytes(type, kOutputs, kInputs);
    for (int64_t i = 0; i < bytes; i += 4) {
      const float value = static_cast<float>(i / 4 % 97) / 97.0f - 0.5f;
      uint32_t bits;
      std::memcpy(&bits, &value, sizeof bits);
      if (type == MXS_WEIGHT_BF16)
        bits = bits >> 16 | (bits & 0xffff0000u);
      else if (mxs_weight_has_scales(type))
        bits = static_cast<uint32_t>(i / 4 % 97) * 0x01030507u; // no byte of these is -128
      std::memcpy(memory + i, &bits, sizeof bits);
    }
  }
  return w;
}

void run(benchmark::State &state, mxs_weight_type_t type, int64_t rows) {
  Engine engine;
  (void)Engine::create(bestIsa(), engine);
  const mxs_weight_t &w = weights(type);
  const RowLayout layout = engine.rowLayout(w);
  std::vector<uint8_t> memory(static_cast<size_t>(layout.bytes(rows)) + 64);
  uint8_t *start = memory.data() + (64 - reinterpret_cast<uintptr_t>(memory.data()) % 64) % 64;
  const std::vector<float> x(kInputs, 0.25f);
  for (int64_t row = 0; row < rows; ++row)
    putRow(engine.kernels(), layout, start, rows, row, 0, kInputs, x.data());
  const RowView view = layout.view(start, rows, 0);
  std::vector<float> y(static_cast<size_t>(rows * kBlockColumns));

  std::vector<bench::Competitor> all = bench::libraries(w, layout.form, view, rows);
  all.insert(all.begin(),
             {"own", [&](int64_t matrix, int64_t block, float *out) {
                const bool last = block + 1 == mxs_weight_blocks(kOutputs);
                engine.multiply(view, rows, w, matrix, block, out,
                                last ? BlockStart{} : blockStart(w, matrix, block + 1));
              }});
  std::vector<std::vector<double>> times(all.size());
  int64_t matrix = 0;
  for (auto _ : state)
    for (size_t i = 0; i < all.size(); ++i, matrix = (matrix + 7) % kMatrices) {
      const double begin = bench::now();
      for (int64_t block = 0; block < mxs_weight_blocks(kOutputs); ++block)
        all[i].multiply(matrix, block, y.data());
      times[i].push_back(bench::now() - begin);
    }
  for (size_t i = 0; i < all.size(); ++i)
    state.counters[all[i].name] =
        2e-9 * static_cast<double>(rows * kInputs * kOutputs) / bench::median(times[i]);
}

} // namespace

int main(int argc, char **argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv))
    return 1;
  for (mxs_weight_type_t type :
       {MXS_WEIGHT_F32, MXS_WEIGHT_BF16, MXS_WEIGHT_I8, MXS_WEIGHT_I4})
    for (int64_t rows : {1, 2, 4, 8, 16, 32, 64, 96})
      benchmark::RegisterBenchmark(
          (std::string("gemm/") + mxs_weight_type_name(type) + "/rows:" + std::to_string(rows))
              .c_str(),
          run, type, rows)
          ->Unit(benchmark::kMillisecond)
          ->MinTime(0.3);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
