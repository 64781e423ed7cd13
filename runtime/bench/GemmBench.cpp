//===- GemmBench.cpp - Our kernels beside the libraries', cold weights ------------------------===//
//
// gemm/TYPE/rows:R multiplies R rows with the column blocks of one matrix after another, of weights
// far larger than the caches (like an expert's: MXS_LINEAR_ROWS says nothing about them), by our
// kernels and, float32 and bfloat16, by what was found at build time: libxsmm (JIT, one kernel per
// row count) and oneDNN (matmul on the same packed layout). All take turns, so that a busy machine
// is busy for all; GFLOP/s are medians. Every competitor's result is compared with the plain
// kernels' first. The ceilings are measured before every turn; `of_read` (bytes) and `of_peak`
// (operations) are what our kernels reach of them.
//
//===----------------------------------------------------------------------===//
#include "bench/Ceilings.h"
#include "bench/HugeMemory.h"
#include "bench/Libraries.h"

#include "kernels/cpu/PackedLinear.h"

#include <benchmark/benchmark.h>

#include <cmath>
#include <cstring>
#include <random>

using namespace mxs;
using namespace mxs::cpu;

namespace {

constexpr int64_t kInputs = 2048, kMatrices = 64, kOutputs = 768;

/// Weights of one type: the same small values again and again.
const mxs_weight_t &weights(mxs_weight_type_t type) {
  static const bench::HugeMemory memory(kMatrices *
                                        mxs_weight_data_bytes(MXS_WEIGHT_F32, kOutputs, kInputs));
  static mxs_weight_t w;
  if (!w.data || w.type != type) {
    w.layout = WeightLayout::N64;
    w.type = type;
    w.n = kOutputs;
    w.k = kInputs;
    w.matrices = kMatrices;
    w.data = memory.data;
    w.group = mxs_weight_has_scales(type) ? 32 : 0;
    if (w.group) {
      static std::vector<uint16_t> scales;
      scales.assign(static_cast<size_t>(
                        kMatrices * mxs_weight_scale_bytes(type, kOutputs, kInputs, w.group) / 2),
                    mxs_bf16_from_f32(0.01f));
      w.scales = scales.data();
    }
    const int64_t bytes = kMatrices * mxs_weight_data_bytes(type, kOutputs, kInputs);
    memory.fill(bytes, 1 << 20, [type](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i += 4) {
        const float value = static_cast<float>(i / 4 % 97) / 97.0f - 0.5f;
        uint32_t bits;
        std::memcpy(&bits, &value, sizeof bits);
        if (type == MXS_WEIGHT_BF16)
          bits = bits >> 16 | (bits & 0xffff0000u);
        else if (mxs_weight_has_scales(type)) // no byte of these is -128
          bits = static_cast<uint32_t>(i / 4 % 97) * 0x01030507u;
        if (type == MXS_WEIGHT_I4) // nor is a half of one 0 - 8
          bits |= 0x11111111u;
        std::memcpy(memory.data + i, &bits, sizeof bits);
      }
    });
  }
  return w;
}

/// Rows of random values in the form in which an engine multiplies them with `w`.
class BenchRows {
public:
  BenchRows(const Engine &engine, const mxs_weight_t &w, int64_t rows)
      : layout(engine.rowLayout(w)), memory(static_cast<size_t>(layout.bytes(rows)) + 64) {
    uint8_t *start = memory.data() + (64 - reinterpret_cast<uintptr_t>(memory.data()) % 64) % 64;
    std::mt19937 random(3);
    std::uniform_real_distribution<float> uniform(-1.0f, 1.0f);
    std::vector<float> x(kInputs);
    for (int64_t row = 0; row < rows; ++row) {
      for (float &value : x)
        value = uniform(random);
      putRow(engine.kernels(), layout, start, rows, row, 0, kInputs, x.data());
    }
    view = layout.view(start, rows, 0);
  }

  const RowLayout layout;
  RowView view;

private:
  std::vector<uint8_t> memory;
};

/// Our kernels and the libraries', for one thread: what a library keeps is of one call at a time.
std::vector<bench::Competitor> competitors(const Engine &engine, const mxs_weight_t &w,
                                           const BenchRows &x, int64_t rows) {
  std::vector<bench::Competitor> all = bench::libraries(w, x.layout.form, x.view, rows);
  all.insert(all.begin(),
             {"own", [&, rows](int64_t matrix, int64_t block, float *out) {
                const bool last = block + 1 == mxs_weight_blocks(kOutputs);
                engine.multiply(x.view, rows, w, matrix, block, out,
                                last ? BlockStart{} : blockStart(w, matrix, block + 1));
              }});
  return all;
}

/// Relative distance of a competitor's result from the plain kernels', over a whole matrix.
double errorOf(const bench::Competitor &competitor, const mxs_weight_t &w, int64_t rows) {
  Engine plain;
  if (!Engine::create(Isa::Reference, plain).ok())
    return INFINITY;
  const BenchRows x(plain, w, rows);
  std::vector<float> y(static_cast<size_t>(rows * kBlockColumns)), expected(y.size());
  double error = 0, total = 0;
  for (int64_t block = 0; block < mxs_weight_blocks(kOutputs); ++block) {
    competitor.multiply(kMatrices - 1, block, y.data());
    plain.multiply(x.view, rows, w, kMatrices - 1, block, expected.data());
    for (size_t i = 0; i < y.size(); ++i) {
      error += std::pow(double(y[i]) - expected[i], 2);
      total += std::pow(double(expected[i]), 2);
    }
  }
  return std::sqrt(error / total);
}

/// All threads read what is in no cache, and is no weight: a part of memory that they have not read
/// for long. Returns how many bytes.
double readSlice(ThreadPool &pool) {
  constexpr int64_t slice = 64 << 20, slices = 6;
  static const bench::HugeMemory memory(slice * slices, std::vector<uint8_t>(1 << 20, 1));
  static int64_t place = 0;
  return bench::readAll(pool, memory.data + place++ % slices * slice, slice);
}

void run(benchmark::State &state, mxs_weight_type_t type, int64_t rows) {
  const Engine &engine = Engine::process();
  ThreadPool &pool = ThreadPool::process();
  const ThreadPool::Caller caller(pool);
  const mxs_weight_t &w = weights(type);
  const BenchRows x(engine, w, rows);
  std::vector<std::vector<bench::Competitor>> ofWorker;
  std::vector<std::vector<float>> y;
  for (int worker = 0; worker < pool.threads(); ++worker) {
    ofWorker.push_back(competitors(engine, w, x, rows));
    y.emplace_back(static_cast<size_t>(rows * kBlockColumns));
  }
  for (const bench::Competitor &competitor : ofWorker[0])
    if (const double error = errorOf(competitor, w, rows); !(error < 2e-2)) {
      state.SkipWithError(
          (competitor.name + " differs from the plain kernels by " + std::to_string(error))
              .c_str());
      return;
    }
  const int64_t blocks = mxs_weight_blocks(kOutputs);
  double bytes = static_cast<double>(mxs_weight_data_bytes(type, kOutputs, kInputs));
  if (w.group)
    bytes += static_cast<double>(mxs_weight_scale_bytes(type, kOutputs, kInputs, w.group));
  const double operations = 2.0 * static_cast<double>(rows * kInputs * kOutputs);
  std::vector<bench::Stopwatch> calls(ofWorker[0].size());
  bench::Stopwatch read, peak;
  double readBytes = 0, peakOperations = 0;
  int64_t matrix = 0;
  for (auto _ : state) {
    read.start();
    readBytes = readSlice(pool);
    read.stop();
    bench::rampUp(pool, engine, type);
    peak.start();
    peakOperations = bench::multiplyAll(pool, engine, type, 2e-3);
    peak.stop();
    for (size_t i = 0; i < calls.size(); ++i, matrix = (matrix + 7) % kMatrices) {
      calls[i].start();
      pool.parallelFor(blocks, [&](int64_t block, int worker) {
        const size_t at = static_cast<size_t>(worker);
        ofWorker[at][i].multiply(matrix, block, y[at].data());
      });
      calls[i].stop();
    }
  }
  for (size_t i = 0; i < calls.size(); ++i)
    state.counters[ofWorker[0][i].name] = operations / calls[i].middle() / 1e9;
  const double readRate = readBytes / read.middle(), peakRate = peakOperations / peak.middle();
  state.counters["GB/s"] = bytes / calls[0].middle() / 1e9;
  state.counters["read"] = readRate / 1e9;
  state.counters["of_read"] = bytes / calls[0].middle() / readRate;
  state.counters["peak"] = peakRate / 1e9;
  state.counters["of_peak"] = peakRate > 0 ? operations / calls[0].middle() / peakRate : 0;
}

} // namespace

int main(int argc, char **argv) {
  if (const Status status = Engine::checkEnvironment(); !status.ok()) {
    std::fprintf(stderr, "bench-gemm: %s\n", status.message().c_str());
    return 1;
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv))
    return 1;
  ThreadPool &pool = ThreadPool::process();
  bench::printCeilings(pool, Engine::process(), [&] { return readSlice(pool); });
  std::printf("\n");
  for (mxs_weight_type_t type : {MXS_WEIGHT_F32, MXS_WEIGHT_BF16, MXS_WEIGHT_I8, MXS_WEIGHT_I4})
    for (int64_t rows : {1, 2, 4, 8, 16, 32, 64, 96})
      benchmark::RegisterBenchmark(
          (std::string("gemm/") + mxs_weight_type_name(type) + "/rows:" + std::to_string(rows))
              .c_str(),
          run, type, rows)
          ->Unit(benchmark::kMillisecond)
          ->MinTime(0.5);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
