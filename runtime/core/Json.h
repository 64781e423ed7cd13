//===- Json.h - Typed access to untrusted JSON ------------------------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_CORE_JSON_H
#define MIXSERVE_RUNTIME_CORE_JSON_H

#include "core/Status.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace mxs {

using Json = nlohmann::json;

/// Parses `text`; MXS_BAD_ARTIFACT with the position for malformed text or a key that an object has
/// twice.
Status parseJson(const std::string &text, Json &out);

/// One JSON object with its place in the document, so that an error names the field. Every getter
/// gives MXS_BAD_ARTIFACT for a missing field or one of another type or range.
class JsonObject {
public:
  /// `value` must outlive this object and everything taken from it.
  static Status create(const Json &value, std::string where, JsonObject &out);

  Status integer(const char *key, int64_t low, int64_t high, int64_t &out) const;
  Status integer(const char *key, int64_t low, int64_t high, int &out) const;
  Status text(const char *key, std::string &out) const;
  Status object(const char *key, JsonObject &out) const;
  /// Array of objects.
  Status objects(const char *key, std::vector<JsonObject> &out) const;
  Status texts(const char *key, std::vector<std::string> &out) const;
  Status integers(const char *key, int64_t low, int64_t high, std::vector<int64_t> &out) const;
  bool has(const char *key) const { return value->contains(key); }
  const Json &raw() const { return *value; }
  const std::string &where() const { return place; }

private:
  Status array(const char *key, const Json *&out) const;

  const Json *value = nullptr;
  std::string place;
};

} // namespace mxs

#endif // MIXSERVE_RUNTIME_CORE_JSON_H
