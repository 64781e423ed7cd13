//===- PackWeights.cpp - Weight files of an artifact ------------------------===//
#include "PackWeights.h"
#include "OrderedTasks.h"
#include "WeightTensor.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <unistd.h>

using namespace mlir;
using namespace mixserve;

/// The source's pages count as this process's memory until they are given back: after this many
/// bytes.
static constexpr int64_t kForgetBytes = 32 << 20;

namespace {

/// Scales of a tensor, which its file holds after all of its data. They may be too many for memory,
/// so they wait in a file without a name.
class ScaleQueue {
public:
  explicit ScaleQueue(StringRef folder) {
    const std::string path = (folder + "/weights/.scales").str();
    file = std::fopen(path.c_str(), "w+b");
    if (file)
      ::unlink(path.c_str());
    else
      error = errno;
  }
  ~ScaleQueue() {
    if (file)
      std::fclose(file);
  }

  void add(ArrayRef<uint16_t> scales) {
    if (!error &&
        std::fwrite(scales.data(), sizeof(uint16_t), scales.size(), file) != scales.size())
      error = errno;
    bytes += scales.size() * sizeof(uint16_t);
  }

  /// Moves what was added to `out`. Returns errno of the first failure, or 0.
  int moveTo(ArtifactFile &out) {
    std::vector<char> buffer(1 << 16);
    if (!error && std::fseek(file, 0, SEEK_SET) != 0)
      error = errno;
    while (!error && bytes > 0) {
      const size_t part = std::min(bytes, buffer.size());
      if (std::fread(buffer.data(), 1, part, file) != part)
        error = errno ? errno : EIO;
      out.write(buffer.data(), part);
      bytes -= part;
    }
    if (!error && std::fseek(file, 0, SEEK_SET) != 0)
      error = errno;
    return error;
  }

private:
  std::FILE *file = nullptr;
  size_t bytes = 0;
  int error = 0;
};

/// The tensors of one file: packed on all cores, written in order.
class WeightFileWriter {
public:
  WeightFileWriter(std::vector<WeightTensor> all, const BoxReader &reader, StringRef folder,
                   StringRef path)
      : tensors(std::move(all)), reader(reader), folder(folder), path(path),
        file(folder, path, /*hasBlocks=*/true), slots(usefulSlots()) {
    for (auto [i, tensor] : llvm::enumerate(tensors))
      addPieces(tensor, i, pieces);
  }

  FailureOr<FileRecord> run(Location loc) {
    file.write(weightFileHeader(tensors));
    runInOrder(
        pieces.size(), slots.size(),
        [&](int64_t task, int64_t slot) { make(pieces[task], slots[slot]); },
        [&](int64_t task, int64_t slot) { use(task, slots[slot]); });
    if (notFinite >= 0) {
      nn::ParamOp param = tensors[notFinite].entry->param;
      return param.emitError("holds values that are not finite, for which ")
             << mxs_weight_type_name(tensors[notFinite].type())
             << " has no place; compile without --quantize";
    }
    if (scaleError)
      return emitError(loc) << "cannot write a temporary file in '" << folder
                            << "/weights': " << std::strerror(scaleError);
    return file.finish(loc);
  }

private:
  /// On any thread.
  void make(const WeightPiece &piece, PackedPiece &out) const {
    if (!failed)
      packPiece(tensors[piece.tensor], piece, reader, out);
  }

  void use(int64_t task, const PackedPiece &packed) {
    if (failed)
      return;
    const WeightPiece &piece = pieces[task];
    if (!packed.isFinite) {
      notFinite = piece.tensor;
      failed = true;
      return;
    }
    file.write(packed.data.data(), packed.dataBytes);
    sinceForgotten += packed.dataBytes;
    if (sinceForgotten > kForgetBytes) {
      reader.forgetPages();
      sinceForgotten = 0;
    }
    const WeightTensor &tensor = tensors[piece.tensor];
    const bool hasScales = tensor.scaleBytes() > 0;
    if (hasScales) {
      if (!scales)
        scales = std::make_unique<ScaleQueue>(folder);
      scales->add(packed.scales);
    }
    if (task + 1 < static_cast<int64_t>(pieces.size()) && pieces[task + 1].tensor == piece.tensor)
      return;
    file.write(tensorPadding(tensor.dataBytes()));
    if (!hasScales)
      return;
    scaleError = scales->moveTo(file);
    failed = scaleError != 0;
    file.write(tensorPadding(tensor.scaleBytes()));
  }

  const std::vector<WeightTensor> tensors;
  const BoxReader &reader;
  const std::string folder, path;
  ArtifactFile file;
  std::vector<WeightPiece> pieces;
  std::vector<PackedPiece> slots;
  std::unique_ptr<ScaleQueue> scales;
  int64_t sinceForgotten = 0;      ///< bytes written since the source's pages were given back
  std::atomic<bool> failed{false}; ///< pieces that are under way end early
  int64_t notFinite = -1;          ///< tensor
  int scaleError = 0;
};

} // namespace

FailureOr<std::vector<FileRecord>> mixserve::packWeights(ArrayRef<ParamEntry> params,
                                                         plan::MeshAttr mesh, BoxReader &reader,
                                                         StringRef folder, Location loc) {
  for (const ParamEntry &entry : params)
    if (failed(reader.check(entry.param)))
      return failure();
  std::vector<FileRecord> records;
  auto write = [&](int64_t rank, bool isShared, const std::string &path) -> LogicalResult {
    std::vector<WeightTensor> tensors;
    for (const ParamEntry &entry : params)
      if (entry.isShared == isShared)
        tensors.emplace_back(entry, sliceOf(entry.param, mesh, rank));
    FailureOr<FileRecord> record =
        WeightFileWriter(std::move(tensors), reader, folder, path).run(loc);
    if (succeeded(record))
      records.push_back(std::move(*record));
    return record;
  };
  if (failed(write(0, true, "weights/shared.safetensors")))
    return failure();
  for (int64_t rank = 0; rank < mesh.getNumRanks(); ++rank) {
    std::string path;
    llvm::raw_string_ostream(path)
        << llvm::format("weights/rank-%04d.safetensors", static_cast<int>(rank));
    if (failed(write(rank, false, path)))
      return failure();
  }
  return records;
}
