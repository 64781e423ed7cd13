//===- FusedOps.td - ag_dispatch and rs_combine ------------*- tablegen -*-===//
#ifndef MIXSERVE_COLL_FUSED_OPS
#define MIXSERVE_COLL_FUSED_OPS

include "dialects/coll/CollDialect.td"

def Coll_AgDispatchOp : Coll_Op<"ag_dispatch",
    [SingleBlock, RecursiveMemoryEffects]> {
  let summary =
      "[reduce_scatter ->] row-wise region -> lane dispatch -> all_gather, overlapped by chunks";
  let description = [{
    Chunk c's all_gather in the node runs while chunk c+1 crosses the network and chunk c+2 is being
    reduced. With `reduce_over` the first input is attention's partial sum; its region argument is
    the reduced owned rows. The other inputs are owned rows. The region computes rows from rows
    (residual, norm, router, top-k) and yields the row, its weights, its ids, and owned rows that
    later ops need. Results: received rows, weights, ids, then the kept owned rows. Inside the node
    the all_gather gives a row to the ranks that hold one of its experts; elsewhere its ids are -1.
    `chunks` are the counts that the plan's table asks for; the result does not depend on them.
    - (C1) with `reduce_over` the first input has group rows, partial over `reduce_over`; all other
      inputs have owned rows.
    - (C2) region arguments are owned rows with the inputs' columns, one per input.
    - (C3) every op of the region is row-wise, and every chunk count is at least 1.
    - (C4) the first three results are received rows with the yielded columns; further results have
      the types of the further yielded values.

    Lifespan: made by fuse only; lowered by emit.

    Example: see test/Dialect/Coll/ops.mlir.
  }];
  let arguments = (ins Variadic<Coll_Rows>:$inputs, OptionalAttr<Plan_AxesAttr>:$reduce_over,
                       Plan_AxesAttr:$lanes, Plan_AxesAttr:$gather, DenseI64ArrayAttr:$chunks);
  let results = (outs Variadic<Coll_Rows>:$outputs);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    `(` $inputs `)` (`reduce_over` $reduce_over^)? `lanes` $lanes `gather` $gather `chunks` $chunks
    attr-dict-with-keyword $body `:` functional-type($inputs, $outputs)
  }];
  let hasRegionVerifier = 1;
}

def Coll_YieldOp : Coll_Op<"yield",
    [Pure, Terminator, ParentOneOf<["AgDispatchOp", "RsCombineAgOp"]>]> {
  let summary = "What a fused region sends, and kept rows";
  let description = [{
    Sent are rows, weights and ids (ag_dispatch), or rows (rs_combine_ag).

    Example: `coll.yield %h, %w, %i, %x : ...`
  }];
  let arguments = (ins Variadic<Coll_Rows>:$values);
  let assemblyFormat = "($values^)? attr-dict (`:` type($values)^)?";
}

def Coll_RsCombineOp : Coll_Op<"rs_combine", []> {
  let summary = "reduce_scatter to the lane -> combine home, overlapped by chunks";
  let description = [{
    - (C1) the input has received rows, partial over `reduce_over`; the result has owned rows.
    - (C2) input and result agree in columns and element type, and every chunk count is at least 1.

    Lifespan: made by fuse only; lowered by emit.

    Example: `%y = coll.rs_combine %p reduce_over <{"device"}> lanes <{"node"}> chunks [1, 4] : ... -> ...`
  }];
  let arguments = (ins Coll_Rows:$input, Plan_AxesAttr:$reduce_over, Plan_AxesAttr:$lanes,
                       DenseI64ArrayAttr:$chunks);
  let results = (outs Coll_Rows:$result);
  let assemblyFormat = [{
    $input `reduce_over` $reduce_over `lanes` $lanes `chunks` $chunks attr-dict `:` type($input) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Coll_RsCombineAgOp : Coll_Op<"rs_combine_ag",
    [SingleBlock, RecursiveMemoryEffects]> {
  let summary =
      "rs_combine -> row-wise region -> all_gather in the attention group, overlapped by chunks";
  let description = [{
    What lies between a layer's experts and the next layer's attention. The first input is that of
    rs_combine; its region argument is the sums on owned rows. The other inputs are owned rows. The
    region yields the row that the attention group gathers, and owned rows that later ops need.
    Results: group rows, then the kept owned rows. The gather is the next layer's: its bytes count
    there.
    - (C1) the first input has received rows, partial over `reduce_over`; all others have owned
      rows.
    - (C2) region arguments are owned rows with the inputs' columns, one per input.
    - (C3) every op of the region is row-wise, and every chunk count is at least 1.
    - (C4) the first result has group rows with the yielded columns; further results have the types
      of the further yielded values.

    Lifespan: made by fuse only; lowered by emit.

    Example: see test/Dialect/Coll/ops.mlir.
  }];
  let arguments = (ins Variadic<Coll_Rows>:$inputs, Plan_AxesAttr:$reduce_over,
                       Plan_AxesAttr:$lanes, Plan_AxesAttr:$gather, DenseI64ArrayAttr:$chunks);
  let results = (outs Variadic<Coll_Rows>:$outputs);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    `(` $inputs `)` `reduce_over` $reduce_over `lanes` $lanes `gather` $gather `chunks` $chunks
    attr-dict-with-keyword $body `:` functional-type($inputs, $outputs)
  }];
  let hasRegionVerifier = 1;
}
#endif
