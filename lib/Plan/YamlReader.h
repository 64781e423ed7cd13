//===- YamlReader.h - YAML with lines in every error -------------*- C++ -*-===//
//
// A thin layer over yaml-cpp for small, strict files: maps with known keys, each key once, every
// quantity with a unit. Failures are thrown as YamlError and caught by the reading function; they
// never leave lib/Plan.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_LIB_PLAN_YAMLREADER_H
#define MIXSERVE_LIB_PLAN_YAMLREADER_H

#include "mixserve/Plan/Units.h"

#include <yaml-cpp/yaml.h>

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

namespace mixserve::planner {

struct YamlError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A map of the file and its place, for messages ("levels[0].link").
class YamlMap {
public:
  YamlMap(YAML::Node node, std::string file, std::string place);

  /// Refuses keys that are not in `known`, with the nearest known one, and keys given twice.
  void allowOnly(const std::vector<std::string> &known) const;
  bool has(const std::string &key) const;
  /// The child, which must be there.
  YAML::Node at(const std::string &key) const;
  YamlMap map(const std::string &key) const;
  std::vector<YamlMap> listOfMaps(const std::string &key) const;
  std::string text(const std::string &key) const;
  int64_t count(const std::string &key,
                int64_t largest) const;    ///< whole number from 1 to `largest`
  bool flag(const std::string &key) const; ///< true or false
  double quantity(const std::string &key, Quantity quantity) const;
  double positive(const std::string &key, Quantity quantity) const; ///< as quantity, and above 0
  std::vector<std::string> keys() const;

  [[noreturn]] void fail(const YAML::Node &where, const std::string &key,
                         const std::string &what) const;

private:
  std::string placeOf(const std::string &key) const {
    return place.empty() ? key : place + "." + key;
  }

  YAML::Node node;
  std::string file, place;
};

/// Parses `text` and hands its top-level map to `read`. False with `error` = "file:line: key: what"
/// on failure.
bool readYaml(const std::string &text, const std::string &file, std::string &error,
              const std::function<void(const YamlMap &)> &read);

} // namespace mixserve::planner

#endif // MIXSERVE_LIB_PLAN_YAMLREADER_H
