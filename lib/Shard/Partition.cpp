//===- Partition.cpp - One local step function per dispatch method ----------===//
#include "ExpertMethods.h"
#include "StepPartitioner.h"
#include "mixserve/Shard/Passes.h"
#include "llvm/ADT/SetVector.h"

namespace mixserve {
#define GEN_PASS_DEF_PARTITION
#include "mixserve/Shard/Passes.h.inc"
} // namespace mixserve

using namespace mlir;

namespace mixserve {
namespace {

using shard::LayoutAxes;

/// Methods of the plan's table, each once, in its order; then those asked for beside it.
FailureOr<llvm::SetVector<plan::Method>> methodsOf(ModuleOp module) {
  auto table = module->getAttrOfType<ArrayAttr>(plan::kTableAttr);
  llvm::SetVector<plan::Method> methods;
  if (table)
    for (Attribute entry : table)
      if (auto row = dyn_cast<plan::EntryAttr>(entry))
        methods.insert(row.getMethod());
  if (auto variants = module->getAttrOfType<ArrayAttr>(plan::kVariantsAttr))
    for (auto variant : variants.getAsRange<plan::MethodAttr>())
      methods.insert(variant.getValue());
  if (methods.empty())
    return module.emitError("(P4) has no '") << plan::kTableAttr << "'; run the phase plan first";
  return methods;
}

struct Partition : impl::PartitionBase<Partition> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    SmallVector<func::FuncOp> steps;
    for (auto func : module.getOps<func::FuncOp>())
      if (!func->hasAttr(plan::kMethodAttr))
        steps.push_back(func);
    const bool isPartitioned = steps.empty() && !module.getOps<func::FuncOp>().empty();
    if (isPartitioned)
      return;
    if (failed(partition(module, steps)))
      signalPassFailure();
  }

  LogicalResult partition(ModuleOp module, ArrayRef<func::FuncOp> steps) {
    if (steps.size() != 1 || func::FuncOp(steps.front()).getSymName() != "step")
      return module.emitError("(P4) expected one function @step, got ")
             << steps.size() << " functions; run the phase raise first";
    func::FuncOp step = steps.front();
    FailureOr<LayoutAxes> axes = LayoutAxes::of(module);
    FailureOr<llvm::SetVector<plan::Method>> methods = methodsOf(module);
    if (failed(axes) || failed(methods))
      return failure();
    SymbolTable symbols(module);
    for (plan::Method method : *methods) {
      if (std::string reason = shard::whyIllegal(method, *axes); !reason.empty())
        return step.emitError("(P3) method ") << plan::methodOption(method) << ": " << reason;
      if (failed(shard::StepPartitioner(step, method, *axes, symbols).build()))
        return failure();
    }
    step.erase();
    return success();
  }
};

} // namespace
} // namespace mixserve
