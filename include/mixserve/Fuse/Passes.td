//===- Passes.td - Fuse: neighbouring collectives become one --*- tablegen -*-===//
#ifndef MIXSERVE_FUSE_PASSES
#define MIXSERVE_FUSE_PASSES

include "mlir/Pass/PassBase.td"

def FuseAgDispatch : Pass<"mixserve-fuse-ag-dispatch", "::mlir::ModuleOp"> {
  let summary = "[reduce_scatter ->] row-wise ops -> dispatch -> all_gather becomes coll.ag_dispatch";
  let description = [{
    In: IR of phase shard. Only functions whose `plan.method` is `hybrid_fused` change. The region takes the
    layer's row-wise ops before the dispatch: residual, norm, router, top-k; of linears only the router's, so
    that every other GEMM runs once for the whole batch. Owned rows that later ops need are kept as further
    results. `chunks` are the counts of the table's `hybrid_fused` entries, ascending. Remarks what was fused
    and what was not in category `fuse`:
    - (F1) the dispatched rows, weights and ids go to one all_gather and nowhere else.
    - (F2) the dispatch goes to lanes (method hybrid).
    - (F3) the attention group lies inside a node; otherwise its reduce_scatter stays outside and the rest is
      fused without it.
    - (F4) owned rows that the region computes are not used by other ops before they have been dispatched.
    - (F5) row-wise ops compute what is dispatched from owned rows.
    - (F6) the plan's table has an entry for hybrid_fused, which says in how many chunks.
  }];
  let dependentDialects = ["::mixserve::coll::CollDialect"];
}

def FuseRsCombine : Pass<"mixserve-fuse-rs-combine", "::mlir::ModuleOp"> {
  let summary = "reduce_scatter to lanes -> combine becomes coll.rs_combine";
  let description = [{
    In: IR of phase shard. Only functions whose `plan.method` is `hybrid_fused` change. Remarks in category
    `fuse`; (F2) and (F6) are those of mixserve-fuse-ag-dispatch:
    - (F7) the combine's rows come from a reduce_scatter to lane rows.
    - (F8) the node sums go to the combine and nowhere else.
  }];
  let dependentDialects = ["::mixserve::coll::CollDialect"];
}

def FuseRsCombineAg : Pass<"mixserve-fuse-rs-combine-ag", "::mlir::ModuleOp"> {
  let summary = "rs_combine -> row-wise ops -> all_gather of the next attention becomes coll.rs_combine_ag";
  let description = [{
    In: the result of mixserve-fuse-rs-combine. Only functions whose `plan.method` is `hybrid_fused` change.
    Between a layer's experts and the next attention stand residual and norm; they go into the region, so that
    chunks are gathered while later ones cross the network. Owned rows that later ops need are kept. A gather
    whose rows do not come from a combine (the first layer's) stays. Remarks in category `fuse`:
    - (F9) the attention group lies inside a node.
    - (F10) the gather is that of the layer after the combine's.
    - (F11) the combined rows go into the region and nowhere else.
    - (F12) the region reads owned rows.
    - (F13) rows of the region are not used by other ops before they are gathered.
  }];
  let dependentDialects = ["::mixserve::coll::CollDialect"];
}

def VerifyFused : Pass<"mixserve-verify-fused", "::mlir::ModuleOp"> {
  let summary = "Fails if the plan asked for fused collectives and they were not formed";
  let description = [{
    - (V1) where the method is `hybrid_fused`, no layer's dispatch is left unfused.
    - (V2) where the method is `hybrid_fused`, no layer's combine is left unfused.
    - (V3) fused ops are in functions of that method only.
    - (V4) a table with `hybrid_fused` has a function for it.
  }];
}
#endif
