//===- Checkpoint.h - the tensors of a Hugging Face folder --------*- C++ -*-===//

#ifndef MIXSERVE_LIB_IMPORT_CHECKPOINT_H
#define MIXSERVE_LIB_IMPORT_CHECKPOINT_H

#include "SafetensorsHeader.h"

namespace mixserve::import {

/// All tensors of the folder by name, from `model.safetensors` or, if that is not there, from the
/// files that `model.safetensors.index.json` names; no data is read. Nothing, and `problem` says
/// what is wrong, where, why and what to do: neither file is there, an index that is damaged or
/// names a file that `files` refuses, a file and the index that do not agree in every name, and all
/// that readSafetensorsHeader refuses.
std::optional<StoredTensors> readCheckpoint(llvm::StringRef folder, std::string &problem);

/// True if a file or a link of that name is there, even one that leads nowhere.
bool isThere(llvm::StringRef folder, llvm::StringRef name);

/// The text of `name` in `folder`, at most `limit` bytes; like readCheckpoint on failure. `what`
/// calls the file in messages.
std::optional<std::string> readSmallFile(llvm::StringRef folder, llvm::StringRef name,
                                         llvm::StringRef what, uint64_t limit,
                                         std::string &problem);

} // namespace mixserve::import

#endif // MIXSERVE_LIB_IMPORT_CHECKPOINT_H
