//===- StopTokens.cpp - the tokens that end a generation --------------------===//

#include "mixserve/Import/StopTokens.h"

#include "Checkpoint.h"
#include "Diagnose.h"
#include "JsonText.h"

#include "dialects/nn/NNDialect.h"
#include "mlir/IR/Builders.h"

#include <set>

using namespace mlir;
using nlohmann::json;

namespace mixserve {

namespace {

/// Where a file keeps the ids.
struct Source {
  const char *file;
  const char *object; ///< holds the key; "": the file's own object
};
const Source kSources[] = {
    {"genai_config.json", "model"}, {"generation_config.json", ""}, {"config.json", ""}};
constexpr const char *kKey = "eos_token_id";

/// Ascending, each once. False: `value` is neither a token id nor a list of some.
bool readIds(const json &value, std::set<int64_t> &ids) {
  const json list = value.is_array() ? value : json::array({value});
  for (const json &id : list) {
    if (!id.is_number_integer() || id < 0 || id > INT32_MAX)
      return false;
    ids.insert(id.get<int64_t>());
  }
  return true;
}

/// The ids that one file names; `problem` is left empty if they can be used.
std::set<int64_t> idsOf(StringRef folder, const Source &source, std::string &problem) {
  constexpr uint64_t kMaxBytes = 1 << 20;
  std::set<int64_t> ids;
  const auto text = import::readSmallFile(folder, source.file, "file", kMaxBytes, problem);
  if (!text)
    return ids;
  std::string why;
  const std::optional<json> root = import::parseJsonObject(*text, why);
  if (!root) {
    problem = std::string(source.file) + ": " + why + "; copy it again";
    return ids;
  }
  const json *object = &*root;
  if (*source.object) {
    auto inner = root->find(source.object);
    if (inner == root->end() || !inner->is_object())
      return ids;
    object = &*inner;
  }
  auto value = object->find(kKey);
  if (value == object->end() || value->is_null())
    return ids;
  if (!readIds(*value, ids))
    problem = std::string(source.file) + ": '" + kKey + "' is " + value->dump() +
              ", expected a token id or a list of them; correct it, or take the key out";
  return ids;
}

} // namespace

LogicalResult readStopTokens(ModuleOp module) {
  auto folder = module->getAttrOfType<StringAttr>(nn::kSourceFolderAttr);
  if (!folder)
    return success();
  const StringRef path = folder.getValue().empty() ? StringRef(".") : folder.getValue();
  for (const Source &source : kSources) {
    if (!import::isThere(path, source.file))
      continue;
    std::string problem;
    const std::set<int64_t> ids = idsOf(path, source, problem);
    if (!problem.empty())
      return import::errorIn(module.getContext(), path) << problem, failure();
    if (ids.empty())
      continue;
    const SmallVector<int64_t> ascending(ids.begin(), ids.end());
    module->setAttr(nn::kEosAttr, Builder(module.getContext()).getDenseI64ArrayAttr(ascending));
    return success();
  }
  return success();
}

} // namespace mixserve
