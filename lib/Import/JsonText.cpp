//===- JsonText.cpp - JSON that nobody vouches for --------------------------===//

#include "JsonText.h"

#include <set>
#include <stdexcept>
#include <vector>

using nlohmann::json;

namespace mixserve::import {

namespace {
struct Refused : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Watches the parser, which keeps its own stack: depth cannot overflow ours.
class Watcher {
public:
  bool operator()(int depth, json::parse_event_t event, json &value) {
    if (depth > kJsonDepth)
      throw Refused("is nested more than " + std::to_string(kJsonDepth) + " levels deep");
    if (event == json::parse_event_t::object_start)
      keys.emplace_back();
    else if (event == json::parse_event_t::object_end)
      keys.pop_back();
    else if (event == json::parse_event_t::key &&
             !keys.back().insert(value.get_ref<const std::string &>()).second)
      throw Refused("has key '" + value.get<std::string>() + "' twice in one object");
    return true;
  }

private:
  std::vector<std::set<std::string>> keys; // of the objects that are open
};
} // namespace

std::optional<json> parseJsonObject(llvm::StringRef text, std::string &problem) {
  try {
    json value = json::parse(text.begin(), text.end(), Watcher());
    if (value.is_object())
      return value;
    problem = std::string("must be a JSON object, got ") + value.type_name();
  } catch (const Refused &refused) {
    problem = refused.what();
  } catch (const json::exception &error) {
    // "[json.exception.parse_error.101] parse error at line 1, column 5: .."
    llvm::StringRef what = error.what();
    problem = "is no valid JSON: " + what.substr(what.find("] ") + 2).str();
  }
  return std::nullopt;
}

} // namespace mixserve::import
