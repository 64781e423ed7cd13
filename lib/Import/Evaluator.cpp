//===- Evaluator.cpp - what onnx ops compute, on small tensors --------------------------------===//

#include "mixserve/Import/Evaluator.h"
#include "ExternalFiles.h"
#include "Kernels.h"

#include "dialects/nn/NNDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/SymbolTable.h"

using namespace mlir;
using namespace mixserve::import;

namespace mixserve {

LogicalResult Evaluator::fail(Operation *op, const std::string &why) {
  llvm::raw_string_ostream text(message);
  text << op->getName().getStringRef();
  if (auto name = dyn_cast<NameLoc>(op->getLoc()))
    text << " (" << name.getName().getValue() << ")";
  text << ": " << why;
  return failure();
}

/// Puts the elements of a box, from `bytes` that start at its first element, at their place in
/// `tensor`.
static void place(nn::BoxAttr box, const HostTensor &elements, HostTensor &tensor) {
  Sizes whole = stridesOf(tensor.shape());
  int64_t start = 0;
  for (size_t d = 0; d < whole.size(); ++d)
    start += whole[d] * box.getAt()[d];
  tensor.visit([&](auto &to) {
    const auto &source = like(to, elements);
    forEachPosition(box.getShape(), {Sizes(box.getStrides()), whole},
                    [&](ArrayRef<int64_t> offset) { to[start + offset[1]] = source[offset[0]]; });
  });
}

/// Reads a parameter whole.
static Why readParam(nn::ParamRefOp ref, int64_t bytesLeft, int64_t elementLimit,
                     HostTensor &result, int64_t &bytesRead) {
  auto module = ref->getParentOfType<ModuleOp>();
  auto param = module ? module.lookupSymbol<nn::ParamOp>(ref.getParam()) : nn::ParamOp();
  auto folder = module ? module->getAttrOfType<StringAttr>(nn::kSourceFolderAttr) : StringAttr();
  if (!param || !folder)
    return "the parameter or the module's source folder is unknown";
  RankedTensorType type = param.getTensorType();
  std::optional<HostTensor::Kind> kind = kindOf(type.getElementType());
  if (!kind || ref.getType() != type)
    return "the parameter has no readable type";
  const int64_t count = countElements(type.getShape());
  if (count < 0 || count > elementLimit)
    return "the parameter is above the limit of " + std::to_string(elementLimit) + " elements";
  result = HostTensor(*kind, type.getShape());
  ExternalFiles files(folder.getValue());
  for (auto box : param.getBoxes().getAsRange<nn::BoxAttr>()) {
    // From the first element of the box to its last, whatever lies between.
    if (box.getType() != type.getElementType())
      return "the parameter is stored in another element type";
    const int64_t width = std::max(1u, box.getType().getIntOrFloatBitWidth() / 8);
    int64_t span = 1;
    for (auto [size, stride] : llvm::zip_equal(box.getShape(), box.getStrides()))
      span += (size - 1) * stride;
    bytesRead += span * width;
    if (bytesRead > bytesLeft)
      return "the parameters needed are above the limit of bytes read";
    const ExternalFiles::File &file = files.look(box.getFile());
    std::string bytes;
    // The model file itself may be a link; only data files beside it may not.
    if (!files.read(box.getFile(), box.getOffset(), span * width, bytes))
      return file.problem.empty() ? "cannot read '" + box.getFile().str() + "'" : file.problem;
    place(box, fromBytes({span}, box.getType(), bytes), result);
  }
  return {};
}

LogicalResult Evaluator::run(Operation *op) {
  if (auto constant = dyn_cast<onnx::ConstantOp>(op)) {
    auto elements = dyn_cast<DenseElementsAttr>(constant.getValue());
    if (!elements || !kindOf(elements.getElementType()))
      return fail(op, "its elements are not readable");
    known[constant.getOutput()] = std::make_unique<HostTensor>(fromAttribute(elements));
    return success();
  }
  if (auto ref = dyn_cast<nn::ParamRefOp>(op)) {
    auto tensor = std::make_unique<HostTensor>();
    int64_t read = 0;
    Why why = readParam(ref, limits.paramBytes - paramBytesRead, limits.elements, *tensor, read);
    paramBytesRead += read;
    if (!why.empty())
      return fail(op, why);
    known[ref.getResult()] = std::move(tensor);
    return success();
  }
  Kernel kernel = findKernel(op->getName().getStringRef());
  if (!kernel)
    return fail(op, "is no onnx op that can be evaluated");
  Run run{op, {}, {}, limits.elements};
  for (Value operand : op->getOperands())
    run.in.push_back(onnx::isNoValue(operand) ? nullptr : known[operand].get());
  run.out.resize(op->getNumResults());
  Why why = kernel(run);
  if (!why.empty())
    return fail(op, why);
  for (auto [result, tensor] : llvm::zip_equal(op->getResults(), run.out)) {
    auto type = dyn_cast<TensorType>(result.getType());
    if (!type || known.contains(result)) // left out, or bound by the caller
      continue;
    if (kindOf(type.getElementType()) != tensor.kind())
      return fail(op, "has an element type that is not supported");
    roundTo(type.getElementType(), tensor);
    known[result] = std::make_unique<HostTensor>(std::move(tensor));
  }
  return success();
}

const HostTensor *Evaluator::evaluate(Value value) {
  message.clear();
  // Depth first without recursion: graphs are as deep as models have layers.
  SmallVector<Value> stack = {value};
  while (!stack.empty()) {
    Value top = stack.back();
    if (known.contains(top)) {
      stack.pop_back();
      continue;
    }
    Operation *op = top.getDefiningOp();
    if (!op) {
      message = "it depends on an argument that has no content";
      return nullptr;
    }
    const size_t before = stack.size();
    for (Value operand : op->getOperands())
      if (!onnx::isNoValue(operand) && !known.contains(operand))
        stack.push_back(operand);
    if (stack.size() > before)
      continue;
    if (failed(run(op)))
      return nullptr;
    if (!known.contains(top)) {
      (void)fail(op, "does not give that result");
      return nullptr;
    }
  }
  return known[value].get();
}

} // namespace mixserve
