//===- Qwen3Moe.h - a Qwen3-MoE decoder of any size -----------------------===//

#ifndef MIXSERVE_TEST_GENERATE_QWEN3MOE_H
#define MIXSERVE_TEST_GENERATE_QWEN3MOE_H

#include "test/Generate/OnnxGraph.h"

namespace mixserve::generate {

/// The size of a decoder. Every layer has E experts.
struct Qwen3Moe {
  int64_t layers = 1;
  int64_t experts = 4; ///< E
  int64_t topK = 2;    ///< K
  int64_t hidden = 64; ///< H
  int64_t ffn = 48;    ///< F, of one expert
  int64_t heads = 4;
  int64_t kvHeads = 2;
  int64_t headDim = 16;
  int64_t vocab = 320;     ///< V
  int64_t positions = 512; ///< rows of the rotary tables
  double ropeTheta = 1e6;
  uint64_t seed = 1;

  /// Empty, or why no decoder has this size.
  std::string problem() const;
};

/// The decoder in the operator form that the mobius exporter writes: RMSNormalization,
/// RotaryEmbedding over tables, Attention with past and present, an additive mask, and every expert
/// on every token with the routing weight as a mask.
/// Embedding, linear and expert weights are `bulk`; norms and rotary tables are not, because a
/// compiler may look at their values.
OnnxGraph qwen3Moe(const Qwen3Moe &size);

} // namespace mixserve::generate

#endif // MIXSERVE_TEST_GENERATE_QWEN3MOE_H
