//===- TensorFile.cpp - Verification files (safetensors) --------------------===//
#include "tools/mixserve-run/TensorFile.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

using namespace mixserve::tools;
using nlohmann::json;

namespace {

/// A tensor's place in the file, checked against it.
struct Tensor {
  std::string type;
  std::vector<int64_t> shape;
  const char *data = nullptr;
};

class Reader {
public:
  Reader(std::string path, std::string bytes) : path(std::move(path)), bytes(std::move(bytes)) {}

  bool readHeader(std::string &error) {
    uint64_t size = 0;
    if (bytes.size() < 8)
      return fail(error, "is too short to be a safetensors file");
    std::memcpy(&size, bytes.data(), 8);
    if (size > bytes.size() - 8)
      return fail(error, "is no safetensors file: its header would be " + std::to_string(size) + " bytes, the file has " +
                             std::to_string(bytes.size()));
    header = json::parse(bytes.begin() + 8, bytes.begin() + 8 + static_cast<std::ptrdiff_t>(size), nullptr, false);
    if (!header.is_object())
      return fail(error, "is no safetensors file: its header is no JSON object");
    dataBegin = 8 + size;
    return true;
  }

  bool has(const std::string &name) const { return header.contains(name); }

  bool get(const std::string &name, const std::string &type, size_t rank, Tensor &tensor, std::string &error) const {
    if (!has(name))
      return fail(error, "has no tensor '" + name + "'");
    const json &entry = header[name];
    try {
      tensor.type = entry.at("dtype").get<std::string>();
      tensor.shape = entry.at("shape").get<std::vector<int64_t>>();
      const auto offsets = entry.at("data_offsets").get<std::vector<uint64_t>>();
      if (tensor.type != type || tensor.shape.size() != rank)
        return fail(error, "tensor '" + name + "' must be " + type + " of rank " + std::to_string(rank) + ", got " +
                               tensor.type + " of rank " + std::to_string(tensor.shape.size()));
      uint64_t elements = 1;
      for (int64_t size : tensor.shape) {
        if (size < 0 || (size > 0 && elements > (uint64_t(1) << 40) / static_cast<uint64_t>(size)))
          return fail(error, "tensor '" + name + "' has an impossible shape");
        elements *= static_cast<uint64_t>(size);
      }
      const uint64_t width = type == "I64" ? 8 : 4;
      if (offsets.size() != 2 || offsets[0] > offsets[1] || offsets[1] > bytes.size() - dataBegin ||
          offsets[1] - offsets[0] != elements * width)
        return fail(error, "tensor '" + name + "' does not lie inside the file");
      tensor.data = bytes.data() + dataBegin + offsets[0];
    } catch (const json::exception &) {
      return fail(error, "tensor '" + name + "' has a malformed entry in the header");
    }
    return true;
  }

  bool ids(const std::string &name, std::vector<int32_t> &values, std::string &error) const {
    Tensor tensor;
    if (!get(name, "I64", 1, tensor, error))
      return false;
    for (int64_t i = 0; i < tensor.shape[0]; ++i) {
      int64_t id = 0;
      std::memcpy(&id, tensor.data + 8 * i, 8);
      if (id < 0 || id > INT32_MAX)
        return fail(error, "tensor '" + name + "' holds " + std::to_string(id) + ", which is no token id");
      values.push_back(static_cast<int32_t>(id));
    }
    return true;
  }

  bool fail(std::string &error, const std::string &what) const {
    error = "verification file '" + path + "' " + what;
    return false;
  }

private:
  std::string path, bytes;
  json header;
  uint64_t dataBegin = 0;
};

} // namespace

std::vector<VerificationPrompt> mixserve::tools::readVerification(const std::string &path, int64_t vocab,
                                                                  std::string &error) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream buffer;
  if (file)
    buffer << file.rdbuf();
  if (!file || buffer.fail()) {
    error = "cannot read verification file '" + path + "': " + std::strerror(errno ? errno : EIO);
    return {};
  }
  Reader reader(path, buffer.str());
  if (!reader.readHeader(error))
    return {};
  std::vector<VerificationPrompt> prompts;
  for (int p = 0; reader.has("prompt" + std::to_string(p)); ++p) {
    const std::string n = std::to_string(p);
    VerificationPrompt prompt;
    Tensor logits;
    if (!reader.ids("prompt" + n, prompt.prompt, error) || !reader.ids("greedy" + n, prompt.greedy, error) ||
        !reader.get("logits" + n, "F32", 2, logits, error))
      return {};
    if (logits.shape[0] != static_cast<int64_t>(prompt.prompt.size()) || logits.shape[1] != vocab) {
      reader.fail(error, "tensor 'logits" + n + "' is [" + std::to_string(logits.shape[0]) + ", " +
                             std::to_string(logits.shape[1]) + "], expected [" + std::to_string(prompt.prompt.size()) +
                             ", " + std::to_string(vocab) + "] for this prompt and this model");
      return {};
    }
    prompt.logits.resize(logits.shape[0] * logits.shape[1]);
    std::memcpy(prompt.logits.data(), logits.data, prompt.logits.size() * sizeof(float));
    prompts.push_back(std::move(prompt));
  }
  if (prompts.empty())
    reader.fail(error, "has no tensor 'prompt0'");
  return prompts;
}

std::string mixserve::tools::writeVerification(const std::string &path, const std::vector<VerificationPrompt> &prompts,
                                               int64_t vocab) {
  json header;
  std::string data;
  auto append = [&](const std::string &name, const char *type, std::vector<int64_t> shape, const void *begin, size_t size) {
    header[name] = {{"dtype", type}, {"shape", shape}, {"data_offsets", {data.size(), data.size() + size}}};
    data.append(static_cast<const char *>(begin), size);
  };
  for (size_t p = 0; p < prompts.size(); ++p) {
    const std::string n = std::to_string(p);
    const std::vector<int64_t> prompt(prompts[p].prompt.begin(), prompts[p].prompt.end());
    const std::vector<int64_t> greedy(prompts[p].greedy.begin(), prompts[p].greedy.end());
    append("prompt" + n, "I64", {static_cast<int64_t>(prompt.size())}, prompt.data(), prompt.size() * 8);
    append("greedy" + n, "I64", {static_cast<int64_t>(greedy.size())}, greedy.data(), greedy.size() * 8);
    append("logits" + n, "F32", {static_cast<int64_t>(prompt.size()), vocab}, prompts[p].logits.data(),
           prompts[p].logits.size() * sizeof(float));
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const uint64_t size = text.size();
  const std::string temporary = path + ".tmp";
  std::ofstream file(temporary, std::ios::binary);
  file.write(reinterpret_cast<const char *>(&size), 8);
  file << text << data;
  file.close();
  if (!file || std::rename(temporary.c_str(), path.c_str()) != 0) {
    const std::string why = std::strerror(errno);
    std::remove(temporary.c_str());
    return "cannot write '" + path + "': " + why;
  }
  return "";
}
