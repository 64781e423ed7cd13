//===- LayerKey.cpp - When are two layers of the same kind? -----------------===//
#include "LayerKey.h"
#include "dialects/nn/NNDialect.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace mixserve;

void mixserve::findInterface(LayerGroup &group) {
  llvm::SmallPtrSet<Operation *, 32> inside(group.ops.begin(), group.ops.end());
  auto isInside = [&](Operation *op) {
    for (; op; op = op->getParentOp())
      if (inside.contains(op))
        return true;
    return false;
  };
  llvm::SetVector<Value> inputs;
  for (Operation *top : group.ops) {
    top->walk<WalkOrder::PreOrder>([&](Operation *op) {
      for (Value operand : op->getOperands()) {
        Operation *owner = operand.getDefiningOp();
        if (!owner)
          owner = operand.getParentBlock()->getParentOp();
        if (!isInside(owner))
          inputs.insert(operand);
      }
      if (std::optional<int64_t> cache = nn::cacheOf(op))
        group.caches.push_back(*cache);
    });
    for (Value result : top->getResults())
      if (llvm::any_of(result.getUsers(), [&](Operation *user) { return !isInside(user); }))
        group.outputs.push_back(result);
  }
  group.inputs = inputs.takeVector();
}

namespace {

/// Writes a group as a sequence of uniqued pointers and small numbers.
class KeyWriter {
public:
  std::vector<const void *> key;

  void writeValue(Value value) {
    auto [it, isNew] = numbers.try_emplace(value, numbers.size());
    writeNumber(it->second);
    if (isNew)
      key.push_back(value.getType().getAsOpaquePointer());
  }

  void writeOp(Operation &op) {
    key.push_back(op.getName().getAsOpaquePointer());
    writeNumber(op.getNumOperands());
    for (Value operand : op.getOperands())
      writeValue(operand);
    for (NamedAttribute attr : op.getAttrDictionary()) {
      if (isIgnored(op, attr.getName()))
        continue;
      key.push_back(attr.getName().getAsOpaquePointer());
      key.push_back(attr.getValue().getAsOpaquePointer());
    }
    writeNumber(op.getNumResults());
    for (Value result : op.getResults())
      writeValue(result);
    for (Region &region : op.getRegions())
      for (Block &block : region) {
        writeNumber(block.getNumArguments());
        for (Value argument : block.getArguments())
          writeValue(argument);
        for (Operation &inner : block)
          writeOp(inner);
      }
  }

private:
  void writeNumber(uintptr_t number) { key.push_back(reinterpret_cast<const void *>(number)); }

  static bool isIgnored(Operation &op, StringRef name) {
    return name == nn::kLayerAttr || name == plan::kChosenByAttr || name == plan::kBytesAttr ||
           (name == "cache" && nn::cacheOf(&op));
  }

  llvm::DenseMap<Value, uintptr_t> numbers;
};

} // namespace

std::vector<const void *> mixserve::layerKey(const LayerGroup &group) {
  KeyWriter writer;
  for (Operation *op : group.ops)
    writer.writeOp(*op);
  for (Value output : group.outputs)
    writer.writeValue(output);
  return std::move(writer.key);
}
