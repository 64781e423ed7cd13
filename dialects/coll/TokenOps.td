//===- TokenOps.td - dispatch and combine ------------------*- tablegen -*-===//
#ifndef MIXSERVE_COLL_TOKEN_OPS
#define MIXSERVE_COLL_TOKEN_OPS

include "dialects/coll/CollDialect.td"

def Coll_DispatchOp : Coll_Op<"dispatch", []> {
  let summary = "Sends owned rows to where their experts are";
  let description = [{
    Rows [T',H] go with their K weights and ids. `flat_ep`: once per destination rank; `hier_ep`:
    once per destination node, forwarded inside it; `hybrid`: once per destination node, to the
    rank of the same device index (lane). Rows that did not arrive have ids -1. The route is
    remembered for the `combine` of the same layer. `hier_ep` works in the step's chunks
    (`plan.table`): rows that have come are forwarded while the network moves the next chunk.
    - (C1) method is flat_ep, hier_ep or hybrid.
    - (C2) inputs are owned rows; results are received rows (flat_ep, hier_ep) or lane rows
      (hybrid).
    - (C3) weights and ids are both [T',K]; results have the inputs' columns and element types.

    Example: `%r, %rw, %ri = coll.dispatch %x, %w, %i method hybrid over <{"node"}> site dispatch : ..., ..., ... -> ..., ..., ...`
  }];
  let arguments = (ins Coll_Rows:$input, Coll_Rows:$weights, Coll_Rows:$ids,
                       Plan_MethodAttr:$method, Plan_AxesAttr:$over, Coll_SiteAttr:$site);
  let results = (outs Coll_Rows:$rows, Coll_Rows:$row_weights, Coll_Rows:$row_ids);
  let assemblyFormat = [{
    $input `,` $weights `,` $ids `method` $method `over` $over `site` $site attr-dict `:` type($input) `,`
    type($weights) `,` type($ids) `->` type($rows) `,` type($row_weights) `,` type($row_ids)
  }];
  let hasVerifier = 1;
}

def Coll_CombineOp : Coll_Op<"combine", []> {
  let summary = "Brings partial rows home and adds them";
  let description = [{
    The reverse way of the layer's `dispatch`. Sums ascend over ranks (flat_ep), or over the ranks
    of a node and then over nodes (hier_ep, hybrid).
    - (C1) method is flat_ep, hier_ep or hybrid.
    - (C2) the input has received rows (flat_ep, hier_ep) or lane rows (hybrid); the result owned
      rows.
    - (C3) input and result agree in columns and element type.

    Example: `%y = coll.combine %p method hybrid over <{"node"}> site combine : ... -> ...`
  }];
  let arguments = (ins Coll_Rows:$input, Plan_MethodAttr:$method, Plan_AxesAttr:$over,
                       Coll_SiteAttr:$site);
  let results = (outs Coll_Rows:$result);
  let assemblyFormat = [{
    $input `method` $method `over` $over `site` $site attr-dict `:` type($input) `->` type($result)
  }];
  let hasVerifier = 1;
}
#endif
