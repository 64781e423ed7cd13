//===- HostTensor.cpp - a small tensor in memory ----------------------------------------------===//

#include "mixserve/Import/HostTensor.h"
#include "Kernels.h"

#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/StringExtras.h"

#include <cassert>
#include <cmath>
#include <cstring>

using namespace llvm;

namespace mixserve {

int64_t countElements(ArrayRef<int64_t> shape) {
  int64_t count = 1;
  bool empty = false;
  for (int64_t size : shape) {
    if (size < 0)
      return -1;
    empty |= size == 0;
    if (size > 0 && count > (int64_t(1) << 62) / size)
      return -1;
    count *= size == 0 ? 1 : size;
  }
  return empty ? 0 : count;
}

HostTensor::HostTensor(Kind kind, ArrayRef<int64_t> shape)
    : elementKind(kind), sizes(shape), count(countElements(shape)) {
  assert(count >= 0 && "shape without elements");
  if (kind == Kind::Float)
    elements = std::vector<float>(count);
  else if (kind == Kind::Double)
    elements = std::vector<double>(count);
  else
    elements = std::vector<int64_t>(count);
}

template <typename T>
static HostTensor filled(HostTensor::Kind kind, ArrayRef<int64_t> shape,
                         const std::vector<T> &elements) {
  HostTensor tensor(kind, shape);
  assert(tensor.numElements() == static_cast<int64_t>(elements.size()) &&
         "elements do not fit the shape");
  tensor.visit([&](auto &own) {
    for (size_t i = 0; i < own.size(); ++i)
      own[i] = elements[i];
  });
  return tensor;
}

HostTensor HostTensor::floats(ArrayRef<int64_t> shape, std::vector<float> elements) {
  return filled(Kind::Float, shape, elements);
}
HostTensor HostTensor::doubles(ArrayRef<int64_t> shape, std::vector<double> elements) {
  return filled(Kind::Double, shape, elements);
}
HostTensor HostTensor::ints(ArrayRef<int64_t> shape, std::vector<int64_t> elements) {
  return filled(Kind::Int, shape, elements);
}
HostTensor HostTensor::bools(ArrayRef<int64_t> shape, std::vector<int64_t> elements) {
  return filled(Kind::Bool, shape, elements);
}

double HostTensor::asDouble(int64_t i) const {
  return visit([&](const auto &own) { return static_cast<double>(own[i]); });
}

int64_t HostTensor::asInt(int64_t i) const {
  return visit([&](const auto &own) { return static_cast<int64_t>(own[i]); });
}

HostTensor HostTensor::reshaped(ArrayRef<int64_t> shape) const {
  assert(countElements(shape) == count && "another number of elements");
  HostTensor result = *this;
  result.sizes.assign(shape.begin(), shape.end());
  return result;
}

namespace import {

std::optional<HostTensor::Kind> kindOf(mlir::Type element) {
  if (element.isInteger(1))
    return HostTensor::Kind::Bool;
  if (isa<mlir::IntegerType>(element) && element.getIntOrFloatBitWidth() <= 64)
    return HostTensor::Kind::Int;
  if (element.isF64())
    return HostTensor::Kind::Double;
  if (element.isF32() || element.isF16() || element.isBF16())
    return HostTensor::Kind::Float;
  return std::nullopt;
}

void roundTo(mlir::Type element, HostTensor &tensor) {
  if (tensor.kind() == HostTensor::Kind::Int && element.getIntOrFloatBitWidth() < 64) {
    const unsigned drop = 64 - element.getIntOrFloatBitWidth();
    for (int64_t &value : tensor.ints()) {
      const uint64_t high = static_cast<uint64_t>(value) << drop;
      value = element.isUnsignedInteger() ? static_cast<int64_t>(high >> drop)
                                          : static_cast<int64_t>(high) >> drop;
    }
  } else if (tensor.kind() == HostTensor::Kind::Float && !element.isF32()) {
    const fltSemantics &semantics = element.isF16() ? APFloat::IEEEhalf() : APFloat::BFloat();
    for (float &value : tensor.floats()) {
      APFloat number(value);
      bool losesInfo;
      number.convert(semantics, APFloat::rmNearestTiesToEven, &losesInfo);
      number.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven, &losesInfo);
      value = number.convertToFloat();
    }
  }
}

HostTensor fromAttribute(mlir::DenseElementsAttr attribute) {
  mlir::Type element = attribute.getElementType();
  HostTensor tensor(*kindOf(element), attribute.getType().getShape());
  int64_t i = 0;
  if (isa<mlir::IntegerType>(element)) {
    const bool isUnsigned = element.isUnsignedInteger() || element.isInteger(1);
    for (const APInt &value : attribute.getValues<APInt>())
      tensor.ints()[i++] =
          isUnsigned ? static_cast<int64_t>(value.getZExtValue()) : value.getSExtValue();
    return tensor;
  }
  for (APFloat value : attribute.getValues<APFloat>()) {
    bool losesInfo;
    if (tensor.kind() == HostTensor::Kind::Double) {
      tensor.doubles()[i++] = value.convertToDouble();
    } else {
      value.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven, &losesInfo);
      tensor.floats()[i++] = value.convertToFloat();
    }
  }
  return tensor;
}

template <typename T> static T load(StringRef bytes, int64_t i) {
  T value;
  std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
  return value;
}

HostTensor fromBytes(ArrayRef<int64_t> shape, mlir::Type element, StringRef bytes) {
  HostTensor tensor(*kindOf(element), shape);
  const unsigned width = element.getIntOrFloatBitWidth();
  for (int64_t i = 0; i < tensor.numElements(); ++i) {
    if (element.isF64()) {
      tensor.doubles()[i] = load<double>(bytes, i);
    } else if (element.isF32()) {
      tensor.floats()[i] = load<float>(bytes, i);
    } else if (element.isBF16()) {
      const uint32_t bits = static_cast<uint32_t>(load<uint16_t>(bytes, i)) << 16;
      std::memcpy(&tensor.floats()[i], &bits, sizeof(float));
    } else if (element.isF16()) {
      APFloat number(APFloat::IEEEhalf(), APInt(16, load<uint16_t>(bytes, i)));
      bool losesInfo;
      number.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven, &losesInfo);
      tensor.floats()[i] = number.convertToFloat();
    } else if (width == 1) {
      tensor.ints()[i] = bytes[i] != 0;
    } else {
      tensor.ints()[i] = width == 8    ? load<uint8_t>(bytes, i)
                         : width == 16 ? load<uint16_t>(bytes, i)
                         : width == 32 ? static_cast<int64_t>(load<uint32_t>(bytes, i))
                                       : load<int64_t>(bytes, i);
    }
  }
  if (tensor.kind() == HostTensor::Kind::Int)
    roundTo(element, tensor); // sign
  return tensor;
}

Sizes stridesOf(ArrayRef<int64_t> shape) {
  Sizes strides(shape.size(), 1);
  for (int64_t axis = static_cast<int64_t>(shape.size()) - 2; axis >= 0; --axis)
    strides[axis] = strides[axis + 1] * shape[axis + 1];
  return strides;
}

std::optional<Sizes> broadcastShapes(ArrayRef<int64_t> a, ArrayRef<int64_t> b) {
  if (a.size() < b.size())
    std::swap(a, b);
  Sizes result(a);
  const size_t lead = a.size() - b.size();
  for (size_t i = 0; i < b.size(); ++i) {
    if (a[lead + i] == 1)
      result[lead + i] = b[i];
    else if (b[i] != 1 && b[i] != a[lead + i])
      return std::nullopt;
  }
  return result;
}

Sizes broadcastStrides(ArrayRef<int64_t> shape, ArrayRef<int64_t> target) {
  Sizes own = stridesOf(shape), strides(target.size(), 0);
  const size_t lead = target.size() - shape.size();
  for (size_t i = 0; i < shape.size(); ++i)
    strides[lead + i] = shape[i] == 1 ? 0 : own[i];
  return strides;
}

std::string shapeText(ArrayRef<int64_t> shape) {
  return "[" + join(map_range(shape, [](int64_t size) { return std::to_string(size); }), ", ") +
         "]";
}

std::optional<int64_t> axisFrom(int64_t axis, int64_t rank) {
  if (axis < -rank || axis >= rank)
    return std::nullopt;
  return axis < 0 ? axis + rank : axis;
}

Why Run::allocate(unsigned index, HostTensor::Kind kind, ArrayRef<int64_t> shape) {
  const int64_t count = countElements(shape);
  if (count < 0 || count > elementLimit)
    return "a result of shape " + shapeText(shape) + " is above the limit of " +
           std::to_string(elementLimit) + " elements";
  out[index] = HostTensor(kind, shape);
  return {};
}

Kernel findKernel(StringRef opName) {
  for (auto find :
       {findElementwiseKernel, findMovementKernel, findReductionKernel, findTransformerKernel})
    if (Kernel kernel = find(opName))
      return kernel;
  return nullptr;
}

} // namespace import
} // namespace mixserve
