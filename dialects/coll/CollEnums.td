//===- CollEnums.td - The dialect, and the sites of collectives -*- tablegen -*-===//
#ifndef MIXSERVE_COLL_ENUMS
#define MIXSERVE_COLL_ENUMS

include "mlir/IR/EnumAttr.td"

def Coll_Dialect : Dialect {
  let name = "coll";
  let cppNamespace = "::mixserve::coll";
  let summary = "Collectives over mesh axes, token dispatch and combine, and their fused forms";
  let description = [{
    Every rank runs the same ops in the same order. Types are local; row tensors carry their
    sharding (`#plan.sharding`, with a row set) as encoding. `over` names the mesh axes along which
    the taking-part ranks differ. `site` is what byte counters and traces attribute the op to.
    Collectives are not Pure: all ranks must take part, so none may be dropped on one of them.
  }];
  let useDefaultAttributePrinterParser = 1;
  let dependentDialects = ["::mixserve::plan::PlanDialect"];
}

// The numbers are those of mxs_site_t in mixserve_rt.h.
def Coll_Site : I32EnumAttr<"Site", "place of a collective in the model", [
    I32EnumAttrCase<"EmbedRs", 0, "embed_rs">, I32EnumAttrCase<"AttnAg", 1, "attn_ag">,
    I32EnumAttrCase<"AttnRs", 2, "attn_rs">, I32EnumAttrCase<"Dispatch", 3, "dispatch">,
    I32EnumAttrCase<"DispatchAg", 4, "dispatch_ag">, I32EnumAttrCase<"CombineRs", 5, "combine_rs">,
    I32EnumAttrCase<"Combine", 6, "combine">, I32EnumAttrCase<"LmHeadAg", 7, "lm_head_ag">]> {
  let cppNamespace = "::mixserve::coll";
  let genSpecializedAttr = 0;
}
def Coll_SiteAttr : EnumAttr<Coll_Dialect, Coll_Site, "site">;

#endif
