//===- ConfigReader.cpp - every key of a config.json, once ------------------===//

#include "ConfigReader.h"

#include "llvm/ADT/StringRef.h"

using llvm::StringRef;
using llvm::Twine;

namespace mixserve::import {

const ConfigReader::Json *ConfigReader::find(StringRef key) {
  asked.insert(key.str());
  auto found = object.find(key.str());
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

const ConfigReader::Json *ConfigReader::either(StringRef key, StringRef other) {
  const Json *a = find(key), *b = other.empty() ? nullptr : find(other);
  if (a && b && *a != *b)
    throw ConfigRefused(says(key) + ", but " + says(other) +
                        ": two names of one thing; keep the right one");
  return a ? a : b;
}

std::string ConfigReader::says(StringRef key) const {
  auto found = object.find(key.str());
  std::string value = found == object.end() ? "absent" : found->dump(-1, ' ', true);
  if (value.size() > 80)
    value = value.substr(0, 80) + "..";
  return ("'" + Twine(where) + key + "' is " + value).str();
}

int64_t ConfigReader::count(StringRef key, int64_t most, StringRef other) {
  const Json *value = either(key, other);
  if (!value)
    throw ConfigRefused("'" + Twine(where) + key + "' is missing; it is needed to read the model");
  const StringRef name = value == find(key) ? key : other;
  if (!value->is_number_unsigned() || value->get<uint64_t>() < 1 ||
      value->get<uint64_t>() > uint64_t(most))
    throw ConfigRefused(says(name) + ", expected a whole number from 1 to " + Twine(most));
  return value->get<int64_t>();
}

double ConfigReader::positive(StringRef key, double otherwise) {
  const Json *value = find(key);
  if (!value)
    return otherwise;
  if (!value->is_number() || !(value->get<double>() > 0) || !(value->get<double>() < 1e300))
    throw ConfigRefused(says(key) + ", expected a number above 0");
  return value->get<double>();
}

bool ConfigReader::flag(StringRef key, bool otherwise) {
  const Json *value = find(key);
  if (value && !value->is_boolean())
    throw ConfigRefused(says(key) + ", expected true or false");
  return value ? value->get<bool>() : otherwise;
}

std::string ConfigReader::text(StringRef key) {
  const Json *value = find(key);
  if (value && !value->is_string())
    throw ConfigRefused(says(key) + ", expected a text");
  return value ? value->get<std::string>() : "";
}

void ConfigReader::mustBe(StringRef key, const Json &expected, StringRef otherwise) {
  const Json *value = find(key);
  if (value && *value != expected)
    throw ConfigRefused(says(key) + ": " + otherwise);
}

void ConfigReader::ignore(llvm::ArrayRef<StringRef> keys) {
  for (StringRef key : keys)
    asked.insert(key.str());
}

void ConfigReader::finish() {
  std::string unknown;
  for (const auto &[key, value] : object.items())
    if (!value.is_null() && !asked.count(key))
      unknown += (unknown.empty() ? "" : ", ") + says(key);
  if (!unknown.empty())
    throw ConfigRefused(unknown + ": this build does not know what that changes; take it out of "
                                  "config.json if the model computes the same without");
}

} // namespace mixserve::import
