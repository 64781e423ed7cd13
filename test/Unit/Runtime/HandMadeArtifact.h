//===- HandMadeArtifact.h - Writes an artifact around HandMadeModel.c -------*- C++ -*-===//
#ifndef MIXSERVE_TEST_HANDMADEARTIFACT_H
#define MIXSERVE_TEST_HANDMADEARTIFACT_H

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace handmade {

/// Whole matrices, [N, K] row-major.
struct Weights {
  std::vector<float> embed, q, k, v, o, router, head;
  std::vector<std::vector<float>> gate, up, down; ///< of each expert
};
const Weights &weights();

/// Nodes x devices ranks with attention degree `attnTp`, one EP group per rank. There are code
/// files for 1 x 1, and for four and eight ranks with attnTp 2.
struct Mesh {
  int nodes = 1, devices = 1, attnTp = 1;
  int ranks() const { return nodes * devices; }
};

using Edit = std::function<void(nlohmann::json &)>;

/// Writes the artifact to `folder`, which must not exist. `edit` changes the manifest before it is
/// written and its checksum taken.
void writeArtifact(const std::string &folder, const Mesh &mesh, const Edit &edit = {});

/// Replaces manifest.json by an edited one with a right checksum.
void editManifest(const std::string &folder, const Edit &edit);

/// A fresh name, for a folder or with an ending for a file, below the program's temporary folder.
std::string freshFolder();

/// Logits [tokens, V] of the whole sequence, computed naively in double precision.
std::vector<double> referenceLogits(const std::vector<int32_t> &tokens);

} // namespace handmade

#endif // MIXSERVE_TEST_HANDMADEARTIFACT_H
