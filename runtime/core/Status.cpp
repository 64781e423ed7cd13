//===- Status.cpp ---------------------------------------------------------------------------===//
#include "core/Status.h"

#include <cassert>
#include <utility>

using namespace mxs;

Status::Status(mxs_status_t code, std::string message)
    : statusCode(code), text(std::move(message)) {
  assert(code != MXS_OK && "success has no text");
}

Status Status::in(const std::string &where) const {
  return ok() ? Status() : Status(statusCode, where + ": " + text);
}

const char *mxs::statusName(mxs_status_t code) {
  switch (code) {
  case MXS_OK:
    return "ok";
  case MXS_INVALID_ARGUMENT:
    return "invalid argument";
  case MXS_BAD_ARTIFACT:
    return "bad artifact";
  case MXS_MISMATCH:
    return "mismatch";
  case MXS_RESOURCE_EXHAUSTED:
    return "resource exhausted";
  case MXS_TIMEOUT:
    return "timeout";
  case MXS_ABORTED:
    return "aborted";
  case MXS_INTERNAL:
    return "internal error";
  }
  return "unknown status";
}

static int tellingness(const Status &status) {
  return status.ok() ? 0 : status.code() == MXS_ABORTED ? 1 : status.code() == MXS_TIMEOUT ? 2 : 3;
}

const Status &mxs::moreTelling(const Status &a, const Status &b) {
  return tellingness(b) > tellingness(a) ? b : a;
}

static thread_local std::string lastError;

mxs_status_t mxs::publish(const Status &status) {
  lastError = status.message();
  return status.code();
}

const std::string &mxs::publishedText() { return lastError; }
