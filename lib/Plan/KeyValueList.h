//===- KeyValueList.h - "a=1,b=2" options ------------------------*- C++ -*-===//
#ifndef MIXSERVE_LIB_PLAN_KEYVALUELIST_H
#define MIXSERVE_LIB_PLAN_KEYVALUELIST_H

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace mixserve::planner {

/// A list of named positive numbers, `key=value` separated by commas, in any order, each at most
/// once.
class KeyValueList {
public:
  struct Entry {
    std::string key;
    std::variant<int64_t *, double *>
        value; ///< whole number >= 1, or decimal > 0; kept if the key is absent
  };
  explicit KeyValueList(std::vector<Entry> entries) : entries(std::move(entries)) {}

  /// On failure `error` names the key and what was expected.
  bool parse(const std::string &text, std::string &error) const;

private:
  std::vector<Entry> entries;
};

} // namespace mixserve::planner

#endif // MIXSERVE_LIB_PLAN_KEYVALUELIST_H
