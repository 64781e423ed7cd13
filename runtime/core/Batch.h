//===- Batch.h - The batch descriptor of a step -----------------------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_CORE_BATCH_H
#define MIXSERVE_RUNTIME_CORE_BATCH_H

#include "core/Manifest.h"
#include "core/Wire.h"

#include <vector>

namespace mxs {

/// What node 0 tells every node at the start of a step: from it alone each rank knows all groups'
/// rows, the dispatch method and the chunk count.
struct Batch {
  int32_t variant = 0;
  int32_t chunks = 1;
  uint8_t wantLogits = 0;                ///< the host asked for logits, not only for tokens
  uint8_t wantRouting = 0;               ///< expert ids are recorded
  std::vector<mxs_sequence_t> sequences; ///< ascending group
  std::vector<int32_t> tokens;           ///< of all sequences, in their order
  std::vector<mxs_sampling_t> sampling;  ///< of every sequence; empty: all greedily
  std::vector<int32_t> prompts;          ///< length of every sequence's prompt; empty: none known

  /// Allocates for the artifact's largest step; later calls on this object allocate nothing.
  void reserve(const Manifest &manifest);
  /// Bytes of the largest descriptor that write() can make.
  static size_t largestBytes(const Manifest &manifest);

  /// Copies and checks what the host passed. variant and chunks are the caller's to fill. After a
  /// failure `out` is unspecified.
  /// MXS_INVALID_ARGUMENT: malformed; MXS_RESOURCE_EXHAUSTED: over the artifact's limits.
  static Status create(const mxs_batch_t &batch, const Manifest &manifest, Batch &out);

  void write(ByteWriter &out) const;
  /// Reads what write() wrote; the numbers are checked again, as far as ranks rely on them.
  static Status read(ByteReader &in, const Manifest &manifest, Batch &out);

  /// Rows of sequence `s` that get logits.
  static int64_t askedRows(const mxs_sequence_t &s);
  /// How the next token of sequence `index` is chosen.
  mxs_sampling_t samplingOf(size_t index) const {
    return sampling.empty() ? mxs_sampling_t{} : sampling[index];
  }
  /// Tokens of the prompt of sequence `index`, 0 if not known.
  int64_t promptOf(size_t index) const { return prompts.empty() ? 0 : prompts[index]; }
  int64_t totalTokens() const { return static_cast<int64_t>(tokens.size()); }

private:
  Status check(const Manifest &manifest);
  Status checkTokens(const Manifest &manifest) const;

  std::vector<uint8_t> taken; // scratch of check: [groups * slots]
};

} // namespace mxs

#endif // MIXSERVE_RUNTIME_CORE_BATCH_H
