//===- Variants.cpp - The step functions of a module ------------------------===//
#include "Variants.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace mixserve;

FailureOr<SmallVector<Variant>> mixserve::collectVariants(ModuleOp module) {
  SmallVector<Variant> variants;
  auto has = [&](plan::Method method) {
    return llvm::any_of(variants, [&](const Variant &v) { return v.method == method; });
  };
  for (auto func : module.getOps<func::FuncOp>()) {
    auto method = func->getAttrOfType<plan::MethodAttr>(plan::kMethodAttr);
    if (!method)
      continue;
    if (has(method.getValue()))
      return func.emitError("a second step function of method ")
             << plan::methodOption(method.getValue());
    variants.push_back({method.getValue(), func.getName().str()});
  }
  if (variants.empty())
    return module.emitError("has no step function (with '")
           << plan::kMethodAttr << "'); run the phase shard first";
  if (auto table = module->getAttrOfType<ArrayAttr>(plan::kTableAttr))
    for (auto entry : table.getAsRange<plan::EntryAttr>())
      if (!has(entry.getMethod()))
        return module.emitError("'")
               << plan::kTableAttr << "' asks for method " << plan::methodOption(entry.getMethod())
               << ", which has no step function";
  return variants;
}
