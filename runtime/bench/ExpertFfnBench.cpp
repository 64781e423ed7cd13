//===- ExpertFfnBench.cpp - Expert FFN at the shapes of public models, cold weights ----------===//
//
// expert_ffn/MODEL/TYPE/ROUTING/rows:R, R rows per expert that is read:
//   decode   R tokens choose the same K experts; the next call takes other experts
//   uniform  every expert has R rows
//   zipf     as many pairs, drawn with probability ~ 1/rank
// The weights in memory are far larger than the caches. The ceilings are measured before every
// call; the ratios are those of the medians: `of_read` (bytes of the experts that are read) and
// `of_peak` (operations). `issue`: instructions that a core begins per cycle (CoreState.h), of up
// to `width`; `free` calls had all cores to themselves before and after: `free_read` and
// `free_peak` are the ratios of those.
//
//===----------------------------------------------------------------------===//
#include "bench/Ceilings.h"
#include "bench/CoreState.h"
#include "bench/HugeMemory.h"

#include "kernels/cpu/ExpertFfn.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <random>

using namespace mxs;
using namespace mxs::cpu;

namespace {

struct Shape {
  const char *model;
  int64_t hidden, ffn, experts, topK;
};

const Shape kShapes[] = {{"qwen3-30b-a3b", 2048, 768, 128, 8},
                         {"qwen3-235b-a22b", 4096, 1536, 128, 8},
                         {"deepseek-r1", 7168, 2048, 256, 8},
                         {"bench", 1024, 512, 64, 8}}; // models/bench

enum class Routing { Decode, Uniform, Zipf };
const char *const kRoutings[] = {"decode", "uniform", "zipf"};

constexpr int64_t kWeightMemory = 1280LL << 20; ///< most bytes of weights of a shape
constexpr int64_t kGroup = 32;

/// Random weights of one size of matrix, whatever they mean: data of every type, or scales.
std::vector<uint8_t> randomPart(mxs_weight_type_t type, bool scales, float size) {
  std::mt19937 engine(7);
  std::uniform_real_distribution<float> uniform(-size, size);
  std::vector<uint8_t> part(1 << 20);
  for (size_t i = 0; i < part.size(); i += 4) {
    const float value = uniform(engine);
    uint32_t bits = engine();
    if (scales || type == MXS_WEIGHT_BF16)
      bits = mxs_bf16_from_f32(std::fabs(value)) | uint32_t(mxs_bf16_from_f32(value)) << 16;
    if (scales)
      bits &= 0x7fff7fff;
    else if (type == MXS_WEIGHT_F32)
      std::memcpy(&bits, &value, sizeof bits);
    else if (type == MXS_WEIGHT_I8)
      bits &= 0x7f7f7f7f; // -128 is no weight
    else if (type == MXS_WEIGHT_I4)
      bits |= 0x11111111; // nor is 0 - 8
    std::memcpy(part.data() + i, &bits, sizeof bits);
  }
  return part;
}

/// The experts of one model in one type, as many as fit.
struct Experts {
  Experts(const Shape &shape, mxs_weight_type_t type) : shape(shape), type(type) {
    gate = handle(shape.ffn, shape.hidden);
    down = handle(shape.hidden, shape.ffn);
    const int64_t matrix = mxs_weight_data_bytes(type, gate.n, gate.k);
    const int64_t scaleBytes = mxs_weight_scale_bytes(type, gate.n, gate.k, kGroup);
    bytesPerExpert = 3 * (matrix + scaleBytes);
    experts = std::min(shape.experts, std::max(shape.topK, kWeightMemory / bytesPerExpert));
    const float size = 1.0f / std::sqrt(static_cast<float>(shape.hidden));
    data = std::make_unique<bench::HugeMemory>(3 * experts * matrix, randomPart(type, false, size));
    if (scaleBytes)
      scales = std::make_unique<bench::HugeMemory>(3 * experts * scaleBytes,
                                                   randomPart(type, true, size / 64));
    gate.matrices = down.matrices = experts;
    up = gate;
    int64_t at = 0;
    for (mxs_weight_t *w : {&gate, &up, &down}) {
      w->data = data->data + at * experts * matrix;
      if (scales)
        w->scales = reinterpret_cast<const uint16_t *>(scales->data + at * experts * scaleBytes);
      ++at;
    }
  }

  mxs_weight_t handle(int64_t n, int64_t k) const {
    mxs_weight_t w;
    w.layout = WeightLayout::N64;
    w.type = type;
    w.n = n;
    w.k = k;
    w.group = mxs_weight_has_scales(type) ? kGroup : 0;
    return w;
  }

  const Shape &shape;
  const mxs_weight_type_t type;
  mxs_weight_t gate, up, down;
  int64_t experts = 0, bytesPerExpert = 0;
  std::unique_ptr<bench::HugeMemory> data, scales;
};

/// The experts that were used last: rows of one shape come one after another.
const Experts &expertsOf(const Shape &shape, mxs_weight_type_t type) {
  static std::unique_ptr<Experts> kept;
  if (!kept || &kept->shape != &shape || kept->type != type) {
    kept.reset();
    kept = std::make_unique<Experts>(shape, type);
  }
  return *kept;
}

/// Tokens and their choices.
struct Batch {
  Batch(const Experts &w, Routing routing, int64_t rowsPerExpert) : topK(w.shape.topK) {
    const int64_t pairs =
        routing == Routing::Decode ? rowsPerExpert * topK : rowsPerExpert * w.experts;
    rows = std::max<int64_t>(1, pairs / topK);
    std::mt19937 engine(11);
    std::uniform_real_distribution<float> uniform(-1.0f, 1.0f);
    for (int64_t i = 0; i < rows * w.shape.hidden; ++i)
      x.push_back(uniform(engine));
    weights.assign(static_cast<size_t>(rows * topK), 1.0f / static_cast<float>(topK));
    out.resize(x.size());
    for (int64_t row = 0; row < rows; ++row)
      choose(w, routing, row, engine);
  }

  void choose(const Experts &w, Routing routing, int64_t row, std::mt19937 &engine) {
    const size_t first = ids.size();
    for (int64_t k = 0; k < topK; ++k) {
      if (routing != Routing::Zipf) {
        const int64_t start = routing == Routing::Decode ? 0 : row * topK;
        ids.push_back(static_cast<int32_t>((start + k) % w.experts));
        continue;
      }
      std::vector<double> chances;
      for (int64_t e = 0; e < w.experts; ++e)
        chances.push_back(
            std::find(ids.begin() + static_cast<std::ptrdiff_t>(first), ids.end(), e) == ids.end()
                ? 1.0 / static_cast<double>(e + 1)
                : 0.0);
      ids.push_back(std::discrete_distribution<int32_t>(chances.begin(), chances.end())(engine));
    }
  }

  /// The same choices of the experts that follow.
  void moveOn(const Experts &w) {
    for (int32_t &id : ids)
      id = static_cast<int32_t>((id + topK) % w.experts);
  }

  int64_t rows = 0;
  const int64_t topK;
  std::vector<float> x, weights, out;
  std::vector<int32_t> ids;
};

ExpertFfnCall callOf(const Experts &w, Batch &batch) {
  return {batch.x.data(),   batch.weights.data(),
          batch.ids.data(), batch.rows,
          batch.topK,       0,
          &w.gate,          &w.up,
          &w.down,          batch.out.data()};
}

/// Relative distance of `engine`'s result from the plain kernels', one token.
double errorOf(const Engine &engine, const Experts &w, Workspace &space) {
  Engine plain;
  Batch batch(w, Routing::Decode, 1);
  if (!expertFfn(engine, ThreadPool::process(), space, callOf(w, batch)).ok() ||
      !Engine::create(Isa::Reference, plain).ok())
    return INFINITY;
  const std::vector<float> result = batch.out;
  if (!expertFfn(plain, ThreadPool::process(), space, callOf(w, batch)).ok())
    return INFINITY;
  double error = 0, total = 0;
  for (size_t i = 0; i < result.size(); ++i) {
    error += std::pow(double(result[i]) - batch.out[i], 2);
    total += std::pow(double(batch.out[i]), 2);
  }
  return std::sqrt(error / total);
}

void run(benchmark::State &state, const Shape &shape, mxs_weight_type_t type, Routing routing,
         int64_t rowsPerExpert) {
  const Engine &engine = Engine::process();
  ThreadPool &pool = ThreadPool::process();
  const ThreadPool::Caller caller(pool);
  const Experts &w = expertsOf(shape, type);
  Workspace space;
  if (const double error = errorOf(engine, w, space); !(error < 5e-2)) {
    state.SkipWithError(("differs from the plain kernels by " + std::to_string(error)).c_str());
    return;
  }
  Batch batch(w, routing, rowsPerExpert);
  std::vector<int32_t> used = batch.ids;
  std::sort(used.begin(), used.end());
  const int64_t distinct = std::unique(used.begin(), used.end()) - used.begin();
  const double bytes = static_cast<double>(distinct * w.bytesPerExpert);
  const double operations =
      6.0 * static_cast<double>(batch.rows * shape.topK * shape.hidden * shape.ffn);
  // The first call touches the workspace.
  bool done = expertFfn(engine, pool, space, callOf(w, batch)).ok();
  bench::Stopwatch call, read, peak;
  bench::CoreState cores(pool);
  int64_t place = 0;
  const int64_t slice = 64 << 20, slices = static_cast<int64_t>(w.data->size) / slice;
  double readBytes = 0, peakOperations = 0;
  for (auto _ : state) {
    read.start();
    readBytes = bench::readAll(pool, w.data->data + place++ % slices * slice, slice);
    read.stop();
    bench::rampUp(pool, engine, type);
    peak.start();
    peakOperations = bench::multiplyAll(pool, engine, type, 2e-3);
    peak.stop();
    batch.moveOn(w);
    cores.before();
    call.start();
    done = expertFfn(engine, pool, space, callOf(w, batch)).ok() && done;
    state.SetIterationTime(call.stop());
    cores.after();
  }
  if (!done)
    state.SkipWithError("a call failed");
  const auto ratio = [](double amount, double time, double most, double mostTime) {
    return most > 0 ? amount / time / (most / mostTime) : 0;
  };
  const double time = call.middle();
  state.counters["ms"] = time * 1e3;
  state.counters["GB/s"] = bytes / time / 1e9;
  state.counters["read"] = readBytes / read.middle() / 1e9;
  state.counters["of_read"] = ratio(bytes, time, readBytes, read.middle());
  state.counters["GFLOP/s"] = operations / time / 1e9;
  state.counters["peak"] = peakOperations / peak.middle() / 1e9;
  state.counters["of_peak"] = ratio(operations, time, peakOperations, peak.middle());
  state.counters["issue"] = cores.middle();
  state.counters["width"] = bench::coreWidth();
  const std::vector<size_t> free = cores.freeTimes();
  if (!free.empty()) {
    state.counters["free_read"] = ratio(bytes, call.middle(free), readBytes, read.middle(free));
    state.counters["free_peak"] =
        ratio(operations, call.middle(free), peakOperations, peak.middle(free));
  }
  state.counters["free"] = static_cast<double>(free.size());
  state.counters["experts"] = static_cast<double>(w.experts);
}

void registerAll() {
  for (const Shape &shape : kShapes)
    for (mxs_weight_type_t type : {MXS_WEIGHT_F32, MXS_WEIGHT_BF16, MXS_WEIGHT_I8, MXS_WEIGHT_I4})
      for (Routing routing : {Routing::Decode, Routing::Uniform, Routing::Zipf})
        for (int64_t rows : {1, 2, 4, 16, 64, 256}) {
          const std::string name =
              std::string("expert_ffn/") + shape.model + "/" + mxs_weight_type_name(type) + "/" +
              kRoutings[static_cast<int>(routing)] + "/rows:" + std::to_string(rows);
          benchmark::RegisterBenchmark(name.c_str(), run, shape, type, routing, rows)
              ->UseManualTime()
              ->Unit(benchmark::kMillisecond)
              ->MinTime(0.3);
        }
}

/// The ceilings before anything else, on memory of their own.
void printCeilings() {
  ThreadPool &pool = ThreadPool::process();
  const bench::HugeMemory memory(512 << 20, std::vector<uint8_t>(1 << 20, 1));
  bench::printCeilings(pool, Engine::process(),
                       [&] { return bench::readAll(pool, memory.data, memory.size); });
  const double issued = bench::issueRate(pool);
  std::printf("; %.1f instructions a cycle of %.1f\n", issued, bench::coreWidth());
}

} // namespace

int main(int argc, char **argv) {
  if (const Status status = Engine::checkEnvironment(); !status.ok()) {
    std::fprintf(stderr, "bench-expert-ffn: %s\n", status.message().c_str());
    return 1;
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv))
    return 1;
  printCeilings();
  registerAll();
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
