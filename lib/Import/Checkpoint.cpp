//===- Checkpoint.cpp - the tensors of a Hugging Face folder ----------------===//

#include "Checkpoint.h"
#include "JsonText.h"

#include "llvm/ADT/Twine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using llvm::StringRef;
using llvm::Twine;
using nlohmann::json;

namespace mixserve::import {

static constexpr const char *kSingle = "model.safetensors";
static constexpr const char *kIndex = "model.safetensors.index.json";
static constexpr uint64_t kMaxIndex = 100'000'000;

bool isThere(StringRef folder, StringRef name) {
  llvm::SmallString<128> path(folder);
  llvm::sys::path::append(path, name);
  llvm::sys::fs::file_status status;
  return !llvm::sys::fs::status(path, status, /*follow=*/false);
}

std::optional<std::string> readSmallFile(StringRef folder, StringRef name, StringRef what,
                                         uint64_t limit, std::string &problem) {
  ExternalFiles files(folder, what);
  const ExternalFiles::File &file = files.look(name);
  std::string text;
  if (!file.problem.empty())
    problem = file.problem;
  else if (file.size > limit)
    problem = (what + " '" + name + "' has " + Twine(file.size) + " bytes, at most " +
               Twine(limit) + " are read; it is damaged or not what its name says")
                  .str();
  else if (!files.read(name, 0, file.size, text))
    problem = (what + " '" + name + "' cannot be read; check its permissions").str();
  else
    return text;
  return std::nullopt;
}

/// Tensor name to file name, as the index says.
static std::optional<std::map<std::string, std::string>> readIndex(StringRef folder,
                                                                   std::string &problem) {
  const std::optional<std::string> text =
      readSmallFile(folder, kIndex, "index", kMaxIndex, problem);
  if (!text)
    return std::nullopt;
  const std::string where = std::string("index '") + kIndex + "' ";
  std::string why;
  const std::optional<json> index = parseJsonObject(*text, why);
  if (!index) {
    problem = where + why + "; copy it again";
    return std::nullopt;
  }
  auto map = index->find("weight_map");
  if (map == index->end() || !map->is_object()) {
    problem = where + "has no object 'weight_map' from tensor to file; save the model again";
    return std::nullopt;
  }
  std::map<std::string, std::string> fileOf;
  for (const auto &[name, file] : map->items()) {
    if (!file.is_string()) {
      problem = where + "has " + file.dump() + " as file of tensor '" + name +
                "', expected a name; save the model again";
      return std::nullopt;
    }
    fileOf[name] = file.get<std::string>();
  }
  return fileOf;
}

/// The files and the index must hold the same names, each once.
static std::optional<StoredTensors> readSharded(StringRef folder, std::string &problem) {
  const auto fileOf = readIndex(folder, problem);
  if (!fileOf)
    return std::nullopt;
  std::map<std::string, int> shards;
  for (const auto &[name, file] : *fileOf)
    shards.try_emplace(file, 0);
  ExternalFiles files(folder, "weight file");
  StoredTensors all;
  const std::string again = "; the files are of different models or not complete: copy all again";
  for (const auto &[file, unused] : shards) {
    std::optional<StoredTensors> shard = readSafetensorsHeader(files, file, problem);
    if (!shard)
      return std::nullopt;
    for (auto &[name, tensor] : *shard) {
      auto indexed = fileOf->find(name);
      if (indexed == fileOf->end() || indexed->second != file) {
        problem = "tensor '" + name + "' is in weight file '" + file + "', but '" + kIndex +
                  (indexed == fileOf->end() ? "' does not name it"
                                            : "' says that it is in '" + indexed->second + "'") +
                  again;
        return std::nullopt;
      }
      all.emplace(name, std::move(tensor));
    }
  }
  for (const auto &[name, file] : *fileOf)
    if (!all.count(name)) {
      problem = "tensor '" + name + "' is not in weight file '" + file + "', where '" + kIndex +
                "' says that it is" + again;
      return std::nullopt;
    }
  return all;
}

std::optional<StoredTensors> readCheckpoint(StringRef folder, std::string &problem) {
  if (isThere(folder, kSingle)) {
    ExternalFiles files(folder, "weight file");
    return readSafetensorsHeader(files, kSingle, problem);
  }
  if (isThere(folder, kIndex))
    return readSharded(folder, problem);
  problem = std::string("has neither '") + kSingle + "' nor '" + kIndex +
            "': no weights that can be read; save the model as safetensors";
  return std::nullopt;
}

} // namespace mixserve::import
