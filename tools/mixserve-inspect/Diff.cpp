//===- Diff.cpp - What differs between two artifacts ------------------------===//
#include "tools/mixserve-inspect/Diff.h"

#include <set>

using namespace mixserve::tools;

/// Facts of an artifact by name; two artifacts are compared name by name.
static std::map<std::string, std::string> facts(const Contents &contents) {
  std::map<std::string, std::string> result;
  for (const char *key : {"model", "mesh", "target", "layout", "wire", "limits", "variants",
                          "table", "arena_bytes", "cache", "weight_types"})
    if (contents.manifest.contains(key))
      result["1 " + std::string(key)] = contents.manifest[key].dump();
  result["1 weights of rank 0 [byte]"] = std::to_string(weightBytes(contents, 0));
  for (const auto &[name, value] : contents.planAttributes)
    result["2 " + name] = value;
  for (const ParamFact &param : contents.params)
    result["3 param " + param.name] = param.type + " " + param.pack + " " + param.sharding;
  // A method's collectives of one site in one layer are one fact; fused ops have no site.
  for (const CollectiveFact &fact : contents.collectives) {
    const std::string where = "4 " + fact.method + " layer " + (fact.layer < 0 ? "-" : std::to_string(fact.layer)) +
                              " " + (fact.site.empty() ? fact.op : fact.site);
    std::string value = fact.op;
    if (fact.intra >= 0)
      value += " " + std::to_string(fact.intra) + " intra, " + std::to_string(fact.inter) + " inter bytes";
    std::string &slot = result[where];
    slot += (slot.empty() ? "" : "; ") + value;
  }
  return result;
}

std::vector<Difference> mixserve::tools::difference(const Contents &first, const Contents &second) {
  const auto a = facts(first), b = facts(second);
  std::set<std::string> names;
  for (const auto &entry : a)
    names.insert(entry.first);
  for (const auto &entry : b)
    names.insert(entry.first);
  std::vector<Difference> differences;
  for (const std::string &name : names) {
    const auto left = a.find(name), right = b.find(name);
    const std::string one = left == a.end() ? "-" : left->second, two = right == b.end() ? "-" : right->second;
    if (one != two)
      differences.push_back({name.substr(2), one, two}); // the digit only sorts
  }
  return differences;
}
