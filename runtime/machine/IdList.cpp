//===- IdList.cpp ---------------------------------------------------------------------------===//
#include "machine/IdList.h"

#include <algorithm>
#include <charconv>

using namespace mxs;

std::vector<int> mxs::parseIdList(const std::string &text) {
  constexpr int kMost = 65536;
  std::vector<int> ids;
  const char *at = text.data(), *const end = at + text.size();
  const auto number = [&](int &value) { // of no locale, unlike a stream's
    const auto [next, error] = std::from_chars(at, end, value);
    at = next;
    return error == std::errc() && value >= 0;
  };
  for (int first = 0; number(first) && first < kMost;) {
    int last = first;
    if (at != end && *at == '-' && (++at, !number(last)))
      break;
    for (int id = first; id <= std::min(last, kMost - 1); ++id)
      ids.push_back(id);
    if (at == end || *at != ',')
      break;
    ++at;
  }
  return ids;
}
