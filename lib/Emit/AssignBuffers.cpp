//===- AssignBuffers.cpp - A static arena offset for every activation -------===//
#include "Arena.h"
#include "RowCapacity.h"
#include "RowFunction.h"
#include "dialects/coll/CollDialect.h"
#include "dialects/moe/MoEDialect.h"
#include "dialects/nn/NNDialect.h"
#include "mixserve/Emit/Passes.h"
#include "llvm/ADT/MapVector.h"
#include <vector>

using namespace mlir;

namespace mixserve {
#define GEN_PASS_DEF_ASSIGNBUFFERS
#include "mixserve/Emit/Passes.h.inc"

namespace {

/// Ops whose results are the runtime's memory: token ids and parameters.
bool hasNoBuffer(Operation *op) { return isa<nn::TokensOp, nn::ParamRefOp>(op); }

/// Bytes of a row tensor's buffer.
FailureOr<int64_t> bufferBytes(Value value, const RowCapacity &capacity) {
  auto type = cast<RankedTensorType>(value.getType());
  plan::ShardingAttr sharding = plan::ShardingAttr::of(type);
  const plan::RowSet set = sharding ? sharding.getRows() : plan::RowSet::None;
  if (set == plan::RowSet::None || type.getRank() != 2 ||
      type.isDynamicDim(1) || type.getElementTypeBitWidth() != 32)
    return emitError(value.getLoc(), "no buffer for ")
           << type << ": expected a row set of the step, static columns, and f32 or i32 elements";
  return capacity.rows(set) * type.getDimSize(1) * 4;
}

/// The lifetimes of one function, and where their offsets go.
class FunctionBuffers {
public:
  FunctionBuffers(func::FuncOp func, const RowCapacity &capacity)
      : func(func), capacity(capacity) {}

  LogicalResult collect() {
    const bool isStep = func->hasAttr(plan::kMethodAttr);
    // Threads are at different ops of a run at the same time: a run is one step.
    Operation *lastOfRun = nullptr;
    for (Operation &op : func.getBody().front()) {
      if (!lastOfRun)
        if (SmallVector<Operation *> run = rowRunFrom(&op); !run.empty())
          lastOfRun = run.back();
      if (failed(collectOp(op)))
        return failure();
      if (!lastOfRun || lastOfRun == &op) {
        ++step;
        lastOfRun = nullptr;
      }
    }
    Operation *terminator = func.getBody().front().getTerminator();
    for (Value result : terminator->getOperands()) {
      auto it = index.find(result);
      if (it == index.end())
        return terminator->emitError("a layer must not return its argument");
      if (isStep)
        continue;
      if (isCallers[it->second])
        return terminator->emitError("a layer must not return a value twice");
      isCallers[it->second] = true;
    }
    return success();
  }

  /// Bytes of the function's own part of the arena.
  int64_t layOut() {
    // The caller's buffers take no room here.
    for (auto [lifetime, skip] : llvm::zip_equal(lifetimes, isCallers))
      if (skip)
        lifetime.bytes = 0;
    layout = layOutArena(lifetimes);
    return layout.bytes;
  }

  /// Writes the offsets on the ops; the function's part of the arena starts at byte `base`.
  void annotate(int64_t base) {
    Builder builder(func.getContext());
    auto offsetOf = [&](size_t i) { return isCallers[i] ? -1 : base + layout.offsets[i]; };
    for (auto &[op, buffers] : resultBuffers)
      op->setAttr(kOffsetsAttr,
                  builder.getDenseI64ArrayAttr(llvm::map_to_vector(buffers, offsetOf)));
    for (auto &[op, buffers] : scratchBuffers)
      op->setAttr(kScratchAttr,
                  builder.getDenseI64ArrayAttr(llvm::map_to_vector(buffers, offsetOf)));
  }

private:
  size_t add(int64_t bytes) {
    lifetimes.push_back({bytes, step, step});
    isCallers.push_back(false);
    return lifetimes.size() - 1;
  }

  LogicalResult addResult(OpResult result) {
    FailureOr<int64_t> bytes = bufferBytes(result, capacity);
    if (failed(bytes))
      return failure();
    index[result] = add(*bytes);
    resultBuffers[result.getOwner()].push_back(index[result]);
    return success();
  }

  LogicalResult collectOp(Operation &op) {
    extendOperands(op);
    if (coll::yieldOf(&op))
      return collectFused(op);
    if (hasNoBuffer(&op))
      return success();
    for (OpResult result : op.getResults())
      if (isa<RankedTensorType>(result.getType()) && failed(addResult(result)))
        return failure();
    return success();
  }

  /// Chunks of the region run while others are under way, so everything in it lives as long as the
  /// op. Kept rows are their yielded value's buffer.
  LogicalResult collectFused(Operation &op) {
    coll::YieldOp yield = coll::yieldOf(&op);
    Block &body = *yield->getBlock();
    op.walk([&](Operation *inner) { extendOperands(*inner); });
    // The sums that the region reads as its first argument.
    auto dispatch = dyn_cast<coll::AgDispatchOp>(op);
    if (!dispatch || dispatch.getReduceOver()) {
      FailureOr<int64_t> bytes = bufferBytes(body.getArgument(0), capacity);
      if (failed(bytes))
        return failure();
      scratchBuffers[&op].push_back(add(*bytes));
    }
    for (Operation &inner : body.without_terminator())
      if (!hasNoBuffer(&inner))
        for (OpResult result : inner.getResults())
          if (isa<RankedTensorType>(result.getType()) && failed(addResult(result)))
            return failure();
    for (auto [i, value] : llvm::enumerate(yield.getValues())) {
      if (!index.contains(value))
        return yield.emitError("value ")
               << i << " is not made in the region; yield what an op of it computes";
      if (i < coll::numMoved(&op)) {
        if (failed(addResult(op.getResult(i))))
          return failure();
        continue;
      }
      index[op.getResult(i)] = index[value];
      resultBuffers[&op].push_back(index[value]);
    }
    return success();
  }

  void extendOperands(Operation &op) {
    for (Value operand : op.getOperands())
      if (auto it = index.find(operand); it != index.end())
        lifetimes[it->second].end = step;
  }

  func::FuncOp func;
  const RowCapacity &capacity;
  int64_t step = 0;
  SmallVector<Lifetime> lifetimes; ///< in order of begin
  SmallVector<bool> isCallers;
  llvm::DenseMap<Value, size_t> index;
  llvm::MapVector<Operation *, SmallVector<size_t>> resultBuffers, scratchBuffers;
  ArenaLayout layout;
};

/// The arena: [buffers of the step functions | buffers of the layer functions]. Step functions
/// never run at the same time, nor do layer functions.
struct AssignBuffers : impl::AssignBuffersBase<AssignBuffers> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    FailureOr<RowCapacity> capacity = RowCapacity::of(module);
    if (failed(capacity))
      return signalPassFailure();
    std::vector<FunctionBuffers> steps, layers;
    int64_t stepBytes = 0, layerBytes = 0;
    for (auto func : module.getOps<func::FuncOp>()) {
      if (func.isDeclaration())
        continue;
      const bool isStep = func->hasAttr(plan::kMethodAttr);
      FunctionBuffers buffers(func, *capacity);
      if (failed(buffers.collect()))
        return signalPassFailure();
      int64_t &bytes = isStep ? stepBytes : layerBytes;
      bytes = std::max(bytes, buffers.layOut());
      (isStep ? steps : layers).push_back(std::move(buffers));
    }
    for (FunctionBuffers &buffers : steps)
      buffers.annotate(0);
    for (FunctionBuffers &buffers : layers)
      buffers.annotate(stepBytes);
    module->setAttr(kArenaBytesAttr,
                    Builder(module.getContext()).getI64IntegerAttr(stepBytes + layerBytes));
  }
};

} // namespace
} // namespace mixserve
