//===- PlanAttrs.td - Mesh, sharding, layout, table, cost --*- tablegen -*-===//
#ifndef MIXSERVE_PLAN_ATTRS
#define MIXSERVE_PLAN_ATTRS

include "dialects/plan/PlanDialect.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"

//===----------------------------------------------------------------------===//
// Enums. The numbers of RowSet are those of mxs_row_set_t in mixserve_rt.h.
//===----------------------------------------------------------------------===//

def Plan_RowSet : I32EnumAttr<"RowSet", "which token rows a rank holds", [
    I32EnumAttrCase<"Owned", 0, "owned">,
    I32EnumAttrCase<"Group", 1, "group">,
    I32EnumAttrCase<"Lane", 2, "lane">,
    I32EnumAttrCase<"Received", 3, "received">,
    I32EnumAttrCase<"AskedOwned", 4, "asked_owned">,
    I32EnumAttrCase<"Asked", 5, "asked">,
    I32EnumAttrCase<"None", 6, "none">]> {
  let cppNamespace = "::mixserve::plan";
  let genSpecializedAttr = 0;
}

// The command-line spelling of a method has '-' for '_' (methodOption, parseMethodOption).
def Plan_Method : I32EnumAttr<"Method", "how rows reach their experts and come home", [
    I32EnumAttrCase<"AllGather", 0, "allgather">,
    I32EnumAttrCase<"FlatEP", 1, "flat_ep">,
    I32EnumAttrCase<"HierEP", 2, "hier_ep">,
    I32EnumAttrCase<"Hybrid", 3, "hybrid">,
    I32EnumAttrCase<"HybridFused", 4, "hybrid_fused">]> {
  let cppNamespace = "::mixserve::plan";
  let genSpecializedAttr = 0;
}

// The numbers are those of WireType in runtime/comm/WireType.h.
def Plan_WireType : I32EnumAttr<"WireType", "what elements of rows are between nodes", [
    I32EnumAttrCase<"F32", 0, "f32">,
    I32EnumAttrCase<"BF16", 1, "bf16">]> {
  let cppNamespace = "::mixserve::plan";
  let genSpecializedAttr = 0;
}

class Plan_Attr<string name, string attrMnemonic> : AttrDef<Plan_Dialect, name> {
  let mnemonic = attrMnemonic;
}

def Plan_MethodAttr : EnumAttr<Plan_Dialect, Plan_Method, "method"> {
  let assemblyFormat = "`<` $value `>`";
}

def Plan_WireAttr : EnumAttr<Plan_Dialect, Plan_WireType, "wire"> {
  let assemblyFormat = "`<` $value `>`";
}

//===----------------------------------------------------------------------===//
// Mesh and shardings
//===----------------------------------------------------------------------===//

def Plan_MeshAttr : Plan_Attr<"Mesh", "mesh"> {
  let summary = "Named axes of ranks, outer to inner";
  let description = [{
    Rank numbers are row-major over the axes: on `["node"=2, "device"=4]` rank = node * 4 + device.
    - (C1) axis names are distinct and not empty.
    - (C2) every size is at least 1.

    Example: `#plan.mesh<["node"=2, "device"=4]>`
  }];
  let parameters = (ins ArrayRefParameter<"::mlir::StringAttr">:$names,
                        ArrayRefParameter<"int64_t">:$sizes);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    int64_t getNumRanks() const;
    /// Size of the axis `name`, 0 if there is none.
    int64_t getAxisSize(::llvm::StringRef name) const;
  }];
}

def Plan_AxisRefAttr : Plan_Attr<"AxisRef", "axis"> {
  let summary = "A mesh axis, or an ordered part of one";
  let description = [{
    `"device"` is the whole axis. `"device":(2)4` is the sub-axis of size 4 that has 2 above it: an
    axis of size 8 then is ("device":(1)2, "device":(2)4), major first (the notation of Shardy).
    `pre` = 0 and `size` = 0 stand for the whole axis.
    - (C1) a sub-axis has pre >= 1 and size >= 2.

    Example: `#plan.axis<"device":(2)4>`
  }];
  let parameters = (ins "::mlir::StringAttr":$name, "int64_t":$pre, "int64_t":$size);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    bool isWhole() const { return getSize() == 0; }
  }];
}

def Plan_AxesAttr : Plan_Attr<"Axes", "axes"> {
  let summary = "Ordered axes, major first";
  let description = [{
    - (C1) no axis (or part of it) appears twice.

    Example: `#plan.axes<{"node", "device":(1)2}>`
  }];
  let parameters = (ins OptionalArrayRefParameter<"::mixserve::plan::AxisRefAttr">:$axes);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    bool empty() const { return getAxes().empty(); }
    /// Number of ranks that differ along these axes. Axes must exist in `mesh`.
    int64_t getNumRanks(MeshAttr mesh) const;
    /// Coordinate of `rank` along these axes, in [0, getNumRanks(mesh)).
    int64_t getCoordinate(MeshAttr mesh, int64_t rank) const;
  }];
}

def Plan_ShardingAttr : Plan_Attr<"Sharding", "sharding"> {
  let summary = "How a tensor lies over the mesh: axes per dimension, and a kept partial sum";
  let description = [{
    Dimension i is split over `dims[i]` (ordered, major first); axes that appear nowhere replicate.
    `partial` names the axes over which the values are summands that nobody has added yet: keeping
    that state lets an all-reduce be delayed, merged, or paired with an all-to-all.
    `rows` says which token rows a rank holds in dimension 0 of an activation; activations carry the
    sharding as the encoding of their (local) tensor type.
    - (C1) no axis appears twice, neither in two dimensions nor in a dimension and `partial`.

    Example: `tensor<?x64xf32, #plan.sharding<[{"node"}, {} ], rows = group, partial = {"device"}>>`
  }];
  let parameters = (ins ArrayRefParameter<"::mixserve::plan::AxesAttr">:$dims,
                        "::mixserve::plan::AxesAttr":$partial,
                        "::mixserve::plan::RowSet":$rows);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// True if no dimension is split and nothing is partial.
    bool isReplicated() const;
    /// The sharding of a value's type, or null.
    static ShardingAttr of(::mlir::Type type);
    static ShardingAttr of(::mlir::Value value) { return of(value.getType()); }
  }];
}

//===----------------------------------------------------------------------===//
// Hardware and workload: what a plan was made for
//===----------------------------------------------------------------------===//

def Plan_LevelAttr : Plan_Attr<"Level", "level"> {
  let summary = "One level of the cluster and the link between its members";
  let description = [{
    `bw_gb_s` [GB/s = 1e9 byte/s, one direction], `latency_ns` [ns], per device unless `per_node`.

    Example: `#plan.level<"node", count = 2, bw_gb_s = 5.000000e+01 : f64, latency_ns = 5.000000e+03 : f64, per_node = false>`
  }];
  let parameters = (ins StringRefParameter<>:$name, "int64_t":$count, "::mlir::FloatAttr":$bw_gb_s,
                        "::mlir::FloatAttr":$latency_ns, "bool":$per_node);
  let assemblyFormat = [{
    `<` $name `,` `count` `=` $count `,` `bw_gb_s` `=` $bw_gb_s `,` `latency_ns` `=` $latency_ns
    `,` `per_node` `=` $per_node `>`
  }];
}

def Plan_HardwareAttr : Plan_Attr<"Hardware", "hardware"> {
  let summary = "The cluster: levels outer to inner, and one device";
  let description = [{
    `memory` [byte], `memory_bw_gb_s` [GB/s], `flops` [FLOP/s] of one device. `source` is the file.

    Example: `#plan.hardware<[#plan.level<..>, #plan.level<..>], memory = 85899345920, memory_bw_gb_s = 3.35e3 : f64, flops = 9.89e14 : f64, source = "2x2.yaml">`
  }];
  let parameters = (ins ArrayRefParameter<"::mixserve::plan::LevelAttr">:$levels, "int64_t":$memory,
                        "::mlir::FloatAttr":$memory_bw_gb_s, "::mlir::FloatAttr":$flops, StringRefParameter<>:$source);
  let assemblyFormat = [{
    `<` `[` $levels `]` `,` `memory` `=` $memory `,` `memory_bw_gb_s` `=` $memory_bw_gb_s `,`
    `flops` `=` $flops `,` `source` `=` $source `>`
  }];
}

def Plan_WorkloadAttr : Plan_Attr<"Workload", "workload"> {
  let summary = "The load to be served";
  let description = [{
    `prompt` and `output` [tokens per request], `concurrency` [requests at once], `rate` [requests/s,
    0 = as fast as they complete].

    Example: `#plan.workload<prompt = 1024, output = 256, concurrency = 16, rate = 0.000000e+00 : f64>`
  }];
  let parameters = (ins "int64_t":$prompt, "int64_t":$output, "int64_t":$concurrency, "::mlir::FloatAttr":$rate);
  let assemblyFormat = "`<` struct(params) `>`";
}

def Plan_LimitsAttr : Plan_Attr<"Limits", "limits"> {
  let summary = "Bounds that buffers and cache are sized for";
  let description = [{
    `max_batch_tokens` T of a step, `max_seqs` cache slots per attention group, `max_context`
    positions per slot.

    Example: `#plan.limits<max_batch_tokens = 256, max_seqs = 16, max_context = 512>`
  }];
  let parameters = (ins "int64_t":$max_batch_tokens, "int64_t":$max_seqs, "int64_t":$max_context);
  let assemblyFormat = "`<` struct(params) `>`";
}

//===----------------------------------------------------------------------===//
// The choice
//===----------------------------------------------------------------------===//

def Plan_LayoutAttr : Plan_Attr<"Layout", "layout"> {
  let summary = "Degrees of parallelism of attention and MoE layers";
  let description = [{
    - (C1) every degree is at least 1.
    - (C2) attn_tp * attn_dp = moe_tp * moe_ep.

    Example: `#plan.layout<attn_tp = 2, attn_dp = 2, moe_tp = 2, moe_ep = 2, pp = 1>`
  }];
  let parameters = (ins "int64_t":$attn_tp, "int64_t":$attn_dp, "int64_t":$moe_tp, "int64_t":$moe_ep,
                        "int64_t":$pp);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

def Plan_EntryAttr : Plan_Attr<"Entry", "entry"> {
  let summary = "Method and chunk count for steps of up to `max_tokens` tokens";
  let description = [{
    With `micro_batches` = 2, steps that have prompts to cut run in halves, each by the entry of its own
    tokens: one half computes while the other one's rows move.
    - (C1) max_tokens and chunks are at least 1.
    - (C2) micro_batches is 1 or 2.

    Example: `#plan.entry<max_tokens = 64, method = hybrid_fused, chunks = 4>`
  }];
  let parameters = (ins "int64_t":$max_tokens, "::mixserve::plan::Method":$method, "int64_t":$chunks,
                        DefaultValuedParameter<"int64_t", "1">:$micro_batches);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

def Plan_CostAttr : Plan_Attr<"Cost", "cost"> {
  let summary = "Predicted serving figures of the chosen plan, and where the numbers come from";
  let description = [{
    `ttft_us` time to first token [us], `itl_us` inter-token latency [us], `tokens_per_s` output
    throughput of the cluster. `source` is formula, calibrated or measured.

    Example: `#plan.cost<ttft_us = 1.2e+03 : f64, itl_us = 5.0e+01 : f64, tokens_per_s = 3.2e+05 : f64, source = "formula">`
  }];
  let parameters = (ins "::mlir::FloatAttr":$ttft_us, "::mlir::FloatAttr":$itl_us, "::mlir::FloatAttr":$tokens_per_s,
                        StringRefParameter<>:$source);
  let assemblyFormat = "`<` struct(params) `>`";
}

def Plan_TimesAttr : Plan_Attr<"Times", "times"> {
  let summary = "Predicted time of a step's collectives, by kind, all layers together [ns]";
  let description = [{
    Of steps of `tokens` tokens, with the method and chunks that the plan's table gives them. A fused op covers
    several sites; what is 0 is not there, or hidden in a fused op.

    - (C1) tokens and chunks are at least 1, times at least 0.

    Example: `#plan.times<tokens = 64, method = hybrid_fused, chunks = 4, embed_rs = 9000, ag_dispatch = 410000, rs_combine = 390000>`
  }];
  let parameters = (ins
    "int64_t":$tokens, "::mixserve::plan::Method":$method, "int64_t":$chunks,
    DefaultValuedParameter<"int64_t", "0">:$embed_rs, DefaultValuedParameter<"int64_t", "0">:$attn_ag,
    DefaultValuedParameter<"int64_t", "0">:$attn_rs, DefaultValuedParameter<"int64_t", "0">:$dispatch,
    DefaultValuedParameter<"int64_t", "0">:$dispatch_ag, DefaultValuedParameter<"int64_t", "0">:$combine_rs,
    DefaultValuedParameter<"int64_t", "0">:$combine, DefaultValuedParameter<"int64_t", "0">:$lm_head_ag,
    DefaultValuedParameter<"int64_t", "0">:$ag_dispatch, DefaultValuedParameter<"int64_t", "0">:$rs_combine);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Names and times [ns], in the order of the parameters.
    ::llvm::SmallVector<std::pair<::llvm::StringRef, int64_t>> getNamedTimes() const;
  }];
}

def Plan_BytesAttr : Plan_Attr<"Bytes", "bytes"> {
  let summary = "Bytes that one step moves through a collective, over all ranks, by link class";
  let description = [{
    Counted once, at the sender. `tokens` is the step's size for which they are counted.

    Example: `#plan.bytes<tokens = 1024, intra = 262144, inter = 131072>`
  }];
  let parameters = (ins "int64_t":$tokens, "int64_t":$intra, "int64_t":$inter);
  let assemblyFormat = "`<` struct(params) `>`";
}
#endif
