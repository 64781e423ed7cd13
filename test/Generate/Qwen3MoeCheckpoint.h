//===- Qwen3MoeCheckpoint.h - random weights for a config.json ------------===//

#ifndef MIXSERVE_TEST_GENERATE_QWEN3MOECHECKPOINT_H
#define MIXSERVE_TEST_GENERATE_QWEN3MOECHECKPOINT_H

#include "test/Generate/CheckpointWriter.h"

#include <nlohmann/json.hpp>

namespace mixserve::generate {

struct CheckpointOptions {
  uint64_t seed = 1;
  std::string dtype = "F32"; ///< or "BF16"
  bool fusedExperts = false; ///< gate_up_proj and down_proj of a layer instead of a tensor each
};

/// The tensors of a checkpoint of the Qwen3-MoE family, with random weights of a size that keeps
/// activations near 1. Linears are normal, norms near 1.
///
/// Routing is clear-cut and even. The first E columns of the hidden state are a code that no layer
/// writes to: the embedding of a token has kCode in K of them, picked at random for each token, and
/// the router of layer l gives expert e the column of a random permutation of that layer. So the K
/// experts of a token lead the others by a wide gap, which roundings and the order of sums do not
/// close, every expert gets K/E of random tokens, and layers choose differently. The other columns
/// of the router are small: what a token attended to moves the routing weights, not the choice.
///
/// Throws std::invalid_argument, naming the key, if `config` is of another family, lacks a size or
/// has fewer than 2 E hidden columns.
std::vector<CheckpointTensor> qwen3MoeCheckpoint(const nlohmann::ordered_json &config,
                                                 const CheckpointOptions &options);

/// `config` as the text of a config.json that says `dtype`, under the name that it used before.
std::string configText(nlohmann::ordered_json config, const std::string &dtype);

} // namespace mixserve::generate

#endif // MIXSERVE_TEST_GENERATE_QWEN3MOECHECKPOINT_H
