//===- MoEOps.td - route, experts, expert_ffn --------------*- tablegen -*-===//
#ifndef MIXSERVE_MOE_OPS
#define MIXSERVE_MOE_OPS

include "dialects/moe/MoEDialect.td"

def MoE_RouteOp : MoE_Op<"route", [Pure, Plan_RowWise, Plan_ShardRuleInterface]> {
  let summary = "Picks the K best experts of every row: [T,E] -> weights [T,K], ids [T,K]";
  let description = [{
    Pairs are in descending score, ties go to the lower id.
    - (C1) 1 <= top_k <= E, E static.
    - (C2) both results are [T, top_k].

    Example: `%w, %ids = moe.route %logits router <score = softmax, normalize = true, scale = 1.0 : f64> top_k 2 : tensor<?x8xf32> -> tensor<?x2xf32>, tensor<?x2xi32>`
  }];
  let arguments = (ins 2DTensorOf<[AnyFloat]>:$logits, MoE_RouterAttr:$router, I64Attr:$top_k);
  let results = (outs 2DTensorOf<[F32]>:$weights, 2DTensorOf<[I32]>:$ids);
  let assemblyFormat = [{
    $logits `router` $router `top_k` $top_k attr-dict `:` type($logits) `->` type($weights) `,` type($ids)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{ std::string getShardRule() { return "tE->tK,tK"; } }];
}

class MoE_ExpertOp<string mnemonic> : MoE_Op<mnemonic, [Pure, Plan_ShardRuleInterface]> {
  let arguments = (ins 2DTensorOf<[AnyFloat]>:$input, 2DTensorOf<[F32]>:$weights,
                       2DTensorOf<[I32]>:$ids, 3DTensorOf<[AnyFloat]>:$gate,
                       3DTensorOf<[AnyFloat]>:$up, 3DTensorOf<[AnyFloat]>:$down,
                       MoE_ActivationAttr:$activation);
  let results = (outs 2DTensorOf<[AnyFloat]>:$result);
  let assemblyFormat = [{
    $input `,` $weights `,` $ids `experts` `(` $gate `,` $up `,` $down `)` $activation attr-dict
    `:` type($input) `,` type($weights) `,` type($ids) `experts` `(` type($gate) `,` type($up) `,` type($down) `)` `->` type($result)
  }];
  let hasVerifier = 1;
}

def MoE_ExpertsOp : MoE_ExpertOp<"experts"> {
  let summary = "Weighted sum of the chosen experts: [T,H] -> [T,H]";
  let description = [{
    y_t = sum over k of weights[t,k] * down_e (silu(gate_e x_t) * up_e x_t) with e = ids[t,k]. All E
    experts are in the stacked weights: gate and up [E,F,H], down [E,H,F].
    - (C1) gate and up are [E,F,H], down is [E,H,F], H is the row width.
    - (C2) weights and ids are [T,K].
    - (C3) result is [T,H].

    Lifespan: made by raise, replaced by `moe.expert_ffn` and collectives in shard.

    Example: `%y = moe.experts %x, %w, %i experts(%g, %u, %d) swiglu : tensor<?x64xf32>, tensor<?x2xf32>, tensor<?x2xi32> experts(tensor<8x48x64xf32>, tensor<8x48x64xf32>, tensor<8x64x48xf32>) -> tensor<?x64xf32>`
  }];
  let extraClassDeclaration = [{ std::string getShardRule() { return "tH,tK,tK,efH,efH,eHf->tH"; } }];
}

def MoE_ExpertFfnOp : MoE_ExpertOp<"expert_ffn"> {
  let summary = "What this rank's experts add to the rows that reached it";
  let description = [{
    Like `moe.experts` over the experts and the slice of F that this rank holds: ids stay global, an
    id of another rank (or -1) adds nothing, the sum ascends over local expert ids. The result is a
    partial sum over the MoE axes.
    - (C1) gate and up are [E,F,H], down is [E,H,F], H is the row width; E is dynamic if uneven.
    - (C2) weights and ids are [T,K].
    - (C3) result is [T,H].

    Lifespan: made by shard, lowered by emit.

    Example: `%p = moe.expert_ffn %x, %w, %i experts(%g, %u, %d) swiglu : tensor<?x64xf32>, tensor<?x2xf32>, tensor<?x2xi32> experts(tensor<4x24x64xf32>, tensor<4x24x64xf32>, tensor<4x64x24xf32>) -> tensor<?x64xf32>`
  }];
  let extraClassDeclaration = [{ std::string getShardRule() { return "tH,tK,tK,efH,efH,eHf->tH"; } }];
}
#endif
