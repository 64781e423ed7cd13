//===- Check.h - Every checksum of an artifact --------------------*- C++ -*-===//
#ifndef MIXSERVE_TOOLS_INSPECT_CHECK_H
#define MIXSERVE_TOOLS_INSPECT_CHECK_H

#include "core/Manifest.h"

#include <string>
#include <vector>

namespace mixserve::tools {

/// Compares manifest.json with manifest.sha256, then size and sha256 of every file that the
/// manifest lists, and looks for files that it does not list. Returns a line for each thing that is
/// wrong.
std::vector<std::string> checkArtifact(const std::string &folder, const mxs::Manifest &manifest);

} // namespace mixserve::tools

#endif // MIXSERVE_TOOLS_INSPECT_CHECK_H
