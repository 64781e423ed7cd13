//===- SafetensorsHeader.cpp - where the tensors of a file lie --------------===//

#include "SafetensorsHeader.h"
#include "JsonText.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/MathExtras.h"

#include <stdexcept>

using nlohmann::json;

namespace mixserve::import {

namespace {

/// The format's own limit on the header.
constexpr uint64_t kMaxHeader = 100'000'000;
constexpr uint64_t kLengthBytes = 8;

struct Refused : std::runtime_error {
  explicit Refused(const llvm::Twine &why) : std::runtime_error(why.str()) {}
};

int64_t elementBytes(llvm::StringRef dtype) {
  return llvm::StringSwitch<int64_t>(dtype)
      .Cases({"F64", "I64", "U64", "C64"}, 8)
      .Cases({"F32", "I32", "U32"}, 4)
      .Cases({"F16", "BF16", "I16", "U16"}, 2)
      .Cases({"I8", "U8", "BOOL", "F8_E4M3", "F8_E5M2", "F8_E8M0"}, 1)
      .Default(0);
}

int64_t sizeOf(const json &value, const llvm::Twine &what) {
  if (!value.is_number_unsigned() || value.get<uint64_t>() > uint64_t(INT64_MAX))
    throw Refused(what + " must be a whole number below 2^63, got " + value.dump());
  return value.get<int64_t>();
}

const json &member(const json &entry, const char *key, const llvm::Twine &what) {
  auto found = entry.is_object() ? entry.find(key) : entry.end();
  if (!entry.is_object() || found == entry.end())
    throw Refused(what + " has no '" + key + "'");
  return *found;
}

StoredTensor readEntry(const json &entry, const std::string &what, int64_t dataBegin,
                       int64_t dataBytes) {
  StoredTensor tensor;
  const json &dtype = member(entry, "dtype", what), &shape = member(entry, "shape", what),
             &offsets = member(entry, "data_offsets", what);
  tensor.dtype = dtype.is_string() ? dtype.get<std::string>() : dtype.dump();
  int64_t expected = elementBytes(tensor.dtype);
  if (expected == 0)
    throw Refused(what + " has unknown dtype '" + tensor.dtype + "'");
  if (!shape.is_array() || !offsets.is_array() || offsets.size() != 2)
    throw Refused(what + " must have a list as shape and two numbers as data_offsets");
  for (const json &size : shape) {
    tensor.shape.push_back(sizeOf(size, what + ": a size of its shape"));
    if (llvm::MulOverflow(expected, tensor.shape.back(), expected))
      throw Refused(what + " has a shape whose bytes overflow 64 bits");
  }
  const int64_t begin = sizeOf(offsets[0], what + ": data_offsets"),
                end = sizeOf(offsets[1], what + ": data_offsets");
  if (begin > end || end > dataBytes)
    throw Refused(what + " lies at bytes " + llvm::Twine(begin) + " to " + llvm::Twine(end) +
                  " of the data, of which there are " + llvm::Twine(dataBytes));
  if (end - begin != expected)
    throw Refused(what + " has " + llvm::Twine(end - begin) +
                  " bytes of data, its shape and dtype need " + llvm::Twine(expected));
  tensor.offset = dataBegin + begin;
  tensor.bytes = expected;
  return tensor;
}

/// The tensors must follow one another from the first byte of the data to the last.
void checkTiling(const StoredTensors &tensors, int64_t dataBegin, int64_t fileBytes) {
  std::vector<const StoredTensors::value_type *> order;
  for (const auto &entry : tensors)
    if (entry.second.bytes > 0)
      order.push_back(&entry);
  llvm::sort(order, [](auto *a, auto *b) { return a->second.offset < b->second.offset; });
  int64_t end = dataBegin;
  const std::string *before = nullptr;
  for (const auto *entry : order) {
    if (entry->second.offset < end)
      throw Refused("tensors '" + *before + "' and '" + entry->first + "' overlap");
    if (entry->second.offset > end)
      throw Refused("bytes " + llvm::Twine(end) + " to " + llvm::Twine(entry->second.offset) +
                    " belong to no tensor");
    end = entry->second.offset + entry->second.bytes;
    before = &entry->first;
  }
  if (end != fileBytes)
    throw Refused("bytes " + llvm::Twine(end) + " to " + llvm::Twine(fileBytes) +
                  " belong to no tensor");
}

StoredTensors readHeader(ExternalFiles &files, llvm::StringRef location, uint64_t fileBytes) {
  std::string text;
  if (fileBytes < kLengthBytes || !files.read(location, 0, kLengthBytes, text))
    throw Refused("is no safetensors file: it has " + llvm::Twine(fileBytes) +
                  " bytes, the length of the header alone has 8");
  const uint64_t header = llvm::support::endian::read64le(text.data());
  if (header > kMaxHeader || header > fileBytes - kLengthBytes)
    throw Refused("is no safetensors file, or is truncated: its header should have " +
                  llvm::Twine(header) + " bytes, " + llvm::Twine(fileBytes - kLengthBytes) +
                  " are there and at most " + llvm::Twine(kMaxHeader) + " are read");
  if (!files.read(location, kLengthBytes, header, text))
    throw Refused("cannot be read");
  std::string problem;
  const std::optional<json> object = parseJsonObject(text, problem);
  if (!object)
    throw Refused("has a damaged header, which " + problem);
  const int64_t dataBegin = kLengthBytes + header;
  StoredTensors tensors;
  for (const auto &[name, entry] : object->items())
    if (name != "__metadata__") {
      StoredTensor &tensor = tensors[name];
      tensor = readEntry(entry, "tensor '" + name + "'", dataBegin, fileBytes - dataBegin);
      tensor.file = location.str();
    }
  checkTiling(tensors, dataBegin, fileBytes);
  return tensors;
}

} // namespace

std::optional<StoredTensors> readSafetensorsHeader(ExternalFiles &files, llvm::StringRef location,
                                                   std::string &problem) {
  const ExternalFiles::File &file = files.look(location);
  if (!file.problem.empty()) {
    problem = file.problem;
    return std::nullopt;
  }
  try {
    return readHeader(files, location, file.size);
  } catch (const Refused &refused) {
    problem = ("weight file '" + location + "' " + refused.what() +
               "; it is damaged or not complete: copy it again")
                  .str();
    return std::nullopt;
  }
}

} // namespace mixserve::import
