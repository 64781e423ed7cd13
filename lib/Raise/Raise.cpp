//===- Raise.cpp - the onnx dialect to nn and moe ---------------------------------------------===//

#include "BuildStep.h"
#include "CacheWiring.h"
#include "InputRoles.h"
#include "Interpreter.h"
#include "dialects/moe/MoEDialect.h"
#include "dialects/onnx/OnnxDialect.h"
#include "mixserve/Raise/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mixserve {
#define GEN_PASS_DEF_RAISE
#include "mixserve/Raise/Passes.h.inc"

namespace {

using namespace mlir;
using namespace mixserve::raise;

struct RaisePass : impl::RaiseBase<RaisePass> {
  void runOnOperation() override {
    if (failed(raise()))
      signalPassFailure();
  }

  LogicalResult raise();
  FailureOr<const Linear *> findLogits(func::FuncOp main, const Interpreter &interpreter,
                                       Sizes near,
                                       SmallVectorImpl<std::pair<unsigned, Meaning>> &others);
};

/// The output that is a linear over all rows; the others are left for the cache. An error if an
/// output is Broken, naming the first node of the graph that broke one.
FailureOr<const Linear *>
RaisePass::findLogits(func::FuncOp main, const Interpreter &interpreter, Sizes near,
                      SmallVectorImpl<std::pair<unsigned, Meaning>> &others) {
  const Broken *first = nullptr;
  const Linear *logits = nullptr;
  for (auto [number, value] :
       llvm::enumerate(main.getBody().front().getTerminator()->getOperands())) {
    const Meaning &meaning = interpreter.meaning(value);
    if (auto *broken = as<Broken>(meaning)) {
      if (!first || broken->order < first->order)
        first = broken;
      continue;
    }
    auto *linear = as<Linear>(meaning);
    if (linear && !logits && meaning.layout.rank() <= 3 &&
        isPlain(meaning.layout, linear->width, near))
      logits = linear;
    else
      others.push_back({number, meaning});
  }
  if (first)
    return emitError(first->loc) << first->reason, failure();
  if (!logits)
    return main.emitError("no output holds logits: expected a linear over all tokens, [B, S, V]"),
           failure();
  return logits;
}

LogicalResult RaisePass::raise() {
  ModuleOp module = getOperation();
  auto main = module.lookupSymbol<func::FuncOp>("main");
  if (!main && module.lookupSymbol<func::FuncOp>("step"))
    return success(); // done already
  if (!main || !main.getBody().hasOneBlock())
    return module.emitError("expected an imported model: a function @main of onnx ops");
  FailureOr<Probe> probe = Probe::create(main);
  if (failed(probe))
    return failure();
  SymbolTable symbols(module);
  Context context(*probe);
  Interpreter interpreter(context, main, symbols);
  SmallVector<std::pair<unsigned, Meaning>> others;
  FailureOr<const Linear *> logits = findLogits(main, interpreter, context.near(), others);
  if (failed(logits))
    return failure();
  FailureOr<Decoder> decoder = readDecoder(*logits);
  if (failed(decoder) || failed(checkCacheWiring(main, *probe, *decoder, others)))
    return failure();

  main.erase();
  for (auto param : llvm::make_early_inc_range(module.getOps<nn::ParamOp>()))
    param.erase();
  buildStep(module, *decoder);
  for (NamedAttribute attribute : llvm::to_vector(module->getAttrs()))
    if (attribute.getName().getValue().starts_with("onnx."))
      module->removeAttr(attribute.getName());
  return success();
}

} // namespace
} // namespace mixserve
