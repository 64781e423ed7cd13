//===- JsonText.h - JSON that nobody vouches for ------------------*- C++ -*-===//

#ifndef MIXSERVE_LIB_IMPORT_JSONTEXT_H
#define MIXSERVE_LIB_IMPORT_JSONTEXT_H

#include "llvm/ADT/StringRef.h"

#include <nlohmann/json.hpp>

#include <optional>
#include <string>

namespace mixserve::import {

/// Levels of nesting that are read. The files of a checkpoint need 4.
constexpr int kJsonDepth = 32;

/// The object that `text` is. Nothing, and `problem` says why: text that is no JSON, a value that
/// is no object, more than kJsonDepth levels, a key that an object has twice. A caller bounds the
/// size of the text; memory is some 10 times that.
std::optional<nlohmann::json> parseJsonObject(llvm::StringRef text, std::string &problem);

} // namespace mixserve::import

#endif // MIXSERVE_LIB_IMPORT_JSONTEXT_H
