//===- InputRoles.cpp - what the inputs of an ONNX graph are ----------------------------------===//

#include "InputRoles.h"
#include "dialects/nn/NNDialect.h"
#include "dialects/onnx/OnnxDialect.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace mixserve::raise {

static bool isView(Operation *op) {
  return isa<onnx::IdentityOp, onnx::CastOp, onnx::ReshapeOp, onnx::SqueezeOp, onnx::UnsqueezeOp>(
      op);
}

Value withoutViews(Value value) {
  for (Operation *op = value.getDefiningOp(); op && isView(op); op = value.getDefiningOp())
    value = op->getOperand(0);
  return value;
}

static std::string portName(DictionaryAttr attributes, StringRef kind, unsigned index) {
  if (attributes)
    if (auto name = attributes.getAs<StringAttr>("onnx.name"))
      return name.str();
  return (kind + " " + Twine(index)).str();
}

std::string inputName(func::FuncOp main, unsigned argument) {
  return portName(main.getArgAttrDict(argument), "input", argument);
}

std::string outputName(func::FuncOp main, unsigned result) {
  return portName(main.getResultAttrDict(result), "output", result);
}

StringRef axisName(func::FuncOp main, unsigned argument, unsigned axis) {
  auto dims = main.getArgAttrOfType<ArrayAttr>(argument, "onnx.dims");
  if (!dims || axis >= dims.size())
    return "";
  auto name = dyn_cast<StringAttr>(dims[axis]);
  return name ? name.getValue() : "";
}

/// True if a lookup's rows go where activations go: into a norm or a residual sum. Rotary tables,
/// the other kind of lookup, are only multiplied with something else or read by RotaryEmbedding.
static bool feedsActivations(Value rows) {
  SmallVector<Value> work{rows};
  while (!work.empty()) {
    Value value = work.pop_back_val();
    for (OpOperand &use : value.getUses()) {
      Operation *op = use.getOwner();
      if (isa<onnx::AddOp, onnx::PowOp, onnx::RMSNormalizationOp>(op))
        return true;
      if (isa<onnx::MulOp>(op) && op->getOperand(0) == op->getOperand(1))
        return true;
      if (isView(op))
        work.push_back(op->getResult(0));
    }
  }
  return false;
}

/// The argument that looks rows of a weight up for `gather`; none if it is no such lookup.
static std::optional<unsigned> embeddingInput(onnx::GatherOp gather) {
  auto type = dyn_cast<RankedTensorType>(gather.getData().getType());
  auto argument = dyn_cast<BlockArgument>(withoutViews(gather.getIndices()));
  int64_t axis = gather.getAxis();
  bool isFirst = axis == 0 || axis == -2;
  if (!argument || !type || type.getRank() != 2 || !isa<FloatType>(type.getElementType()) ||
      !isFirst || !feedsActivations(gather.getOutput()))
    return std::nullopt;
  return argument.getArgNumber();
}

/// True if the input decides what may be seen rather than where a token stands: its values are
/// compared.
static bool feedsComparison(BlockArgument argument) {
  SmallVector<Value> work{argument};
  llvm::SmallPtrSet<Operation *, 16> seen;
  while (!work.empty()) {
    Value value = work.pop_back_val();
    for (Operation *op : value.getUsers()) {
      if (isa<onnx::EqualOp, onnx::GreaterOp, onnx::GreaterOrEqualOp, onnx::LessOp,
              onnx::LessOrEqualOp, onnx::AndOp, onnx::WhereOp, onnx::AttentionOp, onnx::NotOp>(op))
        return true;
      bool isTable = isa<onnx::CosOp, onnx::SinOp, onnx::ShapeOp, onnx::RotaryEmbeddingOp>(op) ||
                     (isa<onnx::GatherOp>(op) && op->getOperand(0) != value);
      if (!isTable && seen.insert(op).second)
        work.append(op->result_begin(), op->result_end());
    }
  }
  return false;
}

static FailureOr<unsigned> findTokens(func::FuncOp main) {
  std::optional<unsigned> tokens;
  for (auto gather : main.getOps<onnx::GatherOp>()) {
    std::optional<unsigned> input = embeddingInput(gather);
    if (!input || tokens == input)
      continue;
    if (tokens)
      return gather.emitError("both input '")
             << inputName(main, *tokens) << "' and input '" << inputName(main, *input)
             << "' look up embeddings; one input of token ids is supported";
    tokens = input;
  }
  if (!tokens)
    return main.emitError(
        "no input of token ids: expected a Gather of a [V, H] weight by an input, "
        "feeding a norm or a residual sum");
  return *tokens;
}

FailureOr<SmallVector<InputRole>> findInputRoles(func::FuncOp main) {
  FailureOr<unsigned> tokens = findTokens(main);
  if (failed(tokens))
    return failure();
  SmallVector<InputRole> roles(main.getNumArguments(), InputRole::Unused);
  for (BlockArgument argument : main.getArguments()) {
    unsigned index = argument.getArgNumber();
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    if (index == *tokens) {
      roles[index] = InputRole::Tokens;
    } else if (argument.use_empty()) {
      continue;
    } else if (type && type.getRank() == 4 && isa<FloatType>(type.getElementType())) {
      roles[index] = InputRole::Cache;
    } else if (type && type.getRank() == 2 && type.getElementType().isIntOrIndex()) {
      StringRef length = axisName(main, index, 1), tokenLength = axisName(main, *tokens, 1);
      bool isMask =
          length.empty() || tokenLength.empty() ? feedsComparison(argument) : length != tokenLength;
      roles[index] = isMask ? InputRole::AttentionMask : InputRole::Positions;
    } else {
      return main.emitError("input '")
             << inputName(main, index) << "' of type " << argument.getType()
             << " is neither token ids [B,S], positions [B,S], a mask [B,P+S], nor a cache "
                "[B,G,P,D]; "
                "export the model with these inputs only";
    }
  }
  return roles;
}

} // namespace mixserve::raise
