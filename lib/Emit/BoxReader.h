//===- BoxReader.h - Parts of parameters from their source files --*- C++ -*-===//
#ifndef MIXSERVE_LIB_EMIT_BOXREADER_H
#define MIXSERVE_LIB_EMIT_BOXREADER_H

#include "ParamTable.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/MemoryBuffer.h"
#include <memory>
#include <string>

namespace mixserve {

/// Maps the files that boxes name, each once, and gathers elements from them.
class BoxReader {
public:
  /// `folder`: what the boxes' file names are relative to.
  explicit BoxReader(llvm::StringRef folder) : folder(folder.str()) {}

  /// Fails, naming parameter and file, if a box has an element type other than f32, f16 or bf16, names a
  /// file that is not there or leaves `folder`, or reaches beyond the file's end.
  llvm::LogicalResult check(nn::ParamOp param);

  /// out = the elements of `slice` as f32, rows of the last dimension `pitch` elements apart (0: dense).
  /// `param` must have passed `check`. On any thread.
  void read(nn::ParamOp param, const ParamSlice &slice, float *out, int64_t pitch = 0) const;

  /// The same as bfloat16: f32 and f16 are rounded to nearest even, bf16 is copied.
  void readBf16(nn::ParamOp param, const ParamSlice &slice, uint16_t *out, int64_t pitch = 0) const;

  /// Gives back the memory of the pages that were read; they come again when they are read again. While others
  /// read, too.
  void forgetPages() const;

private:
  const llvm::MemoryBuffer *open(nn::ParamOp param, llvm::StringRef file);

  std::string folder;
  llvm::StringMap<std::unique_ptr<llvm::MemoryBuffer>> files;
};

} // namespace mixserve

#endif // MIXSERVE_LIB_EMIT_BOXREADER_H
