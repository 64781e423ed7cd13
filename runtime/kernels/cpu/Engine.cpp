//===- Engine.cpp ---------------------------------------------------------------------------===//
#include "kernels/cpu/Engine.h"

#include "core/Env.h"

#include <algorithm>

using namespace mxs;
using namespace mxs::cpu;

static const KernelSet *kernelsOf(Isa isa) {
  switch (isa) {
#if defined(__x86_64__)
  case Isa::Avx2:
    return &kAvx2Kernels;
  case Isa::Avx512:
    return &kAvx512Kernels;
  case Isa::Avx512Vnni:
    return &kAvx512VnniKernels;
  case Isa::Avx512Bf16:
    return &kAvx512Bf16Kernels;
#endif
  default:
    return &kReferenceKernels;
  }
}

Status Engine::create(Isa isa, Engine &out, LinearRows rows) {
  if (!isaSupported(isa))
    return mismatch(std::string("this processor lacks the instruction set ") + isaName(isa) +
                    "; the best it has is " + isaName(bestIsa()));
  out.set = isa;
  out.linearRows = rows;
  out.functions = kernelsOf(isa);
  return okStatus();
}

static Status fromEnvironment(Engine &out) {
  Env env;
  MXS_TRY(Env::read(env));
  Isa isa = bestIsa();
  if (!env.isa.empty() && !parseIsa(env.isa, isa)) {
    std::string names;
    for (Isa known : kAllIsas)
      names += (names.empty() ? "" : ", ") + std::string(isaName(known));
    return invalidArgument("environment variable MXS_ISA is '" + env.isa + "', expected one of " +
                           names + "; unset it or correct it");
  }
  LinearRows rows = LinearRows::F32;
  if (env.linearRows == "bf16")
    rows = LinearRows::Bf16;
  else if (env.linearRows != "f32")
    return invalidArgument("environment variable MXS_LINEAR_ROWS is '" + env.linearRows +
                           "', expected f32 or bf16; unset it or correct it");
  return Engine::create(isa, out, rows).in("environment variable MXS_ISA");
}

Status Engine::checkEnvironment() {
  Engine engine;
  return fromEnvironment(engine);
}

const Engine &Engine::process() {
  static const Engine engine = [] {
    Engine engine;
    // Where a model is opened this is an error; elsewhere the best is right.
    if (!fromEnvironment(engine).ok())
      (void)Engine::create(bestIsa(), engine);
    return engine;
  }();
  return engine;
}

const KernelSet &Engine::setFor(const mxs_weight_t &w) const {
#if defined(__x86_64__)
  if (set == Isa::Avx512Bf16 && w.type == MXS_WEIGHT_BF16 && w.matrices == 1 &&
      linearRows == LinearRows::F32)
    return kAvx512VnniKernels;
#endif
  (void)w;
  return *functions;
}

RowLayout Engine::rowLayout(const mxs_weight_t &w) const {
  return RowLayout(setFor(w).form[w.type], w.k, w.group);
}

void Engine::multiply(const RowView &x, int64_t rows, const mxs_weight_t &w, int64_t matrix,
                      int64_t block, float *y, const BlockStart &next) const {
  const BlockStart start = blockStart(w, matrix, block);
  const int64_t rowGroup = start.scales ? std::min<int64_t>(w.group, kBlockColumns) : 0;
  const BlockView view{start.data, start.scales, next, w.k, w.group, rowGroup};
  setFor(w).block[w.type](x, rows, view, y);
}
