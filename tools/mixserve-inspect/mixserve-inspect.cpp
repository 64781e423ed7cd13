//===- mixserve-inspect.cpp - What an artifact contains ---------------------===//
#include "tools/mixserve-inspect/Check.h"
#include "tools/mixserve-inspect/Contents.h"
#include "tools/mixserve-inspect/Diff.h"
#include "tools/options/Options.h"

#include <cstdio>

using namespace mixserve::tools;
using nlohmann::json;

static int badInput(const std::string &message) {
  std::fprintf(stderr, "mixserve-inspect: %s\n", message.c_str());
  return kBadInput;
}

static int diff(const std::vector<std::string> &folders, bool asJson) {
  Contents first, second;
  std::string error;
  if (!readContents(folders[0], first, error) || !readContents(folders[1], second, error))
    return badInput(error);
  json rows = json::array();
  for (const Difference &found : difference(first, second)) {
    rows.push_back({{"where", found.where}, {"first", found.first}, {"second", found.second}});
    if (!asJson)
      std::printf("%s\n  - %s\n  + %s\n", found.where.c_str(), found.first.c_str(),
                  found.second.c_str());
  }
  if (asJson)
    std::printf("%s\n", json({{"differences", rows}}).dump(1).c_str());
  else if (rows.empty())
    std::printf("no difference\n");
  return kOk;
}

static int check(const std::string &folder, const Contents &contents, bool asJson) {
  const auto faults = checkArtifact(folder, contents.checked);
  if (asJson)
    std::printf("%s\n", json({{"ok", faults.empty()}, {"faults", faults}}).dump(1).c_str());
  else if (faults.empty())
    std::printf("%s: every checksum is right\n", folder.c_str());
  for (const std::string &fault : faults)
    if (!asJson)
      std::fprintf(stderr, "mixserve-inspect: %s/%s\n", folder.c_str(), fault.c_str());
  return faults.empty() ? kOk : kBadInput;
}

int main(int argc, char **argv) {
  bool checks = false, diffs = false, asJson = false;
  Options parser(
      "mixserve-inspect", "DIR | --check DIR | --diff DIR DIR",
      "Shows what an artifact contains and what it was planned for, without loading its code.",
      "mixserve-inspect --diff tp.mxs ep.mxs");
  parser.flag("check", checks, "compare every file with its checksum, weights too");
  parser.flag("diff", diffs,
              "show what differs between two artifacts: layout, shardings, collectives, bytes");
  parser.flag("json", asJson, "print as JSON");
  std::vector<std::string> folders;
  if (auto code = parser.parse(argc, argv, folders))
    return *code;
  if (checks && diffs)
    return parser.usageError("--check and --diff do not go together");
  if (diffs && folders.size() != 2)
    return parser.usageError("--diff compares two artifacts; give two folders");
  if (folders.size() != 1 && !diffs)
    return parser.usageError(folders.empty()
                                 ? "which artifact? give its folder"
                                 : "one artifact at a time, or two with --diff; unexpected '" +
                                       folders[1] + "'");
  if (diffs)
    return parser.flushed(diff(folders, asJson));
  Contents contents;
  std::string error;
  if (!readContents(folders[0], contents, error)) {
    // A damaged file may be why: the checksums say which one.
    if (checks && !contents.checked.files.empty())
      return parser.flushed(check(folders[0], contents, asJson));
    return badInput(error);
  }
  if (checks)
    return parser.flushed(check(folders[0], contents, asJson));
  if (asJson)
    std::printf("%s\n", contentsAsJson(contents).dump(1).c_str());
  else
    printContents(folders[0], contents);
  return parser.flushed(kOk);
}
