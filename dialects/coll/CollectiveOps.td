//===- CollectiveOps.td - all_reduce .. slice --------------*- tablegen -*-===//
#ifndef MIXSERVE_COLL_COLLECTIVE_OPS
#define MIXSERVE_COLL_COLLECTIVE_OPS

include "dialects/coll/CollDialect.td"

def Coll_AllReduceOp : Coll_Op<"all_reduce", []> {
  let summary = "Sum over ranks, on all of them: [T,H] -> [T,H]";
  let description = [{
    T rows that all ranks of the group hold as partial sums.
    - (C1) the input is partial over exactly `over`.
    - (C2) the result has the input's shape, rows and splits, and is not partial over `over`.

    Lifespan: reduce_scatter + all_gather folds to it; emit lowers it.

    Example: `%y = coll.all_reduce %x over <{"device"}> site attn_rs : tensor<?x64xf32, #plan.sharding<[{}, {} ], rows = group, partial = {"device"}>> -> tensor<?x64xf32, #plan.sharding<[{}, {} ], rows = group>>`
  }];
  let arguments = (ins Coll_Rows:$input, Plan_AxesAttr:$over, Coll_SiteAttr:$site);
  let results = (outs Coll_Rows:$result);
  let assemblyFormat =
      "$input `over` $over `site` $site attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

def Coll_ReduceScatterOp : Coll_Op<"reduce_scatter", []> {
  let summary = "Sum over ranks, each keeping its rows: [T,H] -> [T',H]";
  let description = [{
    Sums ascend over devices, then over nodes, so results do not depend on arrival.
    - (C1) the input is partial over all of `over`.
    - (C2) rows go group -> owned, received -> owned, or received -> lane.
    - (C3) input and result agree in columns and element type, and the result is not partial over
      `over`.

    Example: `%y = coll.reduce_scatter %x over <{"device"}> site attn_rs : tensor<?x64xf32, #plan.sharding<[{"node"}, {} ], rows = group, partial = {"device"}>> -> tensor<?x64xf32, #plan.sharding<[{"node", "device"}, {} ], rows = owned>>`
  }];
  let arguments = (ins Coll_Rows:$input, Plan_AxesAttr:$over, Coll_SiteAttr:$site);
  let results = (outs Coll_Rows:$result);
  let assemblyFormat =
      "$input `over` $over `site` $site attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

def Coll_AllGatherOp : Coll_Op<"all_gather", []> {
  let summary = "Every rank's rows, on all of them: [T',H] -> [T,H]";
  let description = [{
    With three inputs (rows [T',H], weights [T',K], ids [T',K]) rows travel with their routing; from
    lane rows only those that were dispatched move, and ids of all others become -1.
    - (C1) rows go owned -> group, asked_owned -> asked, owned -> received, or lane -> received.
    - (C2) there are 1 or 3 inputs, as many results, of the same columns and element types.
    - (C3) no input is partial.

    Example: `%y = coll.all_gather %x over <{"device"}> site attn_ag : tensor<?x64xf32, #plan.sharding<[{"node", "device"}, {} ], rows = owned>> -> tensor<?x64xf32, #plan.sharding<[{"node"}, {} ], rows = group>>`
  }];
  let arguments = (ins Variadic<Coll_Rows>:$inputs, Plan_AxesAttr:$over, Coll_SiteAttr:$site);
  let results = (outs Variadic<Coll_Rows>:$outputs);
  let assemblyFormat =
      "$inputs `over` $over `site` $site attr-dict `:` type($inputs) `->` type($outputs)";
  let hasVerifier = 1;
  let hasCanonicalizer = 1;
}

def Coll_SliceOp : Coll_Op<"slice", [Pure]> {
  let summary = "This rank's owned rows of what the whole group holds: [T,H] -> [T',H]";
  let description = [{
    Moves nothing. slice(all_reduce(x)) is reduce_scatter(x).
    - (C1) rows go group -> owned.
    - (C2) input and result agree in columns and element type, and the input is not partial.

    Example: `%y = coll.slice %x over <{"device"}> : tensor<?x64xf32, #plan.sharding<[{"node"}, {} ], rows = group>> -> tensor<?x64xf32, #plan.sharding<[{"node", "device"}, {} ], rows = owned>>`
  }];
  let arguments = (ins Coll_Rows:$input, Plan_AxesAttr:$over);
  let results = (outs Coll_Rows:$result);
  let assemblyFormat = "$input `over` $over attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
  let hasCanonicalizer = 1;
}
#endif
