//===- Probe.cpp - runs parts of an ONNX graph on chosen batches ------------------------------===//

#include "Probe.h"
#include "InputRoles.h"
#include "dialects/onnx/OnnxDialect.h"
#include "llvm/ADT/SmallPtrSet.h"

using namespace mlir;

namespace mixserve::raise {

FailureOr<Probe> Probe::create(func::FuncOp main) {
  Probe probe;
  probe.main = main;
  FailureOr<SmallVector<InputRole>> roles = findInputRoles(main);
  if (failed(roles))
    return failure();
  probe.roles = *roles;
  for (BlockArgument argument : main.getArguments()) {
    if (probe.roles[argument.getArgNumber()] != InputRole::Tokens)
      continue;
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    if (!type || type.getRank() != 2)
      return main.emitError("token ids must be [B,S], got ") << argument.getType();
    if (!type.isDynamicDim(1))
      return main.emitError("the graph is fixed to sequences of ")
             << type.getDimSize(1) << " tokens; export it with a dynamic sequence axis";
    if (!type.isDynamicDim(0))
      probe.fixedBatch = type.getDimSize(0);
  }
  probe.nearEvaluator = std::make_unique<Evaluator>();
  Scenario near = probe.nearScenario();
  probe.bindInputs(*probe.nearEvaluator, near);
  for (BlockArgument argument : main.getArguments())
    if (probe.roles[argument.getArgNumber()] == InputRole::Tokens)
      probe.nearEvaluator->bind(
          argument,
          HostTensor::ints({near.sizes.batch, near.sizes.length},
                           std::vector<int64_t>(near.positions.begin(), near.positions.end())));
  return probe;
}

Scenario Probe::nearScenario() const {
  Scenario near{nearSizes(), {}, {}};
  for (int64_t t = 0; t < near.sizes.tokens(); ++t)
    near.positions.push_back(t);
  return near;
}

bool Probe::dependsOn(Value value, InputRole role) const {
  SmallVector<Value> work{value};
  llvm::SmallPtrSet<Operation *, 16> seen;
  while (!work.empty()) {
    Value next = work.pop_back_val();
    if (auto argument = dyn_cast<BlockArgument>(next)) {
      if (roles[argument.getArgNumber()] == role)
        return true;
    } else if (!isa<onnx::ShapeOp>(next.getDefiningOp()) &&
               seen.insert(next.getDefiningOp()).second) {
      work.append(next.getDefiningOp()->operand_begin(), next.getDefiningOp()->operand_end());
    }
  }
  return false;
}

SmallVector<int64_t> Probe::cacheSizes(unsigned argument, Sizes sizes) const {
  auto type = cast<RankedTensorType>(main.getArgument(argument).getType());
  SmallVector<int64_t> result{sizes.batch, -1, sizes.past, -1};
  for (int64_t axis : {1, 3}) {
    int64_t size = type.getDimSize(axis);
    // Some exporters write fixed sizes as symbols: "16".
    if (type.isDynamicDim(axis) && axisName(main, argument, axis).getAsInteger(10, size))
      size = -1;
    result[axis] = size;
  }
  return result;
}

/// 1 where a token is, 0 where padding is: [B, P + S].
static HostTensor attentionMask(const Scenario &scenario, Type element) {
  const Sizes &sizes = scenario.sizes;
  std::vector<int64_t> mask;
  for (int64_t b = 0; b < sizes.batch; ++b)
    for (int64_t key = 0; key < sizes.keys(); ++key)
      mask.push_back(key >= scenario.pad(b));
  SmallVector<int64_t> shape{sizes.batch, sizes.keys()};
  return element.isInteger(1) ? HostTensor::bools(shape, mask) : HostTensor::ints(shape, mask);
}

void Probe::bindInputs(Evaluator &evaluator, const Scenario &scenario) const {
  const Sizes &sizes = scenario.sizes;
  SmallVector<int64_t> rows{sizes.batch, sizes.length};
  for (BlockArgument argument : main.getBody().getArguments()) {
    SmallVector<int64_t> shape = rows;
    InputRole role = roles[argument.getArgNumber()];
    if (role == InputRole::Positions) {
      std::vector<int64_t> positions;
      for (int64_t b = 0; b < sizes.batch; ++b)
        for (int64_t s = 0; s < sizes.length; ++s)
          positions.push_back(std::max<int64_t>(scenario.position(b, s), 0));
      evaluator.bind(argument, HostTensor::ints(rows, positions));
    } else if (role == InputRole::AttentionMask) {
      evaluator.bind(
          argument, attentionMask(scenario, cast<TensorType>(argument.getType()).getElementType()));
      shape = {sizes.batch, sizes.keys()};
    } else if (role == InputRole::Cache) {
      shape = cacheSizes(argument.getArgNumber(), sizes);
    }
    // Only sizes of token ids and caches are asked for: their contents stay unbound.
    for (Operation *user : argument.getUsers())
      if (auto op = dyn_cast<onnx::ShapeOp>(user)) {
        auto clamp = [&](int64_t at) {
          return std::clamp<int64_t>(at < 0 ? at + shape.size() : at, 0, shape.size());
        };
        int64_t start = clamp(op.getStart()),
                end = op.getEnd() ? clamp(*op.getEnd()) : shape.size();
        ArrayRef<int64_t> part =
            ArrayRef<int64_t>(shape).slice(start, std::max<int64_t>(end - start, 0));
        if (!llvm::is_contained(part, -1))
          evaluator.bind(op.getShape(),
                         HostTensor::ints({static_cast<int64_t>(part.size())},
                                          std::vector<int64_t>(part.begin(), part.end())));
      }
  }
  for (const KnownShape &known : shapes)
    if (std::optional<Layout> layout = resized(known.data, nearSizes(), sizes)) {
      SmallVector<int64_t> all = sizesOf(*layout);
      std::vector<int64_t> part(all.begin() + known.start, all.begin() + known.start + known.count);
      evaluator.bind(known.shape, HostTensor::ints({known.count}, part));
    }
}

const HostTensor *Probe::near(Value value) {
  const HostTensor *tensor = nearEvaluator->evaluate(value);
  if (!tensor)
    message = nearEvaluator->error();
  return tensor;
}

std::optional<HostTensor> Probe::evaluate(const Scenario &scenario, Value value) {
  Evaluator evaluator;
  bindInputs(evaluator, scenario);
  if (const HostTensor *tensor = evaluator.evaluate(value))
    return *tensor;
  message = evaluator.error();
  return std::nullopt;
}

void Probe::bindShape(Value shape, const Layout &data, int64_t start, int64_t count) {
  SmallVector<int64_t> all = sizesOf(data);
  nearEvaluator->bind(shape,
                      HostTensor::ints({count}, std::vector<int64_t>(all.begin() + start,
                                                                     all.begin() + start + count)));
  shapes.push_back({shape, data, start, count});
}

} // namespace mixserve::raise
