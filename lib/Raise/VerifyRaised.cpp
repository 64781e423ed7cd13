//===- VerifyRaised.cpp - nothing of the import form is left ----------------------------------===//

#include "dialects/nn/NNDialect.h"
#include "dialects/onnx/OnnxDialect.h"
#include "mixserve/Raise/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringSet.h"

namespace mixserve {
#define GEN_PASS_DEF_VERIFYRAISED
#include "mixserve/Raise/Passes.h.inc"

namespace {

using namespace mlir;

struct VerifyRaisedPass : impl::VerifyRaisedBase<VerifyRaisedPass> {
  void runOnOperation() override {
    if (failed(verifyOps()) || failed(verifyStep()))
      signalPassFailure();
  }

  LogicalResult verifyOps();
  LogicalResult verifyStep();
};

LogicalResult VerifyRaisedPass::verifyOps() {
  WalkResult result = getOperation().walk([](Operation *op) {
    if (!isa_and_present<onnx::OnnxDialect>(op->getDialect()))
      return WalkResult::advance();
    op->emitOpError("is left after raise; only nn, moe and arith ops may be");
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

LogicalResult VerifyRaisedPass::verifyStep() {
  auto step = getOperation().lookupSymbol<func::FuncOp>("step");
  if (!step || step.getArgumentTypes() != ArrayRef<Type>(nn::BatchType::get(&getContext())))
    return getOperation().emitError("expected a function @step(!nn.batch) after raise");
  llvm::StringSet<> read;
  step.walk([&](nn::ParamRefOp ref) { read.insert(ref.getParam()); });
  for (auto param : getOperation().getOps<nn::ParamOp>())
    if (!read.contains(param.getSymName()))
      return param.emitOpError("is read by nothing after raise");
  WalkResult result = step.walk([](Operation *op) {
    if (!nn::cacheOf(op) || op->getAttrOfType<IntegerAttr>(nn::kLayerAttr))
      return WalkResult::advance();
    op->emitOpError("has no '") << nn::kLayerAttr << "' after raise";
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

} // namespace
} // namespace mixserve
