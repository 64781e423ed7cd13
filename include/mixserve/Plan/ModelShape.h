//===- ModelShape.h - The sizes of a model that cost depends on --*- C++ -*-===//
#ifndef MIXSERVE_PLAN_MODELSHAPE_H
#define MIXSERVE_PLAN_MODELSHAPE_H

#include "mixserve/Plan/Mesh.h"
#include "mixserve/Plan/WeightTypes.h"

#include <cstdint>
#include <optional>
#include <string>

namespace mixserve::planner {

/// A decoder with one MoE block per layer, and grouped-query attention or (MLA) latent attention whose
/// queries are one linear of the layer's rows.
struct ModelShape {
  int64_t vocab = 0;         ///< V
  int64_t hidden = 0;        ///< H
  int64_t layers = 0;        ///< decoder layers, all of them with an MoE block
  int64_t heads = 0;         ///< query heads
  int64_t kvHeads = 0;       ///< key/value heads
  int64_t headDim = 0;       ///< D; latent: of a query without position
  int64_t latentDim = 0;     ///< latent attention's compressed row, then kv_heads = 1; 0 = none
  int64_t ropeDim = 0;       ///< its rotated keys, and part of each query
  int64_t valueDim = 0;      ///< of one of its heads' results
  int64_t experts = 0;       ///< E
  int64_t topK = 0;          ///< K
  int64_t ffn = 0;           ///< F of one expert
  int64_t trainedPositions = 0; ///< positions that it was trained on; 0: it does not say
  bool qkNorm = false;       ///< each layer also has q_norm and k_norm of length D
  int64_t dtypeBytes = 4;    ///< [byte] of a cache entry
  std::string dtype = "f32"; ///< that GEMMs work in: name in the cluster file's device.flops
  WeightType weights;        ///< of attention's matrices and lm_head; the router's is f32
  WeightType expertWeights;
  WeightType tableWeights;   ///< of the embedding table
  WireType wire = WireType::F32; ///< of rows between nodes: bf16 in a bf16 model, unless an option
                                 ///< says otherwise

  void choose(const WeightChoice &choice);

  bool isLatent() const { return latentDim > 0; }
  /// Numbers of a head's result.
  int64_t resultDim() const { return isLatent() ? valueDim : headDim; }

  /// Numbers that one rank caches of a position in a layer. Latent rows are whole on every rank.
  int64_t cacheWidth(int64_t attnTp) const {
    return isLatent() ? latentDim + ropeDim : 2 * localKvHeads(attnTp) * headDim;
  }

  /// KV heads that one rank of an attention group holds; one, replicated, when attn_tp exceeds
  /// them.
  int64_t localKvHeads(int64_t attnTp) const { return attnTp >= kvHeads ? 1 : kvHeads / attnTp; }
};

/// Reads a shape file (YAML, schema mixserve.model/v1, models/README.md): planning for a
/// model that is not at hand. On failure: nothing, and `error` = "file:line: key: what, and what to
/// do".
std::optional<ModelShape> parseModelShape(const std::string &text, const std::string &path,
                                          std::string &error);

std::optional<ModelShape> readModelShape(const std::string &path, std::string &error);

} // namespace mixserve::planner

#endif // MIXSERVE_PLAN_MODELSHAPE_H
