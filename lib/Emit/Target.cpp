//===- Target.cpp - The processor that code is made for ---------------------===//
#include "Target.h"
#include "mixserve/Emit/EmitArtifact.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"

using namespace mlir;
using namespace mixserve;

/// Highest level of the x86-64 psABI whose features the host has (section 3.1.1 there).
static StringRef hostLevel() {
  const llvm::StringMap<bool> has = llvm::sys::getHostCPUFeatures();
  auto all = [&](std::initializer_list<StringRef> names) {
    return llvm::all_of(names, [&](StringRef name) { return has.lookup(name); });
  };
  if (!all({"cx16", "popcnt", "sse4.2", "ssse3"}))
    return "x86-64";
  if (!all({"avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe"}))
    return "x86-64-v2";
  if (!all({"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}))
    return "x86-64-v3";
  return "x86-64-v4";
}

/// Levels of this machine's family.
static SmallVector<StringRef> knownLevels() {
  if (llvm::Triple(llvm::sys::getDefaultTargetTriple()).isX86_64())
    return {"x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4"};
  return {"generic"};
}

std::string mixserve::whyUnknownTarget(StringRef cpu) {
  const SmallVector<StringRef> levels = knownLevels();
  if (cpu.empty() || cpu == "native" || llvm::is_contained(levels, cpu))
    return "";
  return ("unknown target '" + cpu + "'; choose native or one of " + llvm::join(levels, ", ")).str();
}

FailureOr<Target> mixserve::resolveTarget(StringRef cpu, Location loc) {
  if (const std::string why = whyUnknownTarget(cpu); !why.empty())
    return emitError(loc) << why;
  const std::string triple = llvm::sys::getDefaultTargetTriple();
  const bool hasLevels = llvm::Triple(triple).isX86_64();
  if (cpu.empty())
    return Target{triple, hasLevels ? "x86-64-v3" : "generic"};
  if (cpu == "native")
    return Target{triple, hasLevels ? hostLevel().str() : "generic"};
  return Target{triple, cpu.str()};
}
