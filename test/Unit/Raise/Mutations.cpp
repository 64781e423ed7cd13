//===- Mutations.cpp - other graphs of the same model -----------------------------------------===//
#include "Mutations.h"

#include "dialects/nn/NNDialect.h"
#include "dialects/onnx/OnnxDialect.h"
#include "mlir/IR/SymbolTable.h"

using namespace mlir;

namespace mixserve::test {

static std::vector<Operation *> nodes(func::FuncOp main) {
  std::vector<Operation *> all;
  for (Operation &op : main.getBody().front().without_terminator())
    all.push_back(&op);
  return all;
}

void swapOperands(func::FuncOp main, Random &random) {
  for (Operation *op : nodes(main))
    if (isa<onnx::AddOp, onnx::MulOp, onnx::AndOp, onnx::EqualOp>(op) && random() % 2) {
      Value first = op->getOperand(0);
      op->setOperand(0, op->getOperand(1));
      op->setOperand(1, first);
    }
}

void insertNoOps(func::FuncOp main, Random &random) {
  for (Operation *op : nodes(main))
    for (Value result : op->getResults()) {
      auto type = dyn_cast<TensorType>(result.getType());
      if (!type || random() % 5)
        continue;
      OpBuilder builder(op->getContext());
      builder.setInsertionPointAfter(op);
      Operation *copy =
          random() % 2
              ? onnx::IdentityOp::create(builder, op->getLoc(), type, result).getOperation()
              : onnx::CastOp::create(builder, op->getLoc(), type, result,
                                     TypeAttr::get(type.getElementType()));
      result.replaceAllUsesExcept(copy->getResult(0), copy);
    }
}

void shuffle(func::FuncOp main, Random &random) {
  Block &block = main.getBody().front();
  std::vector<Operation *> all = nodes(main), ready;
  DenseMap<Operation *, int> waits;
  for (Operation *op : all) {
    int &count = waits[op];
    for (Value operand : op->getOperands())
      count += operand.getDefiningOp() != nullptr;
    if (count == 0)
      ready.push_back(op);
  }
  while (!ready.empty()) {
    std::swap(ready[random() % ready.size()], ready.back());
    Operation *op = ready.back();
    ready.pop_back();
    op->moveBefore(block.getTerminator());
    for (OpOperand &use : op->getUses())
      if (Operation *user = use.getOwner(); user != block.getTerminator() && --waits[user] == 0)
        ready.push_back(user);
  }
}

void rename(func::FuncOp main, Random &random) {
  MLIRContext *context = main.getContext();
  auto name = [&] { return StringAttr::get(context, "n" + Twine(random() % 1000000007)); };
  for (unsigned i = 0; i < main.getNumArguments(); ++i)
    main.setArgAttr(i, "onnx.name", name());
  for (unsigned i = 0; i < main.getNumResults(); ++i)
    main.setResultAttr(i, "onnx.name", name());
  for (Operation *op : nodes(main))
    op->setLoc(NameLoc::get(name()));
  auto module = main->getParentOfType<ModuleOp>();
  for (auto param : llvm::to_vector(module.getOps<nn::ParamOp>())) {
    StringAttr to = name();
    (void)SymbolTable::replaceAllSymbolUses(param, to, module);
    SymbolTable::setSymbolName(param, to);
  }
}

void duplicateConstants(func::FuncOp main, Random &) {
  for (Operation *op : nodes(main)) {
    if (!isa<onnx::ConstantOp, nn::ParamRefOp>(op))
      continue;
    auto uses = llvm::map_to_vector(op->getUses(), [](OpOperand &use) { return &use; });
    for (OpOperand *use : llvm::drop_begin(uses)) {
      OpBuilder builder(op);
      use->set(builder.clone(*op)->getResult(0));
    }
  }
}

void reshapeTwice(func::FuncOp main, Random &random) {
  for (Operation *op : nodes(main)) {
    auto view = dyn_cast<onnx::ReshapeOp>(op);
    auto shape = view ? onnx::getConstantInts(view.getShape()) : std::nullopt;
    // A 0 copies a size of the tensor before: that one must stay.
    if (!shape || llvm::is_contained(*shape, 0) || random() % 5)
      continue;
    OpBuilder builder(op);
    auto flat = RankedTensorType::get({ShapedType::kDynamic},
                                      cast<TensorType>(view.getData().getType()).getElementType());
    auto all =
        DenseElementsAttr::get(RankedTensorType::get({1}, builder.getI64Type()), int64_t(-1));
    Value minusOne = onnx::ConstantOp::create(builder, op->getLoc(), all.getType(), all);
    view.getDataMutable().assign(onnx::ReshapeOp::create(
        builder, op->getLoc(), flat, view.getData(), minusOne, /*allowzero=*/0));
  }
}

void rewire(func::FuncOp main, Random &random) {
  std::vector<Operation *> all = nodes(main);
  for (;;) {
    Operation *op = all[random() % all.size()];
    if (op->getNumOperands() == 0)
      continue;
    OpOperand &operand = op->getOpOperand(random() % op->getNumOperands());
    std::vector<Value> others;
    auto consider = [&](Value value) {
      if (value != operand.get() && value.getType() == operand.get().getType())
        others.push_back(value);
    };
    for (Value argument : main.getArguments())
      consider(argument);
    for (Operation *before = op->getPrevNode(); before; before = before->getPrevNode())
      for (Value result : before->getResults())
        consider(result);
    if (!others.empty())
      return operand.set(others[random() % others.size()]);
  }
}

} // namespace mixserve::test
