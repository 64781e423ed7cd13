//===- Safetensors.cpp - reads the verification files of the tests ----------------------------===//

#include "Safetensors.h"

#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"

#include <cstdlib>
#include <cstring>
#include <gtest/gtest.h>

namespace mixserve::test {

template <typename T> static std::vector<T> elements(llvm::StringRef bytes) {
  std::vector<T> values(bytes.size() / sizeof(T));
  if (!values.empty()) // an empty cache
    std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
  return values;
}

std::map<std::string, HostTensor> readSafetensors(const std::string &path) {
  std::map<std::string, HostTensor> tensors;
  auto file = llvm::MemoryBuffer::getFile(path);
  if (!file) {
    ADD_FAILURE() << "cannot read " << path;
    return tensors;
  }
  llvm::StringRef bytes = (*file)->getBuffer();
  uint64_t headerBytes;
  std::memcpy(&headerBytes, bytes.data(), sizeof headerBytes);
  llvm::StringRef data = bytes.drop_front(8 + headerBytes);
  llvm::Expected<llvm::json::Value> header = llvm::json::parse(bytes.substr(8, headerBytes));
  if (!header) {
    ADD_FAILURE() << path << ": " << llvm::toString(header.takeError());
    return tensors;
  }
  for (const auto &[name, entry] : *header->getAsObject()) {
    if (name == "__metadata__")
      continue;
    const llvm::json::Object &tensor = *entry.getAsObject();
    llvm::SmallVector<int64_t> shape;
    for (const llvm::json::Value &size : *tensor.getArray("shape"))
      shape.push_back(*size.getAsInteger());
    const llvm::json::Array &range = *tensor.getArray("data_offsets");
    const int64_t begin = *range[0].getAsInteger(), end = *range[1].getAsInteger();
    llvm::StringRef run = data.slice(begin, end);
    if (*tensor.getString("dtype") == "F32")
      tensors.emplace(name.str(), HostTensor::floats(shape, elements<float>(run)));
    else if (*tensor.getString("dtype") == "I64")
      tensors.emplace(name.str(), HostTensor::ints(shape, elements<int64_t>(run)));
  }
  return tensors;
}

std::string modelsFolder() {
  const char *source = std::getenv("MIXSERVE_SOURCE_DIR");
  return std::string(source ? source : ".") + "/models";
}

} // namespace mixserve::test
