//===- Golden.cpp - A safetensors reader of its own -------------------------===//
//
// The runtime has a reader too; the tests do not use it, so that a fault in it cannot hide.
//
//===----------------------------------------------------------------------===//
#include "test/Numeric/Golden.h"

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

using namespace mixserve::test;

std::vector<GoldenPrompt> mixserve::test::readGolden(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  if (!file)
    throw std::runtime_error("cannot open " + path);
  std::stringstream buffer;
  buffer << file.rdbuf();
  const std::string bytes = buffer.str();
  uint64_t headerBytes = 0;
  std::memcpy(&headerBytes, bytes.data(), sizeof headerBytes);
  const auto header = nlohmann::json::parse(bytes.substr(8, headerBytes));
  auto begin = [&](const std::string &name) {
    return bytes.data() + 8 + headerBytes + header.at(name).at("data_offsets").at(0).get<uint64_t>();
  };
  auto count = [&](const std::string &name) {
    int64_t elements = 1;
    for (int64_t size : header.at(name).at("shape"))
      elements *= size;
    return elements;
  };
  auto ids = [&](const std::string &name) {
    std::vector<int32_t> values;
    for (int64_t i = 0; i < count(name); ++i) {
      int64_t id = 0;
      std::memcpy(&id, begin(name) + 8 * i, sizeof id);
      values.push_back(static_cast<int32_t>(id));
    }
    return values;
  };
  std::vector<GoldenPrompt> prompts;
  for (int p = 0; header.contains("prompt" + std::to_string(p)); ++p) {
    const std::string n = std::to_string(p);
    GoldenPrompt golden{ids("prompt" + n), std::vector<float>(count("logits" + n)), ids("greedy" + n)};
    std::memcpy(golden.logits.data(), begin("logits" + n), golden.logits.size() * sizeof(float));
    prompts.push_back(std::move(golden));
  }
  return prompts;
}

std::string mixserve::test::modelsFolder() {
  const char *source = std::getenv("MIXSERVE_SOURCE_DIR");
  if (!source)
    throw std::runtime_error("set MIXSERVE_SOURCE_DIR to the source tree (ctest does)");
  return std::string(source) + "/models";
}
