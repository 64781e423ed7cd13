//===- Contents.h - What an artifact says of itself ---------------*- C++ -*-===//
#ifndef MIXSERVE_TOOLS_INSPECT_CONTENTS_H
#define MIXSERVE_TOOLS_INSPECT_CONTENTS_H

#include "core/Manifest.h"

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace mixserve::tools {

/// A parameter and the part of it that a rank keeps.
struct ParamFact {
  std::string name, type, sharding, chosenBy;
  std::string pack; ///< layout, element type and group in the artifact
};

/// A collective of a step function.
struct CollectiveFact {
  std::string method; ///< of the step function it is in
  int64_t layer;      ///< -1 outside layers
  std::string op, site;
  int64_t intra = -1, inter = -1, tokens = -1; ///< bytes of a step of `tokens`; -1: not annotated
};

/// Everything that inspect prints; nothing here needs the artifact's code.
struct Contents {
  nlohmann::json manifest, plan;
  mxs::Manifest checked; ///< the manifest as the runtime reads it; without files if it would not
  std::vector<ParamFact> params;
  std::vector<CollectiveFact> collectives;
  std::map<std::string, std::string> planAttributes; ///< plan.* of the module, as text
};

/// Reads manifest.json, plan.json and ir.mlir of an artifact folder. On anything wrong `error` says
/// what.
bool readContents(const std::string &folder, Contents &contents, std::string &error);

/// Bytes that rank `rank` maps: its own weight file and the shared one.
int64_t weightBytes(const Contents &contents, int64_t rank);

void printContents(const std::string &folder, const Contents &contents);
nlohmann::json contentsAsJson(const Contents &contents);

} // namespace mixserve::tools

#endif // MIXSERVE_TOOLS_INSPECT_CONTENTS_H
