//===- Status.h - Result of every runtime function that can fail --------------------*- C++ -*-===//
//
// A status is a code of the C ABI and a text that says what, where, why and what to do. Functions
// return it; `MXS_TRY` passes a failure on, `MXS_TRY_IN` adds context once. Exceptions of libraries
// are turned into a status at the call that may throw.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_RUNTIME_CORE_STATUS_H
#define MIXSERVE_RUNTIME_CORE_STATUS_H

#include "mixserve_rt.h"

#include <string>

namespace mxs {

class [[nodiscard]] Status {
public:
  /// Success.
  Status() = default;
  /// `code` must not be MXS_OK.
  Status(mxs_status_t code, std::string message);

  bool ok() const { return statusCode == MXS_OK; }
  mxs_status_t code() const { return statusCode; }
  const std::string &message() const { return text; }

  /// The same status, its text preceded by "`where`: ".
  Status in(const std::string &where) const;

private:
  mxs_status_t statusCode = MXS_OK;
  std::string text;
};

inline Status okStatus() { return Status(); }
inline Status invalidArgument(std::string text) { return {MXS_INVALID_ARGUMENT, std::move(text)}; }
inline Status badArtifact(std::string text) { return {MXS_BAD_ARTIFACT, std::move(text)}; }
inline Status mismatch(std::string text) { return {MXS_MISMATCH, std::move(text)}; }
inline Status resourceExhausted(std::string text) {
  return {MXS_RESOURCE_EXHAUSTED, std::move(text)};
}
inline Status timeoutError(std::string text) { return {MXS_TIMEOUT, std::move(text)}; }
inline Status abortedError(std::string text) { return {MXS_ABORTED, std::move(text)}; }
inline Status internalError(std::string text) { return {MXS_INTERNAL, std::move(text)}; }

/// Lower-case name of a code, for example "timeout".
const char *statusName(mxs_status_t code);

/// Of two outcomes of one step the one that says more: a rank's own failure, else that it waited
/// for another in vain, else that it was told to end, else success. `a` if they are alike.
const Status &moreTelling(const Status &a, const Status &b);

/// Keeps `status`'s text for mxs_last_error() of this thread and returns its code. Used by every
/// entry point of the C ABI.
mxs_status_t publish(const Status &status);
/// The text that this thread published last.
const std::string &publishedText();

} // namespace mxs

/// Returns from the enclosing function if `expr` gives a failure.
#define MXS_TRY(expr)                                                                              \
  do {                                                                                             \
    if (::mxs::Status mxsStatus = (expr); !mxsStatus.ok())                                         \
      return mxsStatus;                                                                            \
  } while (false)

/// The same, with `where` (a string) put before the text.
#define MXS_TRY_IN(where, expr)                                                                    \
  do {                                                                                             \
    if (::mxs::Status mxsStatus = (expr); !mxsStatus.ok())                                         \
      return mxsStatus.in(where);                                                                  \
  } while (false)

#endif // MIXSERVE_RUNTIME_CORE_STATUS_H
