//===- TensorBook.cpp - parameters from the tensors of a folder -------------===//

#include "TensorBook.h"

#include "dialects/nn/NNDialect.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;

namespace mixserve::import {

/// Lines of one kind that an error lists; it counts the rest.
static constexpr size_t kListed = 8;
/// Faults after which no more are looked for: a config may ask for a billion tensors.
static constexpr size_t kManyFaults = 10000;

static int64_t bytesOf(StringRef dtype) { return dtype == "F32" ? 4 : 2; }

static Type typeOf(StringRef dtype, MLIRContext *context) {
  return llvm::StringSwitch<Type>(dtype)
      .Case("BF16", BFloat16Type::get(context))
      .Case("F16", Float16Type::get(context))
      .Default(Float32Type::get(context));
}

static std::string shapeText(ArrayRef<int64_t> shape) {
  return (
      "[" +
      llvm::join(llvm::map_range(shape, [](int64_t size) { return std::to_string(size); }), ", ") +
      "]");
}

static SmallVector<int64_t, 3> rowMajor(ArrayRef<int64_t> shape) {
  SmallVector<int64_t, 3> strides(shape.size(), 1);
  for (size_t d = shape.size(); d-- > 1;)
    strides[d - 1] = strides[d] * shape[d];
  return strides;
}

bool TensorBook::isHopeless() const { return missing.size() + wrong.size() >= kManyFaults; }

const StoredTensor *TensorBook::take(const std::string &name, ArrayRef<int64_t> shape) {
  if (!tensors || isHopeless())
    return nullptr;
  taken.insert(name);
  auto found = tensors->find(name);
  if (found == tensors->end()) {
    missing.push_back(name);
    return nullptr;
  }
  const StoredTensor &tensor = found->second;
  const std::string what = "tensor '" + name + "' in '" + tensor.file + "' ";
  if (shape != ArrayRef<int64_t>(tensor.shape)) {
    wrong.push_back(what + "has shape " + shapeText(tensor.shape) + ", config.json asks for " +
                    shapeText(shape));
    return nullptr;
  }
  if (tensor.dtype != "F32" && tensor.dtype != "BF16" && tensor.dtype != "F16") {
    wrong.push_back(what + "has dtype " + tensor.dtype + ", expected F32, BF16 or F16");
    return nullptr;
  }
  if (dtype.empty()) {
    dtype = tensor.dtype;
    dtypeOf = name;
  }
  if (tensor.dtype != dtype) {
    wrong.push_back(what + "has dtype " + tensor.dtype +
                    (dtypeOf.empty() ? ", config.json says " : ", '" + dtypeOf + "' has ") + dtype);
    return nullptr;
  }
  return &tensor;
}

Location TensorBook::locationOf(StringRef name) const {
  return NameLoc::get(StringAttr::get(context, name));
}

Attribute TensorBook::box(const StoredTensor *tensor, int64_t skip, ArrayRef<int64_t> at,
                          ArrayRef<int64_t> shape, ArrayRef<int64_t> strides) const {
  return nn::BoxAttr::get(context, tensor ? tensor->file : "",
                          (tensor ? tensor->offset : 0) + skip * bytesOf(dtype),
                          typeOf(dtype, context), at, shape, strides);
}

StepWeight TensorBook::weight(StringRef name, ArrayRef<int64_t> shape,
                              ArrayRef<Attribute> boxes) const {
  return {RankedTensorType::get(shape, Float32Type::get(context)), ArrayAttr::get(context, boxes),
          locationOf(name)};
}

StepWeight TensorBook::whole(const std::string &name, ArrayRef<int64_t> shape) {
  const StoredTensor *tensor = take(name, shape);
  const SmallVector<int64_t, 3> start(shape.size(), 0);
  return weight(name, shape, box(tensor, 0, start, shape, rowMajor(shape)));
}

StepWeight TensorBook::rowsOfStack(const std::string &name, ArrayRef<int64_t> shape, int64_t rows,
                                   int64_t first) {
  const int64_t columns = shape[2];
  const StoredTensor *tensor = take(name, {shape[0], rows, columns});
  return weight(name, shape,
                box(tensor, first * columns, {0, 0, 0}, shape, {rows * columns, columns, 1}));
}

StepWeight TensorBook::stack(StringRef origin, ArrayRef<int64_t> shape,
                             llvm::function_ref<std::string(int64_t)> nameOf) {
  SmallVector<Attribute> boxes;
  for (int64_t i = 0; tensors && i < shape[0] && !isHopeless(); ++i)
    boxes.push_back(box(take(nameOf(i), shape.drop_front()), 0, {i, 0, 0}, {1, shape[1], shape[2]},
                        {0, shape[2], 1}));
  if (!tensors)
    boxes.push_back(box(nullptr, 0, {0, 0, 0}, shape, rowMajor(shape)));
  return weight(origin, shape, boxes);
}

static void list(std::string &text, StringRef title, ArrayRef<std::string> lines, bool isAll) {
  if (lines.empty())
    return;
  text += ("\n  " + Twine(lines.size()) + (isAll ? " " : " or more ") + title + ":").str();
  for (const std::string &line : lines.take_front(kListed))
    text += "\n    " + line;
  if (lines.size() > kListed)
    text += "\n    .. and " + std::to_string(lines.size() - kListed) + " more";
}

std::string TensorBook::problems() const {
  std::vector<std::string> extra;
  if (tensors && !isHopeless())
    for (const auto &[name, tensor] : *tensors)
      if (!taken.contains(name))
        extra.push_back(name + " in '" + tensor.file + "'");
  const bool isAll = !isHopeless();
  std::string text;
  list(text, "missing", missing, isAll);
  list(text, "not as config.json says", wrong, isAll);
  list(text, "that a model of this config does not have", extra, isAll);
  return text;
}

} // namespace mixserve::import
