//===- LinkLibrary.cpp - An object file to code/model.so --------------------===//
#include "CompileObject.h"
#include "runtime/include/mixserve_rt.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mixserve;

static FailureOr<std::string> findLinker(StringRef asked, Location loc) {
  if (!asked.empty()) {
    if (llvm::ErrorOr<std::string> path = llvm::sys::findProgramByName(asked))
      return *path;
    return emitError(loc) << "linker '" << asked << "' is not on PATH";
  }
  for (StringRef name : {"ld.lld-22", "ld.lld", "cc"})
    if (llvm::ErrorOr<std::string> path = llvm::sys::findProgramByName(name))
      return *path;
  // Without lld on PATH, the compiler's own LLVM may have brought one.
  if (llvm::ErrorOr<std::string> path = llvm::sys::findProgramByName("ld.lld", {MIXSERVE_LLVM_TOOLS_DIR}))
    return *path;
  return emitError(loc) << "no linker for code/model.so: install lld (package lld-22) or a C compiler, or name one";
}

LogicalResult mixserve::linkLibrary(StringRef objectPath, StringRef libraryPath, StringRef linker, Location loc) {
  FailureOr<std::string> program = findLinker(linker, loc);
  if (failed(program))
    return failure();
  const std::string script = (objectPath + ".map").str(), log = (objectPath + ".log").str();
  llvm::FileRemover removeScript(script), removeLog(log);
  {
    std::error_code error;
    llvm::raw_fd_ostream file(script, error);
    if (error)
      return emitError(loc) << "cannot write '" << script << "': " << error.message();
    file << "{ global: " << MXS_MODEL_MAIN << "; local: *; };\n";
  }
  // A compiler driver takes the linker's own options behind -Wl, and must add no start files.
  const bool isDriver = !llvm::sys::path::filename(*program).starts_with("ld");
  SmallVector<std::string> arguments{*program, "-shared", "-o", libraryPath.str(), objectPath.str()};
  if (isDriver)
    arguments.push_back("-nostdlib");
  for (StringRef option : {"--build-id=none", "--soname=model.so", "--hash-style=gnu"})
    arguments.push_back((isDriver ? "-Wl," + option : option).str());
  arguments.push_back(((isDriver ? "-Wl,--version-script=" : "--version-script=") + Twine(script)).str());
  SmallVector<StringRef> references(arguments.begin(), arguments.end());
  std::string why;
  const int status = llvm::sys::ExecuteAndWait(*program, references, std::nullopt,
                                               {StringRef(""), StringRef(log), StringRef(log)}, 0, 0, &why);
  if (status == 0)
    return success();
  if (auto said = llvm::MemoryBuffer::getFile(log))
    why += (*said)->getBuffer().rtrim();
  return emitError(loc) << "linking code/model.so with '" << *program << "' failed: " << why;
}
