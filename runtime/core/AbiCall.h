//===- AbiCall.h - How a call of generated code enters the runtime ----------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_CORE_ABICALL_H
#define MIXSERVE_RUNTIME_CORE_ABICALL_H

#include "comm/Trace.h"
#include "core/Context.h"

#include <exception>
#include <new>
#include <utility>

namespace mxs {

/// Runs `body` (returns a Status) unless the rank has failed; a failure or an exception poisons the
/// rank. Exceptions stop here.
template <class Body> void abiCall(mxs_ctx *ctx, Call call, const Body &body) noexcept {
  if (!ctx->enter(call))
    return;
  const int64_t begin = steadyNs();
  Status status;
  try {
    status = body();
  } catch (const std::bad_alloc &) {
    status = resourceExhausted("out of memory");
  } catch (const std::exception &error) {
    status = internalError(error.what());
  }
  ctx->calls.spend(call, steadyNs() - begin - std::exchange(ctx->waitedNs, 0));
  if (!status.ok())
    ctx->fail(status.in("rank " + std::to_string(ctx->rank) + ", mxs_" + callName(call)));
}

} // namespace mxs

#endif // MIXSERVE_RUNTIME_CORE_ABICALL_H
