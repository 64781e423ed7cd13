//===- ParamRoles.h - What a parameter is for, read from its uses -*- C++ -*-===//
#ifndef MIXSERVE_LIB_SHARD_PARAMROLES_H
#define MIXSERVE_LIB_SHARD_PARAMROLES_H

#include "dialects/moe/MoEDialect.h"
#include "dialects/nn/NNDialect.h"

namespace mixserve::shard {

enum class ParamRole {
  Embedding,       ///< [V,H] table of token rows
  Norm,            ///< weight of a norm
  Query,           ///< [heads*D,H], its result reaches attention as q
  LatentHeads,     ///< [heads*C,D] or [heads*U,C], of nn.latent_attention
  LatentRow,       ///< its result reaches latent attention whole: as what is cached, or on the way to queries
  KeyValue,        ///< [kv_heads*D,H], as k or v
  AttentionOutput, ///< [H,heads*D], reads attention's result
  Router,          ///< [E,H], its result is routed on
  LmHead,          ///< [V,H], its result is returned
  ExpertIn,        ///< gate or up, [E,F,H]
  ExpertDown       ///< [E,H,F]
};

struct ParamUse {
  ParamRole role;
  mlir::Operation *attention = nullptr; ///< of the roles that attention gives
};

/// What the parameter behind operand `use` is for. Fails without a diagnostic if the dataflow around
/// it is none of the above.
mlir::FailureOr<ParamUse> roleOf(mlir::OpOperand &use);

/// The attention that `value` reaches, alone through norms and rotary embedding, and the operand number
/// it arrives as; null if it reaches none.
std::pair<mlir::Operation *, unsigned> attentionReachedBy(mlir::Value value);

} // namespace mixserve::shard

#endif // MIXSERVE_LIB_SHARD_PARAMROLES_H
