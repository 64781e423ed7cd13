//===- NNDialect.td - Transformer ops that sharding must see -*- tablegen -*-===//
#ifndef MIXSERVE_NN_DIALECT
#define MIXSERVE_NN_DIALECT

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "dialects/plan/ShardRule.td"

def NN_Dialect : Dialect {
  let name = "nn";
  let cppNamespace = "::mixserve::nn";
  let summary = "The transformer ops that sharding must see, and parameters by reference";
  let description = [{
    Activations are packed token rows `tensor<?xH>`: any mix of prompts and decoding sequences, in
    batch order, described by one `!nn.batch` handle. Elementwise glue stays in `arith`. Weights
    never enter the IR: `nn.param` says where their bytes are.
  }];
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
  let extraClassDeclaration = "void registerAttributes();";
  let dependentDialects = ["::mixserve::plan::PlanDialect"];
}

class NN_Op<string mnemonic, list<Trait> traits = []> : Op<NN_Dialect, mnemonic, traits>;

def NN_BatchType : TypeDef<NN_Dialect, "Batch"> {
  let mnemonic = "batch";
  let summary = "Batch descriptor of a step: sequence starts, positions, cache slots";
}




def NN_BoxAttr : AttrDef<NN_Dialect, "Box"> {
  let mnemonic = "box";
  let summary = "A strided box of a file that holds part of a parameter";
  let description = [{
    Element (i0, i1, ..) of the box lies at byte `offset` + sizeof(type) * sum(i_d * stride_d) of
    `file` (a path relative to the model's folder) and is element (at_0 + i0, ..) of the parameter.
    Transposes, splits and stacks of exporters are strides and positions, so no byte moves.
    - (C1) at, shape and strides have the same rank.
    - (C2) offset, at and strides are not negative, every size is at least 1.

    Example: `#nn.box<"model.onnx.data", offset = 4096, type = f32, at = [0, 0], shape = [64, 48], strides = [1, 64]>`
  }];
  let parameters = (ins StringRefParameter<>:$file, "int64_t":$offset, "::mlir::Type":$type,
                        ArrayRefParameter<"int64_t">:$at, ArrayRefParameter<"int64_t">:$shape,
                        ArrayRefParameter<"int64_t">:$strides);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

def NN_Pack : I32EnumAttr<"Pack", "layout of a parameter's bytes in the artifact", [
    I32EnumAttrCase<"Plain", 0, "plain">,
    I32EnumAttrCase<"N64", 1, "n64">]> {
  let cppNamespace = "::mixserve::nn";
  let genSpecializedAttr = 0;
}
def NN_PackAttr : EnumAttr<NN_Dialect, NN_Pack, "pack"> {
  let assemblyFormat = "`<` $value `>`";
}
#endif
