//===- HostAbi.h - Handles of the host side of the C ABI --------------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_CORE_HOSTABI_H
#define MIXSERVE_RUNTIME_CORE_HOSTABI_H

#include "core/Model.h"

#include <atomic>
#include <exception>
#include <mutex>
#include <new>

struct mxs_model {
  std::unique_ptr<mxs::Model> model;
  std::mutex mutex;                ///< held while a step runs or counters are read
  std::atomic<bool> engine{false}; ///< an engine owns the steps
  std::string stats;               ///< text of the last mxs_model_stats
};

namespace mxs {

/// Runs `body` (returns a Status) and publishes its outcome. Exceptions stop here.
template <class Body> mxs_status_t hostCall(const Body &body) noexcept {
  try {
    return publish(body());
  } catch (const std::bad_alloc &) {
    return publish(resourceExhausted("out of memory"));
  } catch (const std::exception &error) {
    return publish(internalError(error.what()));
  }
}

/// For calls that return no status: whether there is a `handle`; if not, publishes that `what` must
/// not be null.
inline bool isGiven(const void *handle, const char *what) noexcept {
  if (!handle)
    hostCall([&] { return invalidArgument(std::string(what) + " must not be null"); });
  return handle != nullptr;
}

} // namespace mxs

#endif // MIXSERVE_RUNTIME_CORE_HOSTABI_H
