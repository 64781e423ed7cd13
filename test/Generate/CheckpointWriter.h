//===- CheckpointWriter.h - safetensors files of any size on disk ---------===//

#ifndef MIXSERVE_TEST_GENERATE_CHECKPOINTWRITER_H
#define MIXSERVE_TEST_GENERATE_CHECKPOINTWRITER_H

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace mixserve::generate {

/// A tensor whose bytes are computed when they are written.
struct CheckpointTensor {
  std::string name;
  std::string dtype;          ///< as safetensors names it: "F32", "BF16", "F16", ..
  std::vector<int64_t> shape; ///< outermost first
  /// Writes elements [first, first + count), row-major, to `out`. Called from several threads.
  std::function<void(uint64_t first, uint64_t count, char *out)> fill;

  uint64_t elements() const;
  uint64_t elementBytes() const;
};

/// How a checkpoint goes to disk.
struct CheckpointForm {
  int shards = 1;       ///< 1: model.safetensors; more: that many files and their index
  bool sparse = false;  ///< tensors are holes: zeros that take no disk
  unsigned threads = 0; ///< 0: as many as the machine has processors
};

/// Writes the tensors, in order of name, to `folder`, which must exist. The bytes depend on the
/// tensors and the number of shards alone. Throws std::runtime_error with the path and the system's
/// reason, or std::invalid_argument if there are fewer tensors than shards.
void writeCheckpoint(const std::string &folder, std::vector<CheckpointTensor> tensors,
                     const CheckpointForm &form = {});

} // namespace mixserve::generate

#endif // MIXSERVE_TEST_GENERATE_CHECKPOINTWRITER_H
