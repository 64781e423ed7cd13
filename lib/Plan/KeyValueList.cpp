//===- KeyValueList.cpp - "a=1,b=2" options -------------------------------===//
#include "KeyValueList.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

namespace mixserve::planner {
namespace {

template <class Number> bool readNumber(const std::string &text, Number &value) {
  const char *end = text.data() + text.size();
  auto [stop, code] = std::from_chars(text.data(), end, value);
  return code == std::errc() && stop == end;
}

/// Bounds every later product well inside 64 bits.
constexpr int64_t kLargest = int64_t(1) << 31;

bool assign(const KeyValueList::Entry &entry, const std::string &text, std::string &error) {
  if (auto *const *whole = std::get_if<int64_t *>(&entry.value)) {
    int64_t value = 0;
    if (readNumber(text, value) && value >= 1 && value <= kLargest) {
      **whole = value;
      return true;
    }
    error =
        entry.key + "=" + text + ": expected a whole number from 1 to " + std::to_string(kLargest);
    return false;
  }
  double value = 0;
  if (readNumber(text, value) && std::isfinite(value) && value > 0) {
    *std::get<double *>(entry.value) = value;
    return true;
  }
  error = entry.key + "=" + text + ": expected a number above 0";
  return false;
}

} // namespace

bool KeyValueList::parse(const std::string &text, std::string &error) const {
  std::set<std::string> seen;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    const std::string item = text.substr(begin, end - begin);
    begin = end + 1;
    const size_t equal = item.find('=');
    const std::string key = item.substr(0, equal);
    auto entry =
        std::find_if(entries.begin(), entries.end(), [&](const Entry &e) { return e.key == key; });
    if (entry == entries.end() || equal == std::string::npos) {
      error = "'" + item + "' in '" + text + "' is not one of";
      for (const Entry &known : entries)
        error += " " + known.key + "=N";
      return false;
    }
    if (!seen.insert(key).second) {
      error = "'" + key + "' is given twice in '" + text + "'";
      return false;
    }
    if (!assign(*entry, item.substr(equal + 1), error))
      return false;
  }
  return true;
}

} // namespace mixserve::planner
