//===- FusedExchangeBench.cpp - The fused collectives beside their unfused form
//------------------===//
//
// Links are paced, so the ratio speaks of the schedule and not of this machine's processors: the
// pace of both link classes is set so that the layer's bytes take `kLinkMs` on the links between
// nodes and kLinkMs / ratio inside a node. Each iteration runs both forms, one after the other.
//
//===----------------------------------------------------------------------===//

#include "bench/MoeExchange.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>

using namespace mxs;
using namespace mxs::bench;

static constexpr double kLinkMs = 40;

static double seconds(MoeExchange &exchange, ExchangeMethod method, int chunks, Status &status) {
  const auto begin = std::chrono::steady_clock::now();
  if (Status ran = exchange.run(method, chunks); !ran.ok())
    status = ran;
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

static double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

/// Link speeds at which the unfused layer's bytes take the stated times.
static Status pacedOptions(const ExchangeShape &shape, double interMs, double intraMs,
                           WorldOptions &out) {
  std::unique_ptr<MoeExchange> probe;
  MXS_TRY(MoeExchange::create(shape, {}, probe));
  MXS_TRY(probe->run(ExchangeMethod::Hybrid));
  const LinkBytes bytes = probe->moved();
  const auto pace = [](double ms, uint64_t moved) {
    return static_cast<uint64_t>(ms * 1e6 * (1 << 20) / static_cast<double>(moved));
  };
  out.interNsPerMib = pace(interMs, bytes.inter);
  out.intraNsPerMib = pace(intraMs, bytes.intra);
  return okStatus();
}

/// Arguments: nodes, devices, tokens per node, inter time over intra time, chunks.
static void BM_FusedExchange(benchmark::State &state) {
  ExchangeShape shape;
  shape.nodes = static_cast<int>(state.range(0));
  shape.devices = static_cast<int>(state.range(1));
  shape.moeTp = shape.devices;
  shape.tokensPerNode = state.range(2);
  const double ratio = static_cast<double>(state.range(3));
  const int chunks = static_cast<int>(state.range(4));
  if (const std::string problem = checkExchange(shape, {1, chunks}); !problem.empty())
    return state.SkipWithError(problem.c_str());
  WorldOptions options;
  std::unique_ptr<MoeExchange> exchange;
  Status status = pacedOptions(shape, kLinkMs, kLinkMs / ratio, options);
  if (status.ok())
    status = MoeExchange::create(shape, options, exchange);
  if (!status.ok())
    return state.SkipWithError(status.message().c_str());

  std::vector<double> unfused, fused, ratios;
  for (auto _ : state) {
    unfused.push_back(seconds(*exchange, ExchangeMethod::Hybrid, 1, status));
    fused.push_back(seconds(*exchange, ExchangeMethod::HybridFused, chunks, status));
    ratios.push_back(fused.back() / unfused.back());
    state.SetIterationTime(fused.back());
    if (!status.ok())
      return state.SkipWithError(status.message().c_str());
  }
  state.counters["unfused_ms"] = median(unfused) * 1e3;
  state.counters["fused_ms"] = median(fused) * 1e3;
  state.counters["fused/unfused"] = median(ratios);
  // No schedule beats the busier link class.
  state.counters["bound/fused"] = kLinkMs / 1e3 / median(fused);
}

BENCHMARK(BM_FusedExchange)
    ->ArgNames({"nodes", "devices", "tokens", "inter:intra", "chunks"})
    ->Args({2, 2, 256, 1, 8})
    ->Args({2, 4, 256, 1, 1})
    ->Args({2, 4, 256, 1, 2})
    ->Args({2, 4, 256, 1, 4})
    ->Args({2, 4, 256, 1, 8})
    ->Args({2, 4, 256, 1, 16})
    ->Args({2, 4, 256, 4, 8})
    ->Args({4, 2, 128, 1, 8})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond)
    ->Iterations(9);

BENCHMARK_MAIN();
