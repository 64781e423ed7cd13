//===- ShardRule.td - How an op splits ---------------------*- tablegen -*-===//
#ifndef MIXSERVE_SHARD_RULE
#define MIXSERVE_SHARD_RULE

include "mlir/IR/OpBase.td"

/// An op whose result row t depends on row t of its row operands alone. Such ops may be computed
/// chunk by chunk, so they may stand inside the region of a fused collective.
def Plan_RowWise : NativeOpTrait<"RowWise"> {
  let cppNamespace = "::mixserve::plan";
}

def Plan_ShardRuleInterface : OpInterface<"ShardRuleInterface"> {
  let cppNamespace = "::mixserve::plan";
  let description = [{
    The rule by which the partitioner splits an op, written like an einsum: one term per operand,
    `->`, one term per result; a letter is a factor. Operands that are no tensors (a batch) have the
    empty term. The factor `t` is the token rows, `s` the selected ones of them: they are split by row
    sets alone. Upper-case factors must stay whole on every rank. Another lower-case factor that is
    split and missing from the results leaves them a partial sum over its axes, unless these axes split
    a factor of the result too (the KV heads of attention go with the query heads).

    Example: `nn.linear` has "tk,nk->tn": splitting n splits the result's columns, splitting k makes
    the result partial.
  }];
  let methods = [InterfaceMethod<"The rule of this op.", "::std::string", "getShardRule">];
}
#endif
