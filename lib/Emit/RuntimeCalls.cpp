//===- RuntimeCalls.cpp - The functions of mixserve_rt.h as IR --------------===//
#include "RuntimeCalls.h"
#include "mlir/Dialect/LLVMIR/LLVMTypes.h"

using namespace mlir;
using namespace mixserve;

static constexpr RuntimeFunction kFunctions[] = {
    {"mxs_ctx_status", "i", "p"},
    {"mxs_rows", "l", "pi"},
    {"mxs_arena", "p", "p"},
    {"mxs_param", "p", "pi"},
    {"mxs_weight", "p", "pi"},
    {"mxs_row_tokens", "p", "p"},
    {"mxs_row_positions", "p", "p"},
    {"mxs_for_rows", "", "pppl"},
    {"mxs_embedding", "", "ppp"},
    {"mxs_linear", "", "ppppl"},
    {"mxs_attention", "", "pippppiiif"},
    {"mxs_latent_attention", "", "pipppppppif"},
    {"mxs_route", "", "ppppllliif"},
    {"mxs_expert_ffn", "", "pippppppipll"},
    {"mxs_select_rows", "", "pppl"},
    {"mxs_logits", "", "ppl"},
    {"mxs_all_gather", "", "piipplii"},
    {"mxs_all_gather_routed", "", "piippppppllii"},
    {"mxs_reduce_scatter", "", "piipplii"},
    {"mxs_all_reduce", "", "piippl"},
    {"mxs_dispatch", "", "piiippppppll"},
    {"mxs_combine", "", "piiippl"},
    {"mxs_ag_dispatch", "", "pip"},
    {"mxs_rs_combine", "", "pippl"},
    {"mxs_rs_combine_ag", "", "pip"},
};

llvm::ArrayRef<RuntimeFunction> mixserve::runtimeFunctions() { return kFunctions; }

const RuntimeFunction *mixserve::findRuntimeFunction(StringRef name) {
  auto it = llvm::find_if(kFunctions, [&](const RuntimeFunction &f) { return f.name == name; });
  return it == std::end(kFunctions) ? nullptr : it;
}

static Type typeOf(char letter, Builder &builder) {
  switch (letter) {
  case 'p':
    return LLVM::LLVMPointerType::get(builder.getContext());
  case 'i':
    return builder.getI32Type();
  case 'l':
    return builder.getI64Type();
  default:
    assert(letter == 'f' && "unknown type letter");
    return builder.getF32Type();
  }
}

Value RuntimeCalls::call(OpBuilder &builder, Location loc, StringRef name, ValueRange arguments) {
  func::FuncOp &func = declared[name];
  if (!func) {
    const RuntimeFunction *spec = findRuntimeFunction(name);
    assert(spec && "not a function of mixserve_rt.h");
    auto types = [&](StringRef letters) {
      return llvm::map_to_vector(letters, [&](char c) { return typeOf(c, builder); });
    };
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(module.getBody());
    func =
        func::FuncOp::create(builder, module.getLoc(), name,
                             builder.getFunctionType(types(spec->arguments), types(spec->result)));
    func.setPrivate();
  }
  assert(func.getArgumentTypes() == arguments.getTypes() && "arguments do not fit the C ABI");
  auto call = func::CallOp::create(builder, loc, func, arguments);
  return call.getNumResults() ? call.getResult(0) : Value();
}
