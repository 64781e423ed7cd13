//===- OutlineLayers.cpp - One function per kind of layer -------------------===//
#include "LayerKey.h"
#include "dialects/coll/CollDialect.h"
#include "dialects/nn/NNDialect.h"
#include "mixserve/Emit/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Remarks.h"
#include "llvm/ADT/MapVector.h"
#include <map>
#include <vector>

using namespace mlir;

namespace mixserve {
#define GEN_PASS_DEF_OUTLINELAYERS
#include "mixserve/Emit/Passes.h.inc"

namespace {

/// Parameters are inputs of a layer, so that layers with other weights are the same kind: take
/// their references out of fused regions.
void hoistParamRefs(func::FuncOp func) {
  func.walk([](Operation *fused) {
    if (coll::yieldOf(fused))
      for (auto ref : llvm::make_early_inc_range(fused->getRegion(0).front().getOps<nn::ParamRefOp>()))
        ref->moveBefore(fused);
  });
}

/// The layers of a step function in order of their first op; interfaces are found later.
std::vector<LayerGroup> collectLayers(func::FuncOp func) {
  llvm::MapVector<int64_t, LayerGroup> byNumber;
  for (Operation &op : func.getBody().front()) {
    auto number = op.getAttrOfType<IntegerAttr>(nn::kLayerAttr);
    if (!number || isa<nn::ParamRefOp>(op))
      continue;
    LayerGroup &group = byNumber[number.getInt()];
    group.layer = number.getInt();
    group.ops.push_back(&op);
  }
  std::vector<LayerGroup> layers;
  for (auto &[number, group] : byNumber)
    layers.push_back(std::move(group));
  return layers;
}

/// A call at the last op of the layer replaces all of them: nothing between may need their results,
/// and nothing they need may come later (they dominate by SSA).
LogicalResult checkTogether(const LayerGroup &group) {
  Operation *last = group.ops.back();
  for (Value output : group.outputs)
    for (Operation *user : output.getUsers()) {
      Operation *top = last->getBlock()->findAncestorOpInBlock(*user);
      if (top->getAttr(nn::kLayerAttr) != last->getAttr(nn::kLayerAttr) &&
          top->isBeforeInBlock(last))
        return (user->emitError("op stands between the ops of layer ")
                << group.layer << " and uses one of them; layers must be contiguous")
                   .attachNote(last->getLoc())
               << "the layer ends here";
    }
  return success();
}

/// Makes the function of a new kind from one of its layers.
func::FuncOp makeKind(const LayerGroup &group, StringRef name, OpBuilder &builder) {
  MLIRContext *context = builder.getContext();
  SmallVector<Type> inputs, outputs;
  for (Value input : group.inputs)
    inputs.push_back(input.getType());
  inputs.append(1 + group.caches.size(), builder.getI32Type());
  for (Value output : group.outputs)
    outputs.push_back(output.getType());
  auto func = func::FuncOp::create(builder, group.ops.front()->getLoc(), name,
                                   builder.getFunctionType(inputs, outputs));
  func.setPrivate();
  const unsigned layerArg = group.inputs.size();
  func.setArgAttr(layerArg, kLayerArgAttr, UnitAttr::get(context));
  for (unsigned i = 0; i < group.caches.size(); ++i)
    func.setArgAttr(layerArg + 1 + i, kCacheArgAttr, UnitAttr::get(context));

  Block *body = func.addEntryBlock();
  OpBuilder inner = OpBuilder::atBlockEnd(body);
  IRMapping mapping;
  for (auto [input, argument] : llvm::zip(group.inputs, body->getArguments()))
    mapping.map(input, argument);
  for (Operation *op : group.ops)
    inner.clone(*op, mapping);
  int64_t cache = 0;
  body->walk([&](Operation *op) {
    op->removeAttr(nn::kLayerAttr);
    // Which cache it is says the argument with this number.
    if (nn::cacheOf(op))
      nn::setCache(op, cache++);
  });
  SmallVector<Value> results;
  for (Value output : group.outputs)
    results.push_back(mapping.lookup(output));
  func::ReturnOp::create(inner, group.ops.back()->getLoc(), results);
  return func;
}

void replaceByCall(LayerGroup &group, func::FuncOp kind) {
  OpBuilder builder(group.ops.back());
  builder.setInsertionPointAfter(group.ops.back());
  Location loc = group.ops.front()->getLoc();
  SmallVector<Value> operands(group.inputs);
  auto number = [&](int64_t value) {
    return arith::ConstantIntOp::create(builder, loc, builder.getI32Type(), value);
  };
  operands.push_back(number(group.layer));
  for (int64_t cache : group.caches)
    operands.push_back(number(cache));
  auto call = func::CallOp::create(builder, loc, kind, operands);
  for (auto [output, result] : llvm::zip_equal(group.outputs, call.getResults()))
    output.replaceAllUsesWith(result);
  for (Operation *op : llvm::reverse(group.ops))
    op->erase();
}

struct OutlineLayers : impl::OutlineLayersBase<OutlineLayers> {
  void runOnOperation() override {
    std::map<std::vector<const void *>, func::FuncOp> kinds;
    OpBuilder builder = OpBuilder::atBlockEnd(getOperation().getBody());
    for (auto func : llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>())) {
      if (!func->hasAttr(plan::kMethodAttr))
        continue;
      hoistParamRefs(func);
      for (LayerGroup &group : collectLayers(func)) {
        // Not before: the results of the layer before have become those of a call.
        findInterface(group);
        if (failed(checkTogether(group)))
          return signalPassFailure();
        func::FuncOp &kind = kinds[layerKey(group)];
        if (!kind) {
          kind = makeKind(group, "layer_kind_" + std::to_string(kinds.size() - 1), builder);
          remark::passed(kind.getLoc(), remark::RemarkOpts::name("layer_kind").category("emit"))
              << "layer " + std::to_string(group.layer) + " is the first of " +
                     kind.getName().str();
        }
        replaceByCall(group, kind);
      }
    }
  }
};

} // namespace
} // namespace mixserve
