//===- CpuFeatures.h - Which kernels this processor can run -------------------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_KERNELS_CPU_CPUFEATURES_H
#define MIXSERVE_RUNTIME_KERNELS_CPU_CPUFEATURES_H

#include <string>
#include <vector>

namespace mxs::cpu {

/// Instruction sets that have kernels of their own; each includes those before it.
enum class Isa {
  Reference,  ///< what the compiler's default target has
  Avx2,       ///< AVX2, FMA
  Avx512,     ///< AVX-512 F, BW, DQ, VL
  Avx512Vnni, ///< int8 dot products
  Avx512Bf16  ///< bfloat16 dot products
};

inline constexpr Isa kAllIsas[] = {Isa::Reference, Isa::Avx2, Isa::Avx512, Isa::Avx512Vnni,
                                   Isa::Avx512Bf16};

/// Name in MXS_ISA and in messages.
const char *isaName(Isa isa);
/// False: no instruction set has this name.
bool parseIsa(const std::string &name, Isa &out);

/// Whether processor and operating system can run it.
bool isaSupported(Isa isa);
/// The best supported one.
Isa bestIsa();

} // namespace mxs::cpu

#endif // MIXSERVE_RUNTIME_KERNELS_CPU_CPUFEATURES_H
