//===- Passes.td - the raise phase: onnx to nn and moe -----------------------------------------===//

#ifndef MIXSERVE_RAISE_PASSES_TD
#define MIXSERVE_RAISE_PASSES_TD

include "mlir/Pass/PassBase.td"

def Raise : Pass<"mixserve-raise", "::mlir::ModuleOp"> {
  let summary = "Turns an imported decoder model into nn and moe ops on packed tokens";
  let description = [{
    In: `@main` of onnx ops and the parameters as import leaves them. Out: `@step(%batch: !nn.batch) -> logits`
    of the rows that are asked; parameters under canonical names (`layers.N.q`, `layers.N.experts.gate`, ..)
    with all linear weights [N, K]; ops of layer N carry `nn.layer = N`. Inputs, outputs, masks and caches of
    the graph are gone.

    Recognised by what it computes, in any operator order and with any views in between: RMS norm,
    rotary embedding (halves), causal attention with grouped heads, softmax router with top-k, SwiGLU experts
    one after the other or with weights gathered by id. Equal subgraphs must be one: run CSE before.

    Fails, without changing the module, at the first node that is nothing of this, saying what was expected; at
    masks that are not causal and positions that are not the rows' own; if experts are missing; if a cache
    output does not store what its attention reads. Reads small parameters (rotary tables), no weights. A
    module that has `@step` in place of `@main` is done already and stays.
  }];
  let dependentDialects = ["::mixserve::nn::NNDialect", "::mixserve::moe::MoEDialect",
                           "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect"];
}

def VerifyRaised : Pass<"mixserve-verify-raised", "::mlir::ModuleOp"> {
  let summary = "Fails on anything that raise should have removed";
  let description = [{
    Fails on ops of the onnx dialect, on a module without `@step(!nn.batch)`, on parameters that nothing
    reads and on attention without `nn.layer`. Changes nothing.
  }];
}

#endif // MIXSERVE_RAISE_PASSES_TD
