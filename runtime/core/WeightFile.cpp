//===- WeightFile.cpp -----------------------------------------------------------------------===//
#include "core/WeightFile.h"

#include "core/Checksum.h"

#include <algorithm>

using namespace mxs;

Status mxs::verifyBlocks(const uint8_t *data, const FileEntry &entry,
                         const WeightFile::Progress &progress) {
  for (size_t block = 0; block < entry.blocks.size(); ++block) {
    const int64_t begin = int64_t(block) * entry.blockBytes;
    const int64_t size = std::min(entry.blockBytes, entry.bytes - begin);
    const std::string found = xxh3Hex(data + begin, static_cast<size_t>(size));
    if (found != entry.blocks[block])
      return badArtifact("'" + entry.path + "': block " + std::to_string(block) + " (bytes " +
                         std::to_string(begin) + " to " + std::to_string(begin + size - 1) +
                         ") has checksum " + found + ", the manifest says " + entry.blocks[block] +
                         ": the file was damaged after it was compiled; copy it anew or compile "
                         "again");
    if (progress)
      progress();
  }
  return okStatus();
}

Status WeightFile::open(const std::string &folder, const FileEntry &entry, bool verify,
                        const Progress &progress, WeightFile &out) {
  WeightFile opened;
  opened.path = entry.path;
  if (Status status = MappedFile::open(folder + "/" + entry.path, opened.file); !status.ok())
    return badArtifact(status.message());
  if (int64_t(opened.file.size()) != entry.bytes)
    return badArtifact("'" + entry.path + "' has " + std::to_string(opened.file.size()) +
                       " bytes, the manifest says " + std::to_string(entry.bytes) +
                       ": the copy is incomplete; copy it anew or compile again");
  if (verify)
    MXS_TRY(verifyBlocks(opened.file.data(), entry, progress));
  MXS_TRY_IN("'" + entry.path + "'",
             Safetensors::parse(opened.file.data(), opened.file.size(), opened.index));
  out = std::move(opened);
  return okStatus();
}

Status WeightFile::tensor(const std::string &name, const void *&out) const {
  const TensorInfo *info = index.find(name);
  if (!info)
    return badArtifact("'" + path + "' has no tensor '" + name +
                       "', which the manifest's params name; compile again");
  if (info->begin % 64 != 0) // the mapping itself starts at a page
    return badArtifact("'" + path + "': tensor '" + name + "' begins at byte " +
                       std::to_string(info->begin) + ", which is no multiple of 64; compile again");
  out = index.bytes(*info);
  return okStatus();
}
