//===- ConfigReader.h - every key of a config.json, once ----------*- C++ -*-===//

#ifndef MIXSERVE_LIB_IMPORT_CONFIGREADER_H
#define MIXSERVE_LIB_IMPORT_CONFIGREADER_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/Twine.h"

#include <nlohmann/json.hpp>

#include <set>
#include <stdexcept>
#include <string>

namespace mixserve::import {

/// Why a config is refused: key, reason and what to do.
struct ConfigRefused : std::runtime_error {
  explicit ConfigRefused(const llvm::Twine &why) : std::runtime_error(why.str()) {}
};

/// Reads an object and remembers which keys were asked for, so that none is passed over. A key
/// whose value is null counts as absent. Every function throws ConfigRefused on a value of the
/// wrong type or range.
class ConfigReader {
public:
  using Json = nlohmann::json;

  /// `where` stands before every key in messages: "", or "rope_parameters.".
  explicit ConfigReader(const Json &object, std::string where = "")
      : object(object), where(std::move(where)) {}

  /// Null if absent.
  const Json *find(llvm::StringRef key);
  /// The value that stands under one of two names. Refuses two that differ.
  const Json *either(llvm::StringRef key, llvm::StringRef other);

  /// A whole number in [1, most]; must be there, under one of the names.
  int64_t count(llvm::StringRef key, int64_t most, llvm::StringRef other = "");
  double positive(llvm::StringRef key, double otherwise);
  bool flag(llvm::StringRef key, bool otherwise);
  std::string text(llvm::StringRef key);

  /// If the key is there, it must say this; `otherwise` is why nothing else can be read.
  void mustBe(llvm::StringRef key, const Json &expected, llvm::StringRef otherwise);
  /// These keys change nothing that is computed.
  void ignore(llvm::ArrayRef<llvm::StringRef> keys);
  /// Refuses all keys that nobody asked for.
  void finish();

  /// "'key' is <value>", as messages start.
  std::string says(llvm::StringRef key) const;

private:
  const Json &object;
  std::string where;
  std::set<std::string> asked;
};

} // namespace mixserve::import

#endif // MIXSERVE_LIB_IMPORT_CONFIGREADER_H
