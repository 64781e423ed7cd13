//===- CpuFeatures.cpp ----------------------------------------------------------------------===//
#include "kernels/cpu/CpuFeatures.h"

using namespace mxs;
using cpu::Isa;

const char *cpu::isaName(Isa isa) {
  switch (isa) {
  case Isa::Reference:
    return "reference";
  case Isa::Avx2:
    return "avx2";
  case Isa::Avx512:
    return "avx512";
  case Isa::Avx512Vnni:
    return "avx512_vnni";
  case Isa::Avx512Bf16:
    return "avx512_bf16";
  }
  return "?";
}

bool cpu::parseIsa(const std::string &name, Isa &out) {
  for (Isa isa : kAllIsas)
    if (name == isaName(isa)) {
      out = isa;
      return true;
    }
  return false;
}

bool cpu::isaSupported(Isa isa) {
#if defined(__x86_64__)
  // These ask the operating system, too, whether it keeps the registers.
  __builtin_cpu_init();
  switch (isa) {
  case Isa::Reference:
    return true;
  case Isa::Avx2:
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  case Isa::Avx512:
    return isaSupported(Isa::Avx2) && __builtin_cpu_supports("avx512f") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
  case Isa::Avx512Vnni:
    return isaSupported(Isa::Avx512) && __builtin_cpu_supports("avx512vnni");
  case Isa::Avx512Bf16:
    return isaSupported(Isa::Avx512Vnni) && __builtin_cpu_supports("avx512bf16");
  }
#endif
  return isa == Isa::Reference;
}

Isa cpu::bestIsa() {
  Isa best = Isa::Reference;
  for (Isa isa : kAllIsas)
    if (isaSupported(isa))
      best = isa;
  return best;
}
