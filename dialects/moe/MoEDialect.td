//===- MoEDialect.td - Routers and experts -----------------*- tablegen -*-===//
#ifndef MIXSERVE_MOE_DIALECT
#define MIXSERVE_MOE_DIALECT

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "dialects/plan/ShardRule.td"

def MoE_Dialect : Dialect {
  let name = "moe";
  let cppNamespace = "::mixserve::moe";
  let summary = "Mixture-of-experts layers: the router and the experts";
  let description = [{
    One op says which experts a token wants, one says what the experts compute. Where the experts
    are and how rows reach them is not here: that is `plan` and `coll`.
  }];
  let useDefaultAttributePrinterParser = 1;
  let dependentDialects = ["::mixserve::plan::PlanDialect"];
}

class MoE_Op<string mnemonic, list<Trait> traits = []> : Op<MoE_Dialect, mnemonic, traits>;

// The numbers are those of the `score` argument of mxs_route.
def MoE_Score : I32EnumAttr<"Score", "how router logits become scores", [
    I32EnumAttrCase<"Softmax", 0, "softmax">, I32EnumAttrCase<"Sigmoid", 1, "sigmoid">]> {
  let cppNamespace = "::mixserve::moe";
  let genSpecializedAttr = 0;
}

def MoE_Activation : I32EnumAttr<"Activation", "activation between an expert's linears", [
    I32EnumAttrCase<"SwiGLU", 0, "swiglu">]> {
  let cppNamespace = "::mixserve::moe";
  let genSpecializedAttr = 0;
}
def MoE_ActivationAttr : EnumAttr<MoE_Dialect, MoE_Activation, "activation">;

def MoE_RouterAttr : AttrDef<MoE_Dialect, "Router"> {
  let mnemonic = "router";
  let summary = "What a router computes from its logits";
  let description = [{
    Scores of all E experts, the K largest (ties to the lower id), divided by their sum if
    `normalize`, times `scale`. softmax then top-k then normalise is the same function as top-k then
    softmax; both arrive here as `softmax, normalize = true`.

    Example: `#moe.router<score = softmax, normalize = true, scale = 1.000000e+00 : f64>`
  }];
  let parameters = (ins "::mixserve::moe::Score":$score, "bool":$normalize, "::mlir::FloatAttr":$scale);
  let assemblyFormat = "`<` struct(params) `>`";
}
#endif
