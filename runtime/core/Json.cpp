//===- Json.cpp -----------------------------------------------------------------------------===//
#include "core/Json.h"

#include <set>

using namespace mxs;

Status mxs::parseJson(const std::string &text, Json &out) {
  std::vector<std::set<std::string>> keys; // of the objects that are open
  std::string duplicate;
  auto watchKeys = [&](int, Json::parse_event_t event, Json &parsed) {
    if (event == Json::parse_event_t::object_start)
      keys.emplace_back();
    else if (event == Json::parse_event_t::object_end)
      keys.pop_back();
    else if (event == Json::parse_event_t::key &&
             !keys.back().insert(parsed.get<std::string>()).second && duplicate.empty())
      duplicate = parsed.get<std::string>();
    return true;
  };
  try {
    out = Json::parse(text, watchKeys);
  } catch (const Json::exception &error) {
    return badArtifact(std::string("not valid JSON: ") + error.what());
  }
  if (!duplicate.empty())
    return badArtifact("not valid JSON: key '" + duplicate + "' occurs twice in one object");
  return okStatus();
}

Status JsonObject::create(const Json &value, std::string where, JsonObject &out) {
  if (!value.is_object())
    return badArtifact(where + " must be an object, got " + value.type_name());
  out.value = &value;
  out.place = std::move(where);
  return okStatus();
}

static Status wrongType(const std::string &place, const char *expected, const Json &got) {
  return badArtifact(place + " must be " + expected + ", got " + got.type_name());
}

static Status checkedInteger(const Json &field, const std::string &place, int64_t low, int64_t high,
                             int64_t &out) {
  if (!field.is_number_integer())
    return wrongType(place, "an integer", field);
  // Unsigned values above the signed range compare as themselves, not as negative numbers.
  const bool tooBig = field.is_number_unsigned() && field.get<uint64_t>() > uint64_t(INT64_MAX);
  if (tooBig || field.get<int64_t>() < low || field.get<int64_t>() > high)
    return badArtifact(place + " must be in [" + std::to_string(low) + ", " + std::to_string(high) +
                       "], got " + field.dump());
  out = field.get<int64_t>();
  return okStatus();
}

#define MXS_FIND(key)                                                                              \
  const std::string fieldPlace = place.empty() ? std::string(key) : place + "." + (key);           \
  const auto found = value->find(key);                                                             \
  if (found == value->end())                                                                       \
    return badArtifact("field " + fieldPlace + " is missing");                                     \
  const Json &field = *found

Status JsonObject::integer(const char *key, int64_t low, int64_t high, int64_t &out) const {
  MXS_FIND(key);
  return checkedInteger(field, fieldPlace, low, high, out);
}

Status JsonObject::integer(const char *key, int64_t low, int64_t high, int &out) const {
  int64_t wide = 0;
  MXS_TRY(integer(key, low, std::min<int64_t>(high, INT32_MAX), wide));
  out = static_cast<int>(wide);
  return okStatus();
}

Status JsonObject::text(const char *key, std::string &out) const {
  MXS_FIND(key);
  if (!field.is_string())
    return wrongType(fieldPlace, "a string", field);
  out = field.get<std::string>();
  return okStatus();
}

Status JsonObject::object(const char *key, JsonObject &out) const {
  MXS_FIND(key);
  return create(field, fieldPlace, out);
}

Status JsonObject::array(const char *key, const Json *&out) const {
  MXS_FIND(key);
  if (!field.is_array())
    return wrongType(fieldPlace, "an array", field);
  out = &field;
  return okStatus();
}

#undef MXS_FIND

static std::string elementPlace(const std::string &place, const char *key, size_t index) {
  return (place.empty() ? "" : place + ".") + key + "[" + std::to_string(index) + "]";
}

Status JsonObject::objects(const char *key, std::vector<JsonObject> &out) const {
  const Json *list = nullptr;
  MXS_TRY(array(key, list));
  out.resize(list->size());
  for (size_t i = 0; i < out.size(); ++i)
    MXS_TRY(create((*list)[i], elementPlace(place, key, i), out[i]));
  return okStatus();
}

Status JsonObject::texts(const char *key, std::vector<std::string> &out) const {
  const Json *list = nullptr;
  MXS_TRY(array(key, list));
  out.clear();
  for (const Json &element : *list) {
    if (!element.is_string())
      return wrongType(elementPlace(place, key, out.size()), "a string", element);
    out.push_back(element.get<std::string>());
  }
  return okStatus();
}

Status JsonObject::integers(const char *key, int64_t low, int64_t high,
                            std::vector<int64_t> &out) const {
  const Json *list = nullptr;
  MXS_TRY(array(key, list));
  out.assign(list->size(), 0);
  for (size_t i = 0; i < out.size(); ++i)
    MXS_TRY(checkedInteger((*list)[i], elementPlace(place, key, i), low, high, out[i]));
  return okStatus();
}
