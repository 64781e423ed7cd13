//===- LowerToRuntime.cpp - Functions on tensors to functions on pointers ---===//
#include "FunctionLowering.h"
#include "ParamTable.h"
#include "Variants.h"
#include "mixserve/Emit/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "runtime/include/mixserve_rt.h"

using namespace mlir;

namespace mixserve {
#define GEN_PASS_DEF_LOWERTORUNTIME
#include "mixserve/Emit/Passes.h.inc"

namespace {

/// (inputs) -> outputs becomes (ctx, arena, inputs as pointers, outputs as pointers) -> ().
func::FuncOp makeLowered(func::FuncOp source, OpBuilder &builder) {
  Type pointer = LLVM::LLVMPointerType::get(builder.getContext());
  SmallVector<Type> types{pointer, pointer};
  for (Type type : source.getArgumentTypes())
    if (!isa<nn::BatchType>(type))
      types.push_back(isa<TensorType>(type) ? pointer : type);
  if (!source->hasAttr(plan::kMethodAttr))
    types.append(source.getNumResults(), pointer);
  auto lowered = func::FuncOp::create(builder, source.getLoc(), source.getName(),
                                      builder.getFunctionType(types, {}));
  lowered.addEntryBlock();
  makeInternal(lowered);
  return lowered;
}

LogicalResult lowerFunction(ModuleLowering &shared, func::FuncOp source) {
  OpBuilder builder(source);
  func::FuncOp lowered = makeLowered(source, builder);
  FunctionLowering f(shared, lowered, lowered.getArgument(0), lowered.getArgument(1));
  f.loc = source.getLoc();
  unsigned next = 2;
  for (auto [i, argument] : llvm::enumerate(source.getArguments())) {
    if (isa<nn::BatchType>(argument.getType()))
      continue;
    Value value = lowered.getArgument(next++);
    if (isa<TensorType>(argument.getType()))
      f.setPointer(argument, value);
    else if (source.getArgAttr(i, kLayerArgAttr))
      f.layer = value;
    else if (source.getArgAttr(i, kCacheArgAttr))
      f.caches.push_back(value);
    else
      return source.emitError("argument ")
             << i << " of type " << argument.getType() << " has no lowering";
  }
  auto terminator = cast<func::ReturnOp>(source.getBody().front().getTerminator());
  const bool isStep = source->hasAttr(plan::kMethodAttr);
  if (!isStep)
    for (Value result : terminator.getOperands()) {
      Value buffer = lowered.getArgument(next++);
      f.callerBuffers[result] = buffer;
      // A row that a fused region keeps is written under its name inside the region.
      if (coll::YieldOp yield = coll::yieldOf(result.getDefiningOp()))
        f.callerBuffers[yield.getValues()[cast<OpResult>(result).getResultNumber()]] = buffer;
    }
  if (failed(f.lowerBlock(source.getBody().front())))
    return failure();
  if (isStep) {
    Value logits = terminator.getOperand(0);
    f.call("mxs_logits", {f.ctx, f.pointer(logits), f.constI64(columns(logits))});
  }
  func::ReturnOp::create(f.builder, terminator.getLoc());
  source.erase();
  return success();
}

LogicalResult checkStep(func::FuncOp step) {
  FunctionType type = step.getFunctionType();
  for (Type input : type.getInputs())
    if (!isa<nn::BatchType>(input))
      return step.emitError("a step function must take its batch alone, got ") << input;
  auto logits = type.getNumResults() == 1 ? dyn_cast<RankedTensorType>(type.getResult(0))
                                          : RankedTensorType();
  plan::ShardingAttr sharding = logits ? plan::ShardingAttr::of(logits) : plan::ShardingAttr();
  if (!sharding || sharding.getRows() != plan::RowSet::Asked || logits.getRank() != 2)
    return step.emitError("a step function must return the logits of the asked rows, got ") << type;
  return success();
}

/// int32 mxs_model_main(ctx, variant): runs the step function of the variant.
void makeMain(ModuleLowering &shared, ArrayRef<Variant> variants) {
  OpBuilder builder = OpBuilder::atBlockEnd(shared.module.getBody());
  Location loc = shared.module.getLoc();
  Type pointer = LLVM::LLVMPointerType::get(builder.getContext()), i32 = builder.getI32Type();
  auto main = func::FuncOp::create(builder, loc, MXS_MODEL_MAIN,
                                   builder.getFunctionType({pointer, i32}, i32));
  Block *entry = main.addEntryBlock();
  builder.setInsertionPointToEnd(entry);
  Value ctx = entry->getArgument(0);
  Value arena = shared.calls.call(builder, loc, "mxs_arena", ctx);
  Value variant =
      arith::IndexCastOp::create(builder, loc, builder.getIndexType(), entry->getArgument(1));
  auto cases = llvm::to_vector(llvm::seq<int64_t>(0, variants.size()));
  auto select =
      scf::IndexSwitchOp::create(builder, loc, TypeRange(i32), variant, cases, cases.size());
  for (auto [region, step] : llvm::zip_equal(select.getCaseRegions(), variants)) {
    builder.createBlock(&region);
    func::CallOp::create(builder, loc, step.function, TypeRange(), ValueRange{ctx, arena});
    scf::YieldOp::create(builder, loc, shared.calls.call(builder, loc, "mxs_ctx_status", ctx));
  }
  builder.createBlock(&select.getDefaultRegion());
  Value unknown = arith::ConstantIntOp::create(builder, loc, i32, MXS_INVALID_ARGUMENT);
  scf::YieldOp::create(builder, loc, unknown);
  builder.setInsertionPointToEnd(entry);
  func::ReturnOp::create(builder, loc, select.getResults());
}

struct LowerToRuntime : impl::LowerToRuntimeBase<LowerToRuntime> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (module.lookupSymbol(MXS_MODEL_MAIN))
      return; // done already
    FailureOr<SmallVector<ParamEntry>> params = collectParams(module);
    FailureOr<RowCapacity> capacity = RowCapacity::of(module);
    FailureOr<SmallVector<Variant>> variants = collectVariants(module);
    if (failed(params) || failed(capacity) || failed(variants))
      return signalPassFailure();
    ModuleLowering shared{module, RuntimeCalls(module), *capacity,
                          llvm::DenseMap<StringAttr, ParamNumber>()};
    for (auto [i, entry] : llvm::enumerate(*params))
      shared.params[entry.param.getSymNameAttr()] = {
          static_cast<int64_t>(i), entry.packing.layout != nn::Pack::Plain || entry.isTable};
    for (auto func : llvm::make_early_inc_range(module.getOps<func::FuncOp>())) {
      const bool isStep = func->hasAttr(plan::kMethodAttr);
      if (func.isDeclaration() || func->hasAttr("llvm.linkage"))
        continue;
      if ((isStep && failed(checkStep(func))) || failed(lowerFunction(shared, func)))
        return signalPassFailure();
    }
    makeMain(shared, *variants);
    for (auto param : llvm::make_early_inc_range(module.getOps<nn::ParamOp>()))
      param.erase();
  }
};

} // namespace
} // namespace mixserve
