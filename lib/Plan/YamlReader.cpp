//===- YamlReader.cpp - YAML with lines in every error --------------------===//
#include "YamlReader.h"

#include <algorithm>
#include <charconv>
#include <set>

namespace mixserve::planner {

YamlMap::YamlMap(YAML::Node node, std::string file, std::string place)
    : node(std::move(node)), file(std::move(file)), place(std::move(place)) {
  if (!this->node.IsMap())
    throw YamlError(this->file + ":" + std::to_string(this->node.Mark().line + 1) + ": " +
                    (this->place.empty() ? "the file" : this->place) +
                    ": expected a map of `key: value`");
}

void YamlMap::fail(const YAML::Node &where, const std::string &key, const std::string &what) const {
  throw YamlError(file + ":" + std::to_string(where.Mark().line + 1) + ": " + placeOf(key) + ": " +
                  what);
}

void YamlMap::allowOnly(const std::vector<std::string> &known) const {
  std::set<std::string> seen;
  for (const auto &entry : node) {
    const std::string key = entry.first.IsScalar() ? entry.first.Scalar() : "";
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      auto nearest =
          std::min_element(known.begin(), known.end(), [&](const auto &a, const auto &b) {
            return editDistance(a, key) < editDistance(b, key);
          });
      std::string what = "unknown key";
      if (editDistance(*nearest, key) <= 2)
        what += "; did you mean '" + *nearest + "'?";
      else {
        what += "; known here:";
        for (const std::string &name : known)
          what += " " + name;
      }
      fail(entry.first, key, what);
    }
    if (!seen.insert(key).second)
      fail(entry.first, key, "is given twice; remove one");
  }
}

bool YamlMap::has(const std::string &key) const { return bool(node[key]); }

YAML::Node YamlMap::at(const std::string &key) const {
  YAML::Node child = node[key];
  if (!child)
    fail(node, key, "is missing; add it");
  return child;
}

YamlMap YamlMap::map(const std::string &key) const { return YamlMap(at(key), file, placeOf(key)); }

std::vector<YamlMap> YamlMap::listOfMaps(const std::string &key) const {
  YAML::Node list = at(key);
  if (!list.IsSequence())
    fail(list, key, "expected a list");
  std::vector<YamlMap> maps;
  for (size_t i = 0; i < list.size(); ++i)
    maps.emplace_back(list[i], file, placeOf(key) + "[" + std::to_string(i) + "]");
  return maps;
}

std::string YamlMap::text(const std::string &key) const {
  YAML::Node child = at(key);
  if (!child.IsScalar() || child.Scalar().empty())
    fail(child, key, "expected one value");
  return child.Scalar();
}

int64_t YamlMap::count(const std::string &key, int64_t largest) const {
  const std::string digits = text(key);
  int64_t value = 0;
  auto [stop, code] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (code != std::errc() || stop != digits.data() + digits.size() || value < 1 || value > largest)
    fail(at(key), key,
         "expected a whole number from 1 to " + std::to_string(largest) + ", got '" + digits + "'");
  return value;
}

bool YamlMap::flag(const std::string &key) const {
  const std::string value = text(key);
  if (value != "true" && value != "false")
    fail(at(key), key, "expected true or false, got '" + value + "'");
  return value == "true";
}

double YamlMap::quantity(const std::string &key, Quantity quantity) const {
  std::string why;
  const std::optional<double> value = parseQuantity(text(key), quantity, why);
  if (!value)
    fail(at(key), key, why);
  return *value;
}

double YamlMap::positive(const std::string &key, Quantity kind) const {
  const double value = quantity(key, kind);
  if (!(value > 0))
    fail(at(key), key, "must be above 0");
  return value;
}

std::vector<std::string> YamlMap::keys() const {
  std::vector<std::string> names;
  for (const auto &entry : node)
    names.push_back(entry.first.IsScalar() ? entry.first.Scalar() : "");
  return names;
}

bool readYaml(const std::string &text, const std::string &file, std::string &error,
              const std::function<void(const YamlMap &)> &read) {
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(text);
    if (documents.size() != 1) {
      error = file + (documents.empty() ? ":1: the file is empty: expected a map of `key: value`"
                                        : ":1: expected one YAML document, got " +
                                              std::to_string(documents.size()));
      return false;
    }
    read(YamlMap(documents.front(), file, ""));
    return true;
  } catch (const YamlError &failure) {
    error = failure.what();
  } catch (const YAML::Exception &failure) {
    error = file + ":" + std::to_string(failure.mark.line + 1) + ": not valid YAML: " + failure.msg;
  }
  return false;
}

} // namespace mixserve::planner
