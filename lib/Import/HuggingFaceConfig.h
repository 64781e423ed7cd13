//===- HuggingFaceConfig.h - config.json of a Hugging Face folder -*- C++ -*-===//

#ifndef MIXSERVE_LIB_IMPORT_HUGGINGFACECONFIG_H
#define MIXSERVE_LIB_IMPORT_HUGGINGFACECONFIG_H

#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <optional>
#include <string>

namespace mixserve::import {

/// A decoder of the Qwen3-MoE family, every layer with routed experts.
struct Qwen3MoeConfig {
  int64_t vocab = 0, hidden = 0, layers = 0;         ///< V, H
  int64_t heads = 0, kvHeads = 0, headDim = 0;       ///< N, G, D
  int64_t experts = 0, expertsPerToken = 0, ffn = 0; ///< E, K, F
  int64_t trainedPositions = 0; ///< 0: not said; rotary embedding goes on beyond them
  double eps = 0, ropeTheta = 0;
  bool normalizeTopK = false, tiedEmbeddings = false;
  std::string dtype; ///< of the weights as safetensors names it: F32, BF16 or F16; empty: not said
};

/// Reads the text of config.json in the spelling of transformers 4 (rope_theta, rope_scaling,
/// torch_dtype, num_experts) or 5 (rope_parameters, dtype, num_local_experts). Every key is
/// honoured, known to change nothing that is computed, or refused: on nothing, `problem` names the
/// key, what it says, why that cannot be read and what to do.
std::optional<Qwen3MoeConfig> readQwen3MoeConfig(llvm::StringRef text, std::string &problem);

} // namespace mixserve::import

#endif // MIXSERVE_LIB_IMPORT_HUGGINGFACECONFIG_H
