//===- PackWeights.cpp - Weight files of an artifact ------------------------===//
#include "PackWeights.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mixserve;

static constexpr int64_t kPackColumns = 64;   // of n64
static constexpr int64_t kTensorAlignment = 64; // [byte], of mxs_param
static constexpr int64_t kPlainChunk = 1 << 20; // elements read at once

void mixserve::packBlock(const float *in, int64_t rows, int64_t k, float *out) {
  for (int64_t i = 0; i < k; ++i)
    for (int64_t j = 0; j < kPackColumns; ++j)
      out[i * kPackColumns + j] = j < rows ? in[j * k + i] : 0.0f;
}

SmallVector<int64_t> mixserve::packedShape(nn::Pack pack, ArrayRef<int64_t> local) {
  SmallVector<int64_t> shape(local);
  if (pack == nn::Pack::N64) {
    int64_t &n = shape[shape.size() - 2];
    n = llvm::divideCeil(n, kPackColumns);
    shape.push_back(kPackColumns);
  }
  return shape;
}

namespace {

/// A tensor of a weight file, and how its bytes are made.
struct WeightTensor {
  const ParamEntry *entry;
  ParamSlice slice;
  SmallVector<int64_t> shape;
  int64_t bytes() const { return ShapedType::getNumElements(shape) * static_cast<int64_t>(sizeof(float)); }
};

} // namespace

/// The header of a safetensors file (https://huggingface.co/docs/safetensors): u64 length, JSON, spaces up to
/// the alignment. The format allows no holes, so what aligns the next tensor is a tensor too.
static std::string makeHeader(ArrayRef<WeightTensor> tensors) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  llvm::json::OStream json(stream);
  int64_t at = 0, paddings = 0;
  auto add = [&](StringRef name, StringRef type, ArrayRef<int64_t> shape, int64_t bytes) {
    json.attributeObject(name, [&] {
      json.attribute("dtype", type);
      json.attributeArray("shape", [&] {
        for (int64_t size : shape)
          json.value(size);
      });
      json.attributeArray("data_offsets", [&] {
        json.value(at);
        json.value(at + bytes);
      });
    });
    at += bytes;
  };
  json.object([&] {
    for (const WeightTensor &tensor : tensors) {
      nn::ParamOp param = tensor.entry->param;
      add(param.getSymName(), "F32", tensor.shape, tensor.bytes());
      if (int64_t padding = llvm::offsetToAlignment(at, llvm::Align(kTensorAlignment)))
        add("__padding__." + std::to_string(paddings++), "U8", {padding}, padding);
    }
  });
  text.append(llvm::offsetToAlignment(8 + text.size(), llvm::Align(kTensorAlignment)), ' ');
  char length[8];
  llvm::support::endian::write64le(length, text.size());
  return std::string(length, sizeof length) + text;
}

/// Rows [first, first + count) of dimension `d` of a slice.
static ParamSlice subSlice(ParamSlice slice, size_t d, int64_t first, int64_t count) {
  slice.begin[d] += first;
  slice.size[d] = count;
  return slice;
}

static void writePlain(const WeightTensor &tensor, const BoxReader &reader, ArtifactFile &file) {
  const ParamSlice &slice = tensor.slice;
  if (slice.size.empty()) {
    float value = 0;
    reader.read(tensor.entry->param, slice, &value);
    return file.write(&value, sizeof value);
  }
  const int64_t rowElements = ShapedType::getNumElements(ArrayRef(slice.size).drop_front());
  const int64_t step = std::max<int64_t>(1, kPlainChunk / std::max<int64_t>(1, rowElements));
  std::vector<float> rows(std::min(step, slice.size[0]) * rowElements);
  for (int64_t first = 0; first < slice.size[0]; first += step) {
    const int64_t count = std::min(step, slice.size[0] - first);
    reader.read(tensor.entry->param, subSlice(slice, 0, first, count), rows.data());
    file.write(rows.data(), count * rowElements * sizeof(float));
  }
}

static void writeN64(const WeightTensor &tensor, const BoxReader &reader, ArtifactFile &file) {
  const ParamSlice &slice = tensor.slice;
  const size_t rank = slice.size.size();
  const int64_t n = slice.size[rank - 2], k = slice.size[rank - 1];
  const int64_t matrices = rank == 3 ? slice.size[0] : 1;
  std::vector<float> rows(kPackColumns * k), packed(kPackColumns * k);
  for (int64_t matrix = 0; matrix < matrices; ++matrix) {
    const ParamSlice one = rank == 3 ? subSlice(slice, 0, matrix, 1) : slice;
    for (int64_t first = 0; first < n; first += kPackColumns) {
      const int64_t count = std::min(kPackColumns, n - first);
      reader.read(tensor.entry->param, subSlice(one, rank - 2, first, count), rows.data());
      packBlock(rows.data(), count, k, packed.data());
      file.write(packed.data(), packed.size() * sizeof(float));
    }
  }
}

static FailureOr<FileRecord> writeWeightFile(ArrayRef<WeightTensor> tensors, const BoxReader &reader,
                                             StringRef folder, StringRef path, Location loc) {
  ArtifactFile file(folder, path, /*hasBlocks=*/true);
  file.write(makeHeader(tensors));
  for (const WeightTensor &tensor : tensors) {
    if (tensor.entry->pack == nn::Pack::N64)
      writeN64(tensor, reader, file);
    else
      writePlain(tensor, reader, file);
    const std::string padding(llvm::offsetToAlignment(tensor.bytes(), llvm::Align(kTensorAlignment)), '\0');
    file.write(padding);
  }
  return file.finish(loc);
}

FailureOr<std::vector<FileRecord>> mixserve::packWeights(ArrayRef<ParamEntry> params, plan::MeshAttr mesh,
                                                         BoxReader &reader, StringRef folder, Location loc) {
  for (const ParamEntry &entry : params)
    if (failed(reader.check(entry.param)))
      return failure();
  auto tensorsOf = [&](int64_t rank, bool isShared) {
    std::vector<WeightTensor> tensors;
    for (const ParamEntry &entry : params)
      if (entry.isShared == isShared) {
        ParamSlice slice = sliceOf(entry.param, mesh, rank);
        SmallVector<int64_t> shape = packedShape(entry.pack, slice.size);
        tensors.push_back({&entry, std::move(slice), std::move(shape)});
      }
    return tensors;
  };
  std::vector<FileRecord> records;
  auto write = [&](int64_t rank, bool isShared, const std::string &path) -> LogicalResult {
    FailureOr<FileRecord> record = writeWeightFile(tensorsOf(rank, isShared), reader, folder, path, loc);
    if (succeeded(record))
      records.push_back(std::move(*record));
    return record;
  };
  if (failed(write(0, true, "weights/shared.safetensors")))
    return failure();
  for (int64_t rank = 0; rank < mesh.getNumRanks(); ++rank) {
    std::string path;
    llvm::raw_string_ostream(path) << llvm::format("weights/rank-%04d.safetensors", static_cast<int>(rank));
    if (failed(write(rank, false, path)))
      return failure();
  }
  return records;
}
