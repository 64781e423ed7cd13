//===- Safetensors.cpp ----------------------------------------------------------------------===//
#include "core/Safetensors.h"

#include "core/Json.h"
#include "core/MappedFile.h"

#include <algorithm>
#include <cassert>
#include <cstring>

using namespace mxs;

/// The format's own limit on the header.
static constexpr uint64_t kMaxHeader = 100'000'000;

/// Bytes of one element, 0 for a dtype that is not known.
static int64_t elementBytes(const std::string &dtype) {
  if (dtype == "F64" || dtype == "I64" || dtype == "U64")
    return 8;
  if (dtype == "F32" || dtype == "I32" || dtype == "U32")
    return 4;
  if (dtype == "F16" || dtype == "BF16" || dtype == "I16" || dtype == "U16")
    return 2;
  if (dtype == "I8" || dtype == "U8" || dtype == "BOOL" || dtype == "F8_E4M3" || dtype == "F8_E5M2")
    return 1;
  return 0;
}

int64_t TensorInfo::elements() const {
  int64_t product = 1;
  for (int64_t extent : shape)
    product *= extent;
  return product;
}

static Status parseTensor(const JsonObject &entry, uint64_t dataBegin, uint64_t dataSize,
                          TensorInfo &out) {
  std::vector<int64_t> offsets;
  MXS_TRY(entry.text("dtype", out.dtype));
  MXS_TRY(entry.integers("shape", 0, INT64_MAX, out.shape));
  MXS_TRY(entry.integers("data_offsets", 0, INT64_MAX, offsets));
  const int64_t itemBytes = elementBytes(out.dtype);
  if (itemBytes == 0)
    return badArtifact(entry.where() + " has unknown dtype '" + out.dtype + "'");
  if (offsets.size() != 2 || offsets[0] > offsets[1] || uint64_t(offsets[1]) > dataSize)
    return badArtifact(entry.where() + " has data_offsets outside the " + std::to_string(dataSize) +
                       " bytes of data: the file is truncated or damaged");
  int64_t expected = itemBytes;
  for (int64_t extent : out.shape)
    if (__builtin_mul_overflow(expected, extent, &expected))
      return badArtifact(entry.where() + " has a shape whose size overflows 64 bits");
  if (offsets[1] - offsets[0] != expected)
    return badArtifact(entry.where() + " has " + std::to_string(offsets[1] - offsets[0]) +
                       " bytes of data, its shape and dtype need " + std::to_string(expected));
  out.begin = dataBegin + uint64_t(offsets[0]);
  out.bytes = uint64_t(expected);
  return okStatus();
}

static Status checkNoOverlap(const std::map<std::string, TensorInfo> &table) {
  std::vector<const std::pair<const std::string, TensorInfo> *> order;
  for (const auto &entry : table)
    if (entry.second.bytes > 0)
      order.push_back(&entry);
  std::sort(order.begin(), order.end(),
            [](auto *a, auto *b) { return a->second.begin < b->second.begin; });
  for (size_t i = 1; i < order.size(); ++i)
    if (order[i - 1]->second.begin + order[i - 1]->second.bytes > order[i]->second.begin)
      return badArtifact("tensors '" + order[i - 1]->first + "' and '" + order[i]->first +
                         "' overlap");
  return okStatus();
}

Status Safetensors::parse(const uint8_t *data, size_t size, Safetensors &out) {
  uint64_t headerBytes = 0;
  if (size < sizeof headerBytes)
    return badArtifact("not a safetensors file: it has " + std::to_string(size) +
                       " bytes, the header length alone has 8");
  for (int i = 7; i >= 0; --i)
    headerBytes = headerBytes << 8 | data[i];
  if (headerBytes > kMaxHeader || headerBytes > size - 8)
    return badArtifact("not a safetensors file, or truncated: its header should have " +
                       std::to_string(headerBytes) + " bytes, " + std::to_string(size - 8) +
                       " are there");
  Json header;
  MXS_TRY_IN("safetensors header",
             parseJson(std::string(reinterpret_cast<const char *>(data) + 8, headerBytes), header));
  if (!header.is_object())
    return badArtifact("safetensors header must be an object");
  Safetensors parsed;
  parsed.base = data;
  for (const auto &[name, value] : header.items()) {
    if (name == "__metadata__")
      continue;
    JsonObject entry;
    MXS_TRY(JsonObject::create(value, "tensor '" + name + "'", entry));
    MXS_TRY(parseTensor(entry, 8 + headerBytes, size - 8 - headerBytes, parsed.table[name]));
  }
  MXS_TRY(checkNoOverlap(parsed.table));
  out = std::move(parsed);
  return okStatus();
}

const TensorInfo *Safetensors::find(const std::string &name) const {
  const auto found = table.find(name);
  return found == table.end() ? nullptr : &found->second;
}

template <class T>
Status Safetensors::readAs(const char *dtype, const std::string &name, std::vector<T> &out,
                           std::vector<int64_t> &shape) const {
  const TensorInfo *tensor = find(name);
  if (!tensor)
    return badArtifact("tensor '" + name + "' is missing");
  if (tensor->dtype != dtype)
    return badArtifact("tensor '" + name + "' must have dtype " + dtype + ", got " + tensor->dtype);
  out.resize(static_cast<size_t>(tensor->elements()));
  if (!out.empty()) // memcpy must not see a null pointer; the data may be unaligned
    std::memcpy(out.data(), bytes(*tensor), tensor->bytes);
  shape = tensor->shape;
  return okStatus();
}

Status Safetensors::read(const std::string &name, std::vector<float> &out,
                         std::vector<int64_t> &shape) const {
  return readAs("F32", name, out, shape);
}

Status Safetensors::read(const std::string &name, std::vector<int64_t> &out,
                         std::vector<int64_t> &shape) const {
  return readAs("I64", name, out, shape);
}

template <class T> static std::string rawBytes(const std::vector<T> &values) {
  return std::string(reinterpret_cast<const char *>(values.data()), values.size() * sizeof(T));
}

void SafetensorsWriter::add(const std::string &name, std::vector<int64_t> shape,
                            const std::vector<float> &values) {
  entries[name] = {"F32", std::move(shape), rawBytes(values)};
}

void SafetensorsWriter::add(const std::string &name, std::vector<int64_t> shape,
                            const std::vector<int64_t> &values) {
  entries[name] = {"I64", std::move(shape), rawBytes(values)};
}

std::string SafetensorsWriter::bytes() const {
  Json header = Json::object();
  uint64_t offset = 0;
  for (const auto &[name, entry] : entries) {
    header[name] = {{"dtype", entry.dtype},
                    {"shape", entry.shape},
                    {"data_offsets", {offset, offset + entry.data.size()}}};
    offset += entry.data.size();
  }
  std::string text = header.dump();
  text.append((64 - (8 + text.size()) % 64) % 64, ' ');
  std::string file;
  for (int i = 0; i < 8; ++i)
    file += static_cast<char>(uint64_t(text.size()) >> (8 * i) & 255);
  file += text;
  for (const auto &[name, entry] : entries)
    file += entry.data;
  return file;
}

Status SafetensorsWriter::write(const std::string &path) const {
  const std::string file = bytes();
  return writeFileAtomically(path, file.data(), file.size());
}
