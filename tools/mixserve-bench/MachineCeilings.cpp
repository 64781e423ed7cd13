//===- MachineCeilings.cpp --------------------------------------------------===//
#include "tools/mixserve-bench/MachineCeilings.h"

#include "bench/Ceilings.h"

#include <algorithm>
#include <cstdlib>
#include <new>
#include <sys/mman.h>

using namespace mixserve::tools;

static constexpr double kPeakSeconds = 3e-3; ///< of arithmetic for each type

double Ceilings::flopSeconds(const StepWork &work) const {
  double seconds = 0;
  for (int type = 0; type < 4; ++type)
    if (flopsPerSecond[type] > 0)
      seconds += work.flops[type] / flopsPerSecond[type];
  return seconds;
}

nlohmann::json Ceilings::asJson() const {
  nlohmann::json rates = nlohmann::json::object();
  for (int type = 0; type < 4; ++type)
    if (flopsPerSecond[type] > 0)
      rates[mxs_weight_type_name(static_cast<mxs_weight_type_t>(type))] = flopsPerSecond[type];
  return {{"read_bytes_per_s", bytesPerSecond}, {"flops_per_s", std::move(rates)}};
}

/// In huge pages where allowed: small ones are read a quarter slower, which would be no ceiling.
static uint8_t *hugeMemory(size_t bytes) {
  constexpr size_t page = 2 << 20;
  const size_t whole = (bytes + page - 1) / page * page;
  auto *memory = static_cast<uint8_t *>(std::aligned_alloc(page, whole));
  if (!memory)
    throw std::bad_alloc();
  ::madvise(memory, whole, MADV_HUGEPAGE); // refused: small pages
  return memory;
}

MachineCeilings::MachineCeilings(const mxs::Manifest &manifest, int64_t memoryBytes)
    : memoryBytes(memoryBytes), memory(hugeMemory(static_cast<size_t>(memoryBytes))) {
  std::fill_n(memory.get(), memoryBytes, uint8_t(1)); // pages that are there
  used[MXS_WEIGHT_F32] = true;                        // attention
  for (const mxs::ParamEntry &param : manifest.params)
    used[param.type] = used[param.type] || param.n > 0;
}

Ceilings MachineCeilings::measure() {
  Ceilings ceilings;
  mxs::ThreadPool &pool = mxs::ThreadPool::process();
  const mxs::ThreadPool::Caller caller(pool);
  const mxs::cpu::Engine &engine = mxs::cpu::Engine::process();
  const double begin = mxs::bench::now();
  const double bytes = mxs::bench::readAll(pool, memory.get(), memoryBytes);
  ceilings.bytesPerSecond = bytes / (mxs::bench::now() - begin);
  for (int type = 0; type < 4; ++type) {
    if (!used[type])
      continue;
    const auto weights = static_cast<mxs_weight_type_t>(type);
    mxs::bench::rampUp(pool, engine, weights);
    const double start = mxs::bench::now();
    const double operations = mxs::bench::multiplyAll(pool, engine, weights, kPeakSeconds);
    ceilings.flopsPerSecond[type] = operations / (mxs::bench::now() - start);
  }
  return ceilings;
}

Ceilings mixserve::tools::middleOf(const std::vector<Ceilings> &measured,
                                   const std::vector<size_t> &which) {
  const auto middle = [&](const auto &rateOf) {
    std::vector<double> rates;
    for (size_t i : which)
      rates.push_back(rateOf(measured[i]));
    return mxs::bench::median(rates);
  };
  Ceilings ceilings;
  ceilings.bytesPerSecond = middle([](const Ceilings &one) { return one.bytesPerSecond; });
  for (int type = 0; type < 4; ++type)
    ceilings.flopsPerSecond[type] =
        middle([type](const Ceilings &one) { return one.flopsPerSecond[type]; });
  return ceilings;
}
