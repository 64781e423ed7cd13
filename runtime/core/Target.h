//===- Target.h - Whether this machine can run the code of an artifact ------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_CORE_TARGET_H
#define MIXSERVE_RUNTIME_CORE_TARGET_H

#include "core/Status.h"

namespace mxs {

/// `triple`: LLVM target triple; `features`: the instruction set level, one of x86-64, x86-64-v2,
/// -v3, -v4, or "generic". MXS_MISMATCH: another processor family, a level that this one lacks or
/// that is not known.
Status checkTarget(const std::string &triple, const std::string &features);

} // namespace mxs

#endif // MIXSERVE_RUNTIME_CORE_TARGET_H
