//===- AttentionBench.cpp - Attention at the shapes of public models, cold caches -------------===//
//
// attention/MODEL/CACHE/decode/context:C   one row at the end of a context of C
// attention/MODEL/CACHE/prefill/context:C  the last 512 rows of a context of C
// attention/MODEL/CACHE/FORM/rows:N/context:C  (MLA) the last N, by one form
//
// One layer of one sequence. MODEL deepseek-r1 is latent attention (MLA) with the heads that a rank
// has of 128 under tensor parallelism 8, weights W_uk and W_uv in the type of the cache; FORM is
// expanded (as prefill is) or absorbed. Calls take turns on caches (and weights) that together are
// far larger than the processor's. The ceilings are measured before every call: `of_read` is bytes,
// `of_peak` float32 operations, of the medians; `of_bound` is the share of the slower of both
// bounds, for MLA's weights and cache apart: absorbed, they wait for each other. Operations count
// what causality leaves, by the form's formula. `issue`: instructions that a core begins per cycle
// (CoreState.h), of up to `width`; `free` calls had all cores to themselves before and after, and
// `free_bound` is of those.
//
//===----------------------------------------------------------------------===//
#include "bench/Ceilings.h"
#include "bench/CoreState.h"
#include "bench/HugeMemory.h"

#include "kernels/cpu/LatentAttention.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

using namespace mxs;
using namespace mxs::cpu;

namespace {

/// Of one rank. kvHeads = 0: latent, headDim is D of q_nope and the results' V.
struct Shape {
  const char *model;
  int64_t heads, kvHeads, headDim, latentDim, ropeDim;
  bool isLatent() const { return kvHeads == 0; }
  int64_t cacheWidth() const { return isLatent() ? latentDim + ropeDim : 2 * kvHeads * headDim; }
  /// Numbers of W_uk and W_uv.
  int64_t weights() const { return isLatent() ? 2 * heads * latentDim * headDim : 0; }
  /// Operations of a row and a position it sees.
  double perPair(bool expanded) const {
    return 2.0 * double(heads) *
           double(isLatent() && !expanded ? 2 * latentDim + ropeDim : 2 * headDim + ropeDim);
  }
};

const Shape kShapes[] = {{"qwen3-30b-a3b", 32, 4, 128, 0, 0},
                         {"qwen3-235b-a22b", 64, 4, 128, 0, 0},
                         {"bench", 16, 4, 64, 0, 0},
                         {"deepseek-r1", 16, 0, 128, 512, 64}};

constexpr int64_t kPrefillRows = 512;
constexpr int64_t kColdBytes = 192 << 20;

std::vector<float> randomFloats(int64_t count, float size) {
  std::mt19937 engine(5);
  std::uniform_real_distribution<float> uniform(-size, size);
  std::vector<float> values(static_cast<size_t>(count));
  for (float &value : values)
    value = uniform(engine);
  return values;
}

struct Work {
  double bytes, operations;
  /// At least, at these rates [1/s].
  double seconds(double read, double peak) const {
    return std::max(bytes / read, peak > 0 ? operations / peak : 0);
  }
};

/// Memory full of small numbers of the type.
bench::HugeMemory smallNumbers(int64_t bytes, CacheType type) {
  const std::vector<float> values = randomFloats(1 << 18, 0.05f);
  if (type == CacheType::F32)
    return {bytes, values};
  std::vector<uint16_t> halves(values.size());
  std::transform(values.begin(), values.end(), halves.begin(), mxs_bf16_from_f32);
  return {bytes, halves};
}

/// A layer's inputs, and as many caches and weights as make them cold.
class Layer {
public:
  Layer(const Shape &shape, CacheType type, int64_t rows, int64_t context, bool expanded)
      : shape(shape), type(type), rows(rows), context(context), expanded(expanded),
        capacity((context + kKeyBlock - 1) / kKeyBlock * kKeyBlock),
        slotBytes(capacity * shape.cacheWidth() * cacheElementBytes(type)),
        weightBytes(shape.weights() * cacheElementBytes(type)),
        copies(std::max<int64_t>(2, kColdBytes / (slotBytes + weightBytes))),
        memory(smallNumbers(copies * (slotBytes + weightBytes), type)),
        q(randomFloats(rows * shape.heads * std::max(shape.headDim, shape.ropeDim), 1.0f)),
        k(randomFloats(rows * std::max(shape.kvHeads * shape.headDim, shape.latentDim), 1.0f)),
        out(static_cast<size_t>(rows * shape.heads * shape.headDim)),
        attention(attentionKernels(Engine::process().isa()), ThreadPool::process().threads(), 1,
                  valueDim(), capacity) {}

  /// One call, on the cache after the last call's; true if it worked.
  bool run() {
    turn = (turn + 1) % copies;
    return run(Engine::process(), attention);
  }

  /// Largest distance from the plain kernels' result, relative to the largest number of it.
  double error() {
    Engine plain;
    Attention slow(attentionKernels(Isa::Reference), ThreadPool::process().threads(), 1, valueDim(),
                   capacity);
    if (!Engine::create(Isa::Reference, plain).ok() || !run(Engine::process(), attention))
      return INFINITY;
    const std::vector<float> fast = out;
    if (!run(plain, slow))
      return INFINITY;
    double error = 0, most = 0;
    for (size_t i = 0; i < out.size(); ++i) {
      error = std::max(error, std::fabs(double(fast[i]) - out[i]));
      most = std::max(most, std::fabs(double(out[i])));
    }
    return std::isfinite(error) ? error / most : INFINITY;
  }

  /// Products with W_uk and W_uv.
  Work weightWork() const {
    return {double(weightBytes), 2.0 * double((expanded ? context : rows) * shape.weights())};
  }
  /// What lies between them.
  Work cacheWork() const {
    double pairs = 0; // (row, position it sees)
    for (int64_t row = context - rows; row < context; ++row)
      pairs += double(row + 1);
    return {double(context * shape.cacheWidth() * cacheElementBytes(type)),
            pairs * shape.perPair(expanded)};
  }
  const bench::HugeMemory &caches() const { return memory; }

private:
  int64_t valueDim() const { return shape.isLatent() ? shape.latentDim : shape.headDim; }

  bool run(const Engine &engine, Attention &with) {
    char *slot = reinterpret_cast<char *>(memory.data) + turn * (slotBytes + weightBytes);
    const AttentionSequence sequence{slot, context - rows, rows, 0, expanded ? context : 0};
    return shape.isLatent() ? runLatent(engine, with, sequence) : runCached(with, sequence);
  }

  bool runCached(Attention &with, const AttentionSequence &sequence) {
    AttentionCall call;
    call.type = type;
    call.heads = static_cast<int>(shape.heads);
    call.kvHeads = static_cast<int>(shape.kvHeads);
    call.headDim = shape.headDim;
    call.capacity = capacity;
    call.scale = 1.0f / std::sqrt(static_cast<float>(shape.headDim));
    call.sequences = &sequence;
    call.count = 1;
    call.q = q.data();
    call.k = call.v = k.data();
    call.out = out.data();
    with.run(call, ThreadPool::process());
    return true;
  }

  bool runLatent(const Engine &engine, Attention &with, const AttentionSequence &sequence) {
    mxs_weight_t uk, uv;
    uk.layout = uv.layout = WeightLayout::N64;
    uk.type = uv.type = type == CacheType::F32 ? MXS_WEIGHT_F32 : MXS_WEIGHT_BF16;
    uk.n = shape.heads * shape.latentDim;
    uk.k = uv.n = shape.headDim;
    uv.n *= shape.heads;
    uv.k = shape.latentDim;
    uk.data = sequence.slot + slotBytes;
    uv.data = sequence.slot + slotBytes + weightBytes / 2;
    LatentCall call;
    call.shape = {shape.heads, shape.latentDim, shape.ropeDim, shape.headDim, shape.headDim};
    call.type = type;
    call.capacity = capacity;
    call.stepRows = context; // what is a prompt is expanded
    call.scale = 1.0f / std::sqrt(static_cast<float>(shape.headDim + shape.ropeDim));
    call.sequences = &sequence;
    call.count = 1;
    call.qNope = call.qRope = q.data();
    call.latent = call.rope = k.data();
    call.wUk = &uk;
    call.wUv = &uv;
    call.out = out.data();
    return latentAttention(engine, with, ThreadPool::process(), space, call).ok();
  }

  const Shape &shape;
  const CacheType type;
  const int64_t rows, context;
  const bool expanded;
  const int64_t capacity, slotBytes, weightBytes, copies;
  bench::HugeMemory memory;
  const std::vector<float> q, k;
  std::vector<float> out;
  Attention attention;
  Workspace space;
  int64_t turn = 0;
};

void run(benchmark::State &state, const Shape &shape, CacheType type, int64_t rows, int64_t context,
         bool expanded) {
  const Engine &engine = Engine::process();
  ThreadPool &pool = ThreadPool::process();
  const ThreadPool::Caller caller(pool);
  Layer layer(shape, type, rows, context, expanded);
  // The plain kernels are slow: prompts are compared at the shortest context.
  if (rows == 1 || context <= 512)
    if (const double error = layer.error(); !(error < 1e-4)) {
      state.SkipWithError(("differs from the plain kernels by " + std::to_string(error)).c_str());
      return;
    }
  bool done = layer.run();
  bench::Stopwatch call, read, peak;
  bench::CoreState cores(pool);
  const int64_t slice = 32 << 20, slices = static_cast<int64_t>(layer.caches().size) / slice;
  const auto *memory = reinterpret_cast<const uint8_t *>(layer.caches().data);
  int64_t place = 0;
  double readBytes = 0, peakOperations = 0;
  for (auto _ : state) {
    read.start();
    readBytes = bench::readAll(pool, memory + place++ % slices * slice, slice);
    read.stop();
    bench::rampUp(pool, engine, MXS_WEIGHT_F32);
    peak.start();
    peakOperations = bench::multiplyAll(pool, engine, MXS_WEIGHT_F32, 1e-3);
    peak.stop();
    cores.before();
    call.start();
    done = layer.run() && done;
    state.SetIterationTime(call.stop());
    cores.after();
  }
  if (!done)
    state.SkipWithError("a call failed");
  const Work weights = layer.weightWork(), cache = layer.cacheWork();
  const double time = call.middle(), bytes = weights.bytes + cache.bytes;
  const double operations = weights.operations + cache.operations;
  const double readRate = readBytes / read.middle(), peakRate = peakOperations / peak.middle();
  const auto ofBound = [&](double seconds, double bytesPerSecond, double perSecond) {
    return (weights.seconds(bytesPerSecond, perSecond) + cache.seconds(bytesPerSecond, perSecond)) /
           seconds;
  };
  state.counters["ms"] = time * 1e3;
  state.counters["GB/s"] = bytes / time / 1e9;
  state.counters["read"] = readRate / 1e9;
  state.counters["of_read"] = bytes / readRate / time;
  state.counters["GFLOP/s"] = operations / time / 1e9;
  state.counters["peak"] = peakRate / 1e9;
  state.counters["of_peak"] = peakRate > 0 ? operations / peakRate / time : 0;
  state.counters["of_bound"] = ofBound(time, readRate, peakRate);
  state.counters["issue"] = cores.middle();
  state.counters["width"] = bench::coreWidth();
  const std::vector<size_t> free = cores.freeTimes();
  if (!free.empty())
    state.counters["free_bound"] = ofBound(call.middle(free), readBytes / read.middle(free),
                                           peakOperations / peak.middle(free));
  state.counters["free"] = static_cast<double>(free.size());
}

void registerOne(const std::string &name, const Shape &shape, CacheType type, int64_t rows,
                 int64_t context, bool expanded) {
  const std::string full = std::string("attention/") + shape.model +
                           (type == CacheType::F32 ? "/f32/" : "/bf16/") + name +
                           "/context:" + std::to_string(context);
  benchmark::RegisterBenchmark(full.c_str(), run, shape, type, rows, context, expanded)
      ->UseManualTime()
      ->Unit(benchmark::kMillisecond)
      ->MinTime(0.1);
}

void registerAll() {
  for (const Shape &shape : kShapes)
    for (CacheType type : {CacheType::F32, CacheType::BF16}) {
      for (int64_t context : {512, 4096, 32768})
        registerOne("decode", shape, type, 1, context, false);
      for (int64_t context : {512, 4096, 32768})
        registerOne("prefill", shape, type, kPrefillRows, context, shape.isLatent());
      if (shape.isLatent())
        for (int64_t rows : {64, 128, 256, 512})
          for (int64_t context : {512, 4096})
            for (bool expanded : {false, true})
              registerOne((expanded ? "expanded/rows:" : "absorbed/rows:") + std::to_string(rows),
                          shape, type, rows, context, expanded);
    }
}

} // namespace

int main(int argc, char **argv) {
  if (const Status status = Engine::checkEnvironment(); !status.ok()) {
    std::fprintf(stderr, "bench-attention: %s\n", status.message().c_str());
    return 1;
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv))
    return 1;
  std::printf("kernels %s, %d threads\n", isaName(Engine::process().isa()),
              ThreadPool::process().threads());
  registerAll();
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
