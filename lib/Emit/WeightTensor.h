//===- WeightTensor.h - One parameter's part in a weight file -----*- C++ -*-===//
#ifndef MIXSERVE_LIB_EMIT_WEIGHTTENSOR_H
#define MIXSERVE_LIB_EMIT_WEIGHTTENSOR_H

#include "BoxReader.h"
#include "runtime/include/mixserve_weights.h"
#include <string>
#include <vector>

namespace mixserve {

/// A rank's part of a parameter, as it lies in the file.
struct WeightTensor {
  WeightTensor(const ParamEntry &entry, ParamSlice slice);

  /// Sizes of an n64 matrix or a table of rows; plain ones are a single column.
  int64_t n() const { return slice.size.size() < 2 ? 1 : slice.size[slice.size.size() - 2]; }
  int64_t k() const { return slice.size.empty() ? 1 : slice.size.back(); }
  int64_t matrices() const { return slice.size.size() == 3 ? slice.size[0] : 1; }
  mxs_weight_type_t type() const { return static_cast<mxs_weight_type_t>(entry->packing.element); }
  bool isPacked() const { return entry->packing.layout == nn::Pack::N64; }

  int64_t dataBytes() const;
  int64_t scaleBytes() const; ///< 0 without scales
  /// Shapes as safetensors counts, in elements of the data and of the scales.
  llvm::SmallVector<int64_t> dataShape() const;
  llvm::SmallVector<int64_t> scaleShape() const;

  const ParamEntry *entry;
  ParamSlice slice;
};

/// The header of a safetensors file (https://huggingface.co/docs/safetensors): u64 length, JSON,
/// spaces up to the alignment. Each tensor is followed by its scales.
std::string weightFileHeader(llvm::ArrayRef<WeightTensor> tensors);

/// Zeros that bring `bytes` to the alignment of tensors.
std::string tensorPadding(int64_t bytes);

/// A piece of a tensor that is packed at once: column blocks of one matrix, or elements of plain
/// rows.
struct WeightPiece {
  int64_t tensor = 0; ///< index
  int64_t matrix = 0, first = 0, count = 0;
};

/// The pieces of a tensor in the order of its bytes.
void addPieces(const WeightTensor &tensor, int64_t index, std::vector<WeightPiece> &pieces);

/// Bytes of a piece.
struct PackedPiece {
  std::vector<uint32_t> data; ///< cells
  int64_t dataBytes = 0;      ///< not a multiple of 4 at the end of plain bfloat16 rows
  std::vector<uint16_t> scales;
  bool isFinite = true;
};

/// Packs a piece; the vectors' memory is used again.
void packPiece(const WeightTensor &tensor, const WeightPiece &piece, const BoxReader &reader,
               PackedPiece &out);

} // namespace mixserve

#endif // MIXSERVE_LIB_EMIT_WEIGHTTENSOR_H
