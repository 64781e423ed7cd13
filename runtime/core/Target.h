//===- Target.h - Whether this machine can run the code of an artifact --------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_CORE_TARGET_H
#define MIXSERVE_RUNTIME_CORE_TARGET_H

#include "core/Status.h"

namespace mxs {

/// A processor: family as in LLVM target triples, and the highest level of instruction sets that it
/// has whole: 1 .. 4 of the x86-64 psABI (section 3.1.1), 1 on other families.
struct Processor {
  std::string family;
  int level = 1;
};

/// This machine's, found out at run time.
Processor thisProcessor();

/// `triple`: LLVM target triple; `features`: the instruction set level, one of x86-64, x86-64-v2,
/// -v3, -v4, or "generic". MXS_MISMATCH: another processor family, a level that `processor` lacks
/// or that is not known.
Status checkTarget(const std::string &triple, const std::string &features,
                   const Processor &processor = thisProcessor());

} // namespace mxs

#endif // MIXSERVE_RUNTIME_CORE_TARGET_H
