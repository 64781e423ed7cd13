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
    empty term. Upper-case factors must stay whole on every rank. A lower-case factor that is split
    and missing from a result leaves that result a partial sum over its axes.

    Example: `nn.linear` has "tk,nk->tn": splitting n splits the result's columns, splitting k makes
    the result partial.
  }];
  let methods = [InterfaceMethod<"The rule of this op.", "::std::string", "getShardRule">];
}
#endif
