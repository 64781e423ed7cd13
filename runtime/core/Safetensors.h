//===- Safetensors.h - Reads and writes safetensors files -------------------*- C++ -*-===//
//
// Format: u64 little-endian header length, JSON header {"name": {"dtype", "shape",
// "data_offsets": [begin, end]}, "__metadata__": {...}}, then the data section.
// Source: https://huggingface.co/docs/safetensors. The reader trusts nothing: every offset is
// checked against the file. It accepts gaps between tensors (ours are aligned), not overlaps.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_RUNTIME_CORE_SAFETENSORS_H
#define MIXSERVE_RUNTIME_CORE_SAFETENSORS_H

#include "core/Status.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace mxs {

struct TensorInfo {
  std::string dtype;          ///< "F32", "I64", ...
  std::vector<int64_t> shape; ///< outermost first; empty = one element
  uint64_t begin = 0;         ///< first byte, counted from the start of the file
  uint64_t bytes = 0;

  int64_t elements() const;
};

/// The tensors of a safetensors file that lies in memory. Does not own the memory.
class Safetensors {
public:
  /// MXS_BAD_ARTIFACT: truncated, header malformed, or a tensor outside the file.
  static Status parse(const uint8_t *data, size_t size, Safetensors &out);

  const std::map<std::string, TensorInfo> &tensors() const { return table; }
  /// nullptr if there is none of that name.
  const TensorInfo *find(const std::string &name) const;
  const uint8_t *bytes(const TensorInfo &tensor) const { return base + tensor.begin; }

  /// Copies a tensor of dtype T (float or int64_t). MXS_BAD_ARTIFACT: no such tensor, other dtype.
  Status read(const std::string &name, std::vector<float> &out, std::vector<int64_t> &shape) const;
  Status read(const std::string &name, std::vector<int64_t> &out,
              std::vector<int64_t> &shape) const;

private:
  template <class T>
  Status readAs(const char *dtype, const std::string &name, std::vector<T> &out,
                std::vector<int64_t> &shape) const;

  const uint8_t *base = nullptr;
  std::map<std::string, TensorInfo> table;
};

/// Collects tensors and writes them in ascending order of name.
class SafetensorsWriter {
public:
  void add(const std::string &name, std::vector<int64_t> shape, const std::vector<float> &values);
  void add(const std::string &name, std::vector<int64_t> shape, const std::vector<int64_t> &values);
  /// The whole file. The header is padded to 64 bytes, tensors follow without gaps.
  std::string bytes() const;
  /// Writes the file atomically.
  Status write(const std::string &path) const;

private:
  struct Entry {
    std::string dtype;
    std::vector<int64_t> shape;
    std::string data;
  };
  std::map<std::string, Entry> entries;
};

} // namespace mxs

#endif // MIXSERVE_RUNTIME_CORE_SAFETENSORS_H
