//===- GccTypeNames.h - names of types as the packaged libMLIR spells them ----------------------===//
//
// libMLIR identifies traits by the text that the compiler prints for their type. The package is built with
// clang, which prints `mlir::OpTrait::SymbolTable<Empty>`; g++ prints the local class in full,
// `..SymbolTable<mlir::TypeID::get<mlir::OpTrait::SymbolTable>()::Empty>`, so hasTrait would find nothing
// across the library's border. Included first in every file that g++ compiles against MLIR
// (MixserveMLIR.cmake), this takes the place of llvm/Support/TypeName.h and spells such names like clang.
//
//===-----------------------------------------------------------------------------------------===//

#if !defined(LLVM_SUPPORT_TYPENAME_H) && defined(__cplusplus)
#define LLVM_SUPPORT_TYPENAME_H

#include "llvm/ADT/StringRef.h"

#include <string>

namespace llvm {

/// The type in "... [with DesiredTypeName = T]", spelled like clang.
inline std::string clangTypeName(std::string text) {
  const std::string key = "DesiredTypeName = ";
  text = text.substr(text.find(key) + key.size());
  text.pop_back(); // ']'
  const size_t local = text.rfind(">()::Empty>");
  const size_t start = text.find("<mlir::TypeID::get<");
  if (local != std::string::npos && start != std::string::npos && start < local)
    text = text.substr(0, start) + "<Empty>" + text.substr(local + sizeof(">()::Empty>") - 1);
  return text;
}

template <typename DesiredTypeName> inline StringRef getTypeName() {
  static const std::string name = clangTypeName(__PRETTY_FUNCTION__);
  return name;
}

} // namespace llvm

#endif // LLVM_SUPPORT_TYPENAME_H
