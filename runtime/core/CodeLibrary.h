//===- CodeLibrary.h - The compiled code of an artifact ---------------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_CORE_CODELIBRARY_H
#define MIXSERVE_RUNTIME_CORE_CODELIBRARY_H

#include "core/Status.h"

namespace mxs {

/// code/model.so, loaded for the life of the object.
class CodeLibrary {
public:
  CodeLibrary() = default;
  CodeLibrary(const CodeLibrary &) = delete;
  CodeLibrary &operator=(const CodeLibrary &) = delete;
  ~CodeLibrary();

  /// MXS_BAD_ARTIFACT: cannot be loaded, for example an undefined symbol, or has no entry point.
  Status open(const std::string &path);
  mxs_model_main_t entry() const { return mainFunction; }

private:
  void *handle = nullptr;
  mxs_model_main_t mainFunction = nullptr;
};

} // namespace mxs

#endif // MIXSERVE_RUNTIME_CORE_CODELIBRARY_H
