//===- Passes.td - Passes of the plan phase ----------------*- tablegen -*-===//
#ifndef MIXSERVE_PLAN_PASSES
#define MIXSERVE_PLAN_PASSES

include "mlir/Pass/PassBase.td"

def AssignWeightTypes : Pass<"mixserve-assign-weight-types", "::mlir::ModuleOp"> {
  let summary = "Chooses layout and element type of every weight in the artifact";
  let description = [{
    In: the raised form. Out: `pack`, `nn.element` and `nn.group` (dialects/nn/WeightPacking.h) on every parameter
    that is used: n64 for weights of linears and experts, plain for all others. The element type is the model's own (bf16 where all
    boxes are bf16, else f32) or what the options say; the router's weight and plain parameters that are
    no embedding table are f32 always. A `pack` that is there stays, unless an option asks for something.
    Every `nn.attention` and `nn.latent_attention` gets `nn.cache_element`: bf16 if the weights of all linears and experts are bf16 in the model, else f32, or
    what the option says.

    Fails on an option that it does not know, or on a parameter that is read in two ways.
  }];
  let options = [
    Option<"weights", "weights", "std::string", "", "auto (default: the model's own type), f32 or bf16.">,
    Option<"quantize", "quantize", "std::string", "", "int8 or int4: quantise the weights of experts; int8-all or int4-all: of attention and lm_head, too.">,
    Option<"quantizeGroup", "quantize-group", "int64_t", "0", "Values that share a scale: 32 (default) or 128.">,
    Option<"kvCache", "kv-cache", "std::string", "", "Element type of cached keys and values: auto (default: the model's own type), f32 or bf16.">];
  let dependentDialects = ["::mixserve::nn::NNDialect"];
}

def SelectPlan : Pass<"mixserve-select-plan", "::mlir::ModuleOp"> {
  let summary = "Chooses layout and dispatch methods for a cluster and a workload";
  let description = [{
    Scores every (attention TP x DP) x (MoE TP x EP) layout with every dispatch method and takes the one that
    completes the workload soonest and fits a device's memory.

    In: the raised form (`func.func @step` over `nn` and `moe` ops) and the cluster file that `cluster` names.
    Out: the module attributes `plan.mesh`, `plan.hardware`, `plan.workload`, `plan.limits`, `plan.layout`,
    `plan.table`, `plan.wire` and `plan.cost`; no op changes.

    Fails if the module is not in raised form, the cluster file or an option is wrong, or no candidate is left:
    the error lists the reasons.

    Remarks (category `plan`): `passed` for the choice with its table and why it wins, `missed` for every other
    candidate that fits with its cost, `failed` for every refused candidate with its reason, `analysis` for the
    step sizes at which another layout or method would be the fastest.
  }];
  let options = [
    Option<"cluster", "cluster", "std::string", "", "Cluster file (YAML, mixserve.cluster/v1).">,
    Option<"workload", "workload", "std::string", "", "prompt=1024,output=256,concurrency=16[,rate=R] (default).">,
    Option<"layout", "layout", "std::string", "", "auto, or attn_tp=A,attn_dp=B,moe_tp=C,moe_ep=D.">,
    Option<"moeComm", "moe-comm", "std::string", "",
           "auto, allgather, flat-ep, hier-ep, hybrid or hybrid-fused.">,
    Option<"chunks", "chunks", "std::string", "", "auto, or chunks of hybrid-fused or hier-ep (alone and above 1: hybrid-fused).">,
    Option<"alsoMethods", "also-methods", "std::string", "",
           "Methods, comma-separated, that are compiled in beside the table's (plan.variants).">,
    Option<"wire", "wire", "std::string", "",
           "Type of rows between nodes: auto (default: bf16 if the model's own weights are), f32 or bf16.">,
    Option<"microBatches", "micro-batches", "std::string", "", "auto; 1: steps in one piece; 2: steps with prompts in halves.">,
    Option<"routingLoad", "routing-load", "std::string", "", "uniform (default), zipf=S, or a routing trace.">,
    Option<"maxBatchTokens", "max-batch-tokens", "int64_t", "0", "Tokens per step (default max(2048, concurrency)).">,
    Option<"maxSeqs", "max-seqs", "int64_t", "0", "Sequences per attention group (default concurrency).">,
    Option<"maxContext", "max-context", "int64_t", "0", "Tokens per sequence (default prompt + output).">];
  let dependentDialects = ["::mixserve::plan::PlanDialect"];
}

def VerifyPlanned : Pass<"mixserve-verify-planned", "::mlir::ModuleOp"> {
  let summary = "Fails unless the module carries a complete and legal plan";
  let description = [{
    In and out: a module after `mixserve-select-plan`, or one that a person wrote.
    Fails if a plan attribute is missing (`plan.wire` may be: f32) or of the wrong kind, if the layout is illegal for mesh and model, if a
    method of the table is illegal for the layout, if the table does not ascend or ends before
    `max_batch_tokens`, or if chunks are asked of a method other than hybrid-fused and hier-ep.
  }];
}

def AnnotateCost : Pass<"mixserve-annotate-cost", "::mlir::ModuleOp"> {
  let summary = "Puts the expected bytes of a prompt step on every collective";
  let description = [{
    In: a module after shard (or fuse) with its plan attributes. Out: `plan.bytes` on every `coll` op that moves
    rows: bytes sent by all ranks together in a step of min(max_batch_tokens, prompt * concurrency) prompt
    tokens, by link class, from the formulas of the plan.

    Fails if the plan attributes are missing.
  }];
  let options = [Option<"routingLoad", "routing-load", "std::string", "",
                        "uniform (default), zipf=S, or a routing trace.">];
  let dependentDialects = ["::mixserve::plan::PlanDialect"];
}
#endif
