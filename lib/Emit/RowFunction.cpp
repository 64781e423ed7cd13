//===- RowFunction.cpp - Functions over a range of rows ---------------------===//
#include "RowFunction.h"

using namespace mlir;
using namespace mixserve;

static func::FuncOp declareRowFunction(FunctionLowering &f, Location loc) {
  OpBuilder builder(f.lowered);
  builder.setInsertionPointAfter(f.lowered);
  Type pointer = f.ctx.getType(), i64 = builder.getI64Type();
  std::string name;
  do
    name = (f.lowered.getName() + "_rows_" + Twine(f.rowFunctions++)).str();
  while (f.shared.module.lookupSymbol(name));
  auto func = func::FuncOp::create(builder, loc, name,
                                   builder.getFunctionType({pointer, pointer, i64, i64}, {}));
  makeInternal(func);
  func.addEntryBlock();
  return func;
}

FailureOr<func::FuncOp>
mixserve::makeRowFunction(FunctionLowering &f, const RowFrame &frame, Location loc,
                          llvm::function_ref<LogicalResult(FunctionLowering &)> lower) {
  func::FuncOp func = declareRowFunction(f, loc);
  Block &body = func.getBody().front();
  Value ctx = body.getArgument(0), frameArg = body.getArgument(1);
  FunctionLowering inner(f.shared, func, ctx, Value());
  inner.loc = loc;
  int64_t slot = 0;
  auto next = [&]() -> Value {
    Value at = inner.offset(frameArg, slot++ * static_cast<int64_t>(sizeof(void *)));
    return LLVM::LoadOp::create(inner.builder, loc, ctx.getType(), at);
  };
  inner.arena = next();
  inner.setRowRange(body.getArgument(2), body.getArgument(3));
  for (Value value : frame.inside) {
    Value pointer = next();
    const bool isRows = plan::ShardingAttr::of(value) != nullptr;
    inner.setPointer(value, isRows ? inner.enter(pointer, value) : pointer);
  }
  for (Value value : frame.callers)
    inner.callerBuffers[value] = next();
  if (failed(lower(inner)))
    return failure();
  func::ReturnOp::create(inner.builder, loc);
  return func;
}

/// Memory in the entry block: a loop would take more of the stack with every turn.
static Value stackMemory(FunctionLowering &f, Type type) {
  OpBuilder::InsertionGuard guard(f.builder);
  f.builder.setInsertionPointToStart(&f.lowered.getBody().front());
  return LLVM::AllocaOp::create(f.builder, f.loc, f.ctx.getType(), type, f.constI64(1));
}

Value mixserve::storeStruct(FunctionLowering &f, ValueRange fields) {
  // All fields have 8 bytes.
  Value memory = stackMemory(f, LLVM::LLVMArrayType::get(f.builder.getI64Type(), fields.size()));
  for (auto [i, field] : llvm::enumerate(fields))
    LLVM::StoreOp::create(f.builder, f.loc, field, f.offset(memory, i * 8));
  return memory;
}

Value mixserve::storeFrame(FunctionLowering &f, const RowFrame &frame) {
  SmallVector<Value> slots{f.arena};
  slots.append(frame.outside);
  return storeStruct(f, slots);
}

Value mixserve::addressOf(FunctionLowering &f, func::FuncOp function) {
  Value value =
      func::ConstantOp::create(f.builder, f.loc, function.getFunctionType(), function.getName());
  return UnrealizedConversionCastOp::create(f.builder, f.loc, f.ctx.getType(), value).getResult(0);
}

//===----------------------------------------------------------------------===//
// Runs of row loops
//===----------------------------------------------------------------------===//

bool mixserve::isRowLoop(Operation *op) {
  if (isa<nn::RmsNormOp, nn::RopeOp>(op))
    return true;
  // What lowerElementwise takes.
  return OpTrait::hasElementwiseMappableTraits(op) && op->getNumResults() == 1 &&
         plan::ShardingAttr::of(op->getResult(0)) != nullptr;
}

static plan::RowSet rowSetOf(Operation *op) {
  return plan::ShardingAttr::of(op->getResult(0)).getRows();
}

SmallVector<Operation *> mixserve::rowRunFrom(Operation *first) {
  SmallVector<Operation *> run;
  for (Operation *op = first; op; op = op->getNextNode()) {
    if (isRowLoop(op) && (run.empty() || rowSetOf(op) == rowSetOf(first)))
      run.push_back(op);
    else if (run.empty() || !isa<nn::ParamRefOp>(op))
      break;
  }
  return run;
}

LogicalResult mixserve::lowerRowRun(FunctionLowering &f, ArrayRef<Operation *> run) {
  RowFrame frame;
  llvm::DenseSet<Value> made, captured;
  for (Operation *op : run) {
    f.loc = op->getLoc();
    for (Value operand : op->getOperands()) {
      if (!isa<TensorType>(operand.getType()) || made.contains(operand) ||
          !captured.insert(operand).second)
        continue;
      // A parameter that stands inside the run.
      if (auto param = operand.getDefiningOp<nn::ParamRefOp>(); param && !f.pointer(operand))
        if (failed(lowerParamRef(f, param)))
          return failure();
      frame.inside.push_back(operand);
      frame.outside.push_back(f.pointer(operand));
    }
    made.insert(op->getResult(0));
  }
  for (Operation *op : run)
    if (Value buffer = f.callerBuffers.lookup(op->getResult(0))) {
      frame.callers.push_back(op->getResult(0));
      frame.outside.push_back(buffer);
    }
  FailureOr<func::FuncOp> function =
      makeRowFunction(f, frame, run.front()->getLoc(), [&](FunctionLowering &inner) {
        for (Operation *op : run)
          if (failed(inner.lowerOp(*op)))
            return failure();
        return success();
      });
  if (failed(function))
    return failure();
  f.call("mxs_for_rows",
         {f.ctx, addressOf(f, *function), storeFrame(f, frame), f.rows(run.front()->getResult(0))});
  // Later ops read the results from row 0.
  for (Operation *op : run)
    f.makeResult(cast<OpResult>(op->getResult(0)));
  return success();
}
