//===- CodeLibrary.cpp ----------------------------------------------------------------------===//
#include "core/CodeLibrary.h"

#include <dlfcn.h>

using namespace mxs;

/// The code's mxs_ symbols are looked up among the global ones. A host that loaded this library
/// with dlopen (a scripting language) has them hidden: make them visible.
static void exposeRuntime() {
  Dl_info self;
  if (::dladdr(reinterpret_cast<const void *>(&mxs_last_error), &self) && self.dli_fname)
    ::dlopen(self.dli_fname, RTLD_NOW | RTLD_GLOBAL | RTLD_NOLOAD); // stays loaded: we run in it
}

CodeLibrary::~CodeLibrary() {
  if (handle)
    ::dlclose(handle);
}

Status CodeLibrary::open(const std::string &path) {
  exposeRuntime();
  // A path without a slash would be searched for in the system's folders.
  const std::string file = path.find('/') == std::string::npos ? "./" + path : path;
  handle = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle)
    return badArtifact("cannot load '" + path + "': " + ::dlerror() + "; compile the model again");
  mainFunction = reinterpret_cast<mxs_model_main_t>(::dlsym(handle, MXS_MODEL_MAIN));
  if (!mainFunction)
    return badArtifact("'" + path +
                       "' does not define " MXS_MODEL_MAIN "; compile the model again");
  return okStatus();
}
