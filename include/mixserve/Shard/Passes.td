//===- Passes.td - Shard: from the whole model to one rank --*- tablegen -*-===//
#ifndef MIXSERVE_SHARD_PASSES
#define MIXSERVE_SHARD_PASSES

include "mlir/Pass/PassBase.td"

def AssignShardings : Pass<"mixserve-assign-shardings", "::mlir::ModuleOp"> {
  let summary = "Gives every parameter its place on the mesh";
  let description = [{
    In: raised IR with `plan.mesh` and `plan.layout`. Out: `sharding` and `plan.chosen_by` on every
    nn.param that is used; no other op changes. What a parameter is for (query, expert, ...) is read from
    the ops that it flows into, never from its name. With attn_tp axes A, moe_tp axes T, moe_ep axes X:
    q is split over
    A by heads, k and v over the part of A that splits KV heads, o over A by its inputs, embed and lm_head
    over A by V, gate, up and down over X by experts and over T by F; norms and router are replicated.
    Experts may divide unevenly. Fails where the layout does not fit:
    - (S1) attn_tp divides the heads.
    - (S2) attn_tp divides, or is a multiple of, the KV heads, and copies of a head are neighbours on
      the mesh.
    - (S3) moe_tp divides F.
    - (S4) attn_tp divides V.
    - (S5) moe_ep is at most E.
    - (S6) attn_tp and moe_tp divide the ranks of a node, or are whole nodes that divide the mesh.
    - (S7) attn_tp * attn_dp is the number of ranks, and pp is 1.
    - (S8) every use of a parameter has a known role, and all uses want the same sharding.
  }];
  let dependentDialects = ["::mixserve::plan::PlanDialect"];
}

def Partition : Pass<"mixserve-partition", "::mlir::ModuleOp"> {
  let summary = "One local step function per dispatch method, with collectives";
  let description = [{
    In: `@step` on global types, parameters with shardings, `plan.table`. Out: for every method of the
    table a function `@step_<method>` (attribute `plan.method`) on local types whose activations carry
    their sharding; `@step` is gone. Results are sharded by each op's rule (ShardRuleInterface); where
    an operand lies otherwise than the rule can take, a collective is put before the op: a partial sum is
    reduced to owned rows, rows are gathered where their axes split the op's columns. Only `moe.experts` is
    rewritten by method. `hybrid_fused` has the form of `hybrid`; the phase fuse forms its fused ops.
    - (P1) an op's rule can take its operands after these collectives.
    - (P2) every op that makes or takes activations has a rule or is elementwise.
    - (P3) the method is legal: one rank has only `allgather`; hybrid needs MoE TP groups inside a node.
    - (P4) there is an `@step` whose one result is the logits of the asked rows, and a `plan.table`.
  }];
  let dependentDialects = ["::mixserve::coll::CollDialect", "::mixserve::moe::MoEDialect"];
}

def VerifySharded : Pass<"mixserve-verify-sharded", "::mlir::ModuleOp"> {
  let summary = "Fails on anything global that is left, and on missing collectives";
  let description = [{
    - (V1) no `moe.experts` and no function on global types is left.
    - (V2) every activation carries its sharding, and its rows lie as its row set says.
    - (V3) a partial sum is used only by collectives that add it.
    - (V4) the results of an op are sharded as its rule gives from its operands: a result that differs
      needs a collective before it.
    - (V5) every parameter that is used has a sharding, and its references have the local type.
    - (V6) a step returns the asked rows, summed.
  }];
}

def PrintShardings : Pass<"mixserve-print-shardings", "::mlir::ModuleOp"> {
  let summary = "Prints where every parameter and activation lies, who chose it, and what it costs";
  let description = [{
    In: IR of phase shard or fuse. Writes to stdout, one line per parameter and activation: type, local type,
    sharding, who chose it, the collectives it causes with their bytes (`plan.bytes`). Changes nothing.
  }];
}
#endif
