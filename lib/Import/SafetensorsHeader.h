//===- SafetensorsHeader.h - where the tensors of a file lie ------*- C++ -*-===//
//
// Format (https://huggingface.co/docs/safetensors): u64 little-endian length of the header; the
// header, JSON: {"name": {"dtype", "shape", "data_offsets": [begin, end]}, "__metadata__": {..}};
// the data, which the tensors tile.
//
//===----------------------------------------------------------------------===//

#ifndef MIXSERVE_LIB_IMPORT_SAFETENSORSHEADER_H
#define MIXSERVE_LIB_IMPORT_SAFETENSORSHEADER_H

#include "ExternalFiles.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace mixserve::import {

/// A tensor of a checkpoint, not read.
struct StoredTensor {
  std::string file;           ///< relative to the model's folder
  std::string dtype;          ///< "F32", "BF16", ..
  std::vector<int64_t> shape; ///< outermost first, row-major
  int64_t offset = 0;         ///< of its first byte in the file
  int64_t bytes = 0;
};

/// By name.
using StoredTensors = std::map<std::string, StoredTensor>;

/// The tensors of the safetensors file at `location`; reads its header and no data. Nothing, and
/// `problem` names the file and says why and what to do: a file that `files` refuses, a header
/// beyond the end of the file or above the format's 100 MB, damaged JSON, a name twice, an unknown
/// dtype, a size that overflows or differs from the offsets, offsets outside the file, tensors that
/// overlap or leave a gap.
std::optional<StoredTensors> readSafetensorsHeader(ExternalFiles &files, llvm::StringRef location,
                                                   std::string &problem);

} // namespace mixserve::import

#endif // MIXSERVE_LIB_IMPORT_SAFETENSORSHEADER_H
