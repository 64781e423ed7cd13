//===- WeightFile.cpp -----------------------------------------------------------------------===//
#include "core/WeightFile.h"

#include "core/Checksum.h"
#include "machine/NumaSpread.h"
#include "threads/ThreadPool.h"

#include <algorithm>
#include <atomic>
#include <vector>

using namespace mxs;

/// Bytes that one task reads: large enough for a disk, small enough that threads end together.
static constexpr int64_t kTaskBytes = 4 << 20;

static std::string checksumOf(const MappedFile &file, const FileEntry &entry, int64_t block) {
  const int64_t begin = block * entry.blockBytes;
  return xxh3Hex(file.data() + begin,
                 static_cast<size_t>(std::min(entry.blockBytes, entry.bytes - begin)));
}

static Status wrongBlock(const MappedFile &file, const FileEntry &entry, int64_t block) {
  const int64_t begin = block * entry.blockBytes,
                end = std::min(begin + entry.blockBytes, entry.bytes);
  return badArtifact("'" + entry.path + "': block " + std::to_string(block) + " (bytes " +
                     std::to_string(begin) + " to " + std::to_string(end - 1) + ") has checksum " +
                     checksumOf(file, entry, block) + ", the manifest says " +
                     entry.blocks[static_cast<size_t>(block)] +
                     ": the file was damaged after it was compiled; copy it anew or compile again");
}

Status mxs::verifyBlocks(const MappedFile &file, const FileEntry &entry,
                         const WeightFile::Progress &progress) {
  const int64_t blocks = static_cast<int64_t>(entry.blocks.size());
  const int64_t perTask = std::max<int64_t>(1, kTaskBytes / entry.blockBytes);
  ThreadPool &pool = ThreadPool::process();
  std::atomic<int64_t> firstWrong{blocks};
  const std::vector<int> nodes = numaNodesOfThread();
  pool.parallelFor((blocks + perTask - 1) / perTask, [&](int64_t task, int) {
    const int64_t first = task * perTask, end = std::min(first + perTask, blocks);
    const auto begin = static_cast<size_t>(first * entry.blockBytes),
               length = static_cast<size_t>((end - first) * entry.blockBytes);
    const NumaSpread spread(nodes); // to the end: an old system brings pages in as they are read
    file.makePresent(begin, length);
    for (int64_t block = first; block < end; ++block) {
      if (checksumOf(file, entry, block) != entry.blocks[static_cast<size_t>(block)]) {
        int64_t known = firstWrong;
        while (block < known && !firstWrong.compare_exchange_weak(known, block)) {
        }
        return;
      }
      if (progress)
        progress();
    }
  });
  return firstWrong < blocks ? wrongBlock(file, entry, firstWrong) : okStatus();
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
    MXS_TRY(verifyBlocks(opened.file, entry, progress));
  MXS_TRY_IN("'" + entry.path + "'",
             Safetensors::parse(opened.file.data(), opened.file.size(), opened.index));
  out = std::move(opened);
  return okStatus();
}

Status WeightFile::tensor(const std::string &name, const std::string &dtype, const void *&out,
                          int64_t &bytes) const {
  const TensorInfo *info = index.find(name);
  if (!info)
    return badArtifact("'" + path + "' has no tensor '" + name +
                       "', which the manifest's params name; compile again");
  if (info->dtype != dtype)
    return badArtifact("'" + path + "': tensor '" + name + "' has type " + info->dtype +
                       ", the manifest's params say " + dtype + "; compile again");
  if (info->begin % MXS_WEIGHT_ALIGNMENT != 0) // the mapping itself starts at a page
    return badArtifact("'" + path + "': tensor '" + name + "' begins at byte " +
                       std::to_string(info->begin) + ", which is no multiple of 64; compile again");
  out = index.bytes(*info);
  bytes = static_cast<int64_t>(info->bytes);
  return okStatus();
}

Status WeightFile::weight(const ParamEntry &param, mxs_weight_t &out) const {
  mxs_weight_t weight;
  weight.layout = param.layout;
  weight.type = param.type;
  weight.group = param.group;
  weight.n = param.n;
  weight.k = param.k;
  int64_t bytes = 0, scaleBytes = 0;
  MXS_TRY(tensor(param.name, mxs_weight_dtype(param.type), weight.data, bytes));
  auto sizeError = [&](const std::string &name, int64_t have, int64_t need) {
    return badArtifact("'" + path + "': tensor '" + name + "' has " + std::to_string(have) +
                       " bytes where the manifest's n and k ask for " +
                       (param.hasExperts ? "a multiple of " : "") + std::to_string(need) +
                       "; compile again");
  };
  if (param.layout == WeightLayout::Rows) {
    const int64_t need = param.n * param.k * (param.type == MXS_WEIGHT_F32 ? 4 : 2);
    if (bytes != need)
      return sizeError(param.name, bytes, need);
  }
  if (param.layout == WeightLayout::N64) {
    const int64_t need = mxs_weight_data_bytes(param.type, param.n, param.k);
    weight.matrices = param.hasExperts ? bytes / need : 1;
    if (weight.matrices < 1 || bytes != weight.matrices * need)
      return sizeError(param.name, bytes, need);
    if (mxs_weight_has_scales(param.type)) {
      const void *scales = nullptr;
      const std::string name = param.name + ".scale";
      MXS_TRY(tensor(name, "BF16", scales, scaleBytes));
      const int64_t scaleNeed =
          weight.matrices * mxs_weight_scale_bytes(param.type, param.n, param.k, param.group);
      if (scaleBytes != scaleNeed)
        return sizeError(name, scaleBytes, scaleNeed);
      weight.scales = static_cast<const uint16_t *>(scales);
    }
  }
  out = weight;
  return okStatus();
}
