//===- EvaluateElementwise.cpp - arithmetic, comparison, logic, casts, constants --------------===//

#include "Kernels.h"

#include "llvm/ADT/StringSwitch.h"

#include <cmath>
#include <limits>

using namespace llvm;

namespace mixserve::import {

using Kind = HostTensor::Kind;

/// The typed elements of a tensor.
template <typename T> static ArrayRef<T> data(const HostTensor &tensor) {
  if constexpr (std::is_same_v<T, float>)
    return tensor.floats();
  else if constexpr (std::is_same_v<T, double>)
    return tensor.doubles();
  else
    return tensor.ints();
}

/// out = f(a, b) with broadcasting; `f` gets two T and gives an element of the result.
template <typename T, typename F> static Why zip(Run &run, Kind kind, F f) {
  const HostTensor &a = run.input(0), &b = run.input(1);
  std::optional<Sizes> shape = broadcastShapes(a.shape(), b.shape());
  if (!shape)
    return "shapes " + shapeText(a.shape()) + " and " + shapeText(b.shape()) + " do not broadcast";
  if (Why why = run.allocate(0, kind, *shape); !why.empty())
    return why;
  Why problem;
  run.out[0].visit([&](auto &out) {
    ArrayRef<T> left = data<T>(a), right = data<T>(b);
    int64_t next = 0;
    forEachPosition(
        *shape, {broadcastStrides(a.shape(), *shape), broadcastStrides(b.shape(), *shape)},
        [&](ArrayRef<int64_t> at) { out[next++] = f(left[at[0]], right[at[1]], problem); });
  });
  return problem;
}

/// Dispatches zip on the operands' kind.
template <typename F> static Why zipSame(Run &run, std::optional<Kind> kind, F f) {
  if (run.input(0).kind() != run.input(1).kind())
    return "operands have different element types";
  const Kind result = kind.value_or(run.input(0).kind());
  switch (run.input(0).kind()) {
  case Kind::Float:
    return zip<float>(run, result, f);
  case Kind::Double:
    return zip<double>(run, result, f);
  case Kind::Int:
  case Kind::Bool:
    return zip<int64_t>(run, result, f);
  }
  return "unknown kind";
}

/// Integers wrap as two's complement does; C++ leaves that undefined for signed ones.
template <typename T, typename F> static T wrapping(T a, T b, F f) {
  if constexpr (std::is_integral_v<T>)
    return static_cast<T>(f(static_cast<uint64_t>(a), static_cast<uint64_t>(b)));
  else
    return f(a, b);
}

static int64_t divide(int64_t a, int64_t b, Why &why) {
  if (b == 0) {
    why = "integer division by zero";
    return 0;
  }
  return b == -1 ? static_cast<int64_t>(0 - static_cast<uint64_t>(a)) : a / b;
}
template <typename T> static T divide(T a, T b, Why &) { return a / b; }

static int64_t power(int64_t base, int64_t exponent) {
  if (exponent < 0)
    return base == 1 ? 1 : base == -1 ? (exponent % 2 ? -1 : 1) : 0;
  uint64_t result = 1, factor = static_cast<uint64_t>(base);
  for (uint64_t rest = static_cast<uint64_t>(exponent); rest; rest >>= 1, factor *= factor)
    if (rest & 1)
      result *= factor;
  return static_cast<int64_t>(result);
}

static Why add(Run &run) {
  return zipSame(run, {}, [](auto a, auto b, Why &) {
    return wrapping(a, b, [](auto x, auto y) { return x + y; });
  });
}
static Why sub(Run &run) {
  return zipSame(run, {}, [](auto a, auto b, Why &) {
    return wrapping(a, b, [](auto x, auto y) { return x - y; });
  });
}
static Why mul(Run &run) {
  return zipSame(run, {}, [](auto a, auto b, Why &) {
    return wrapping(a, b, [](auto x, auto y) { return x * y; });
  });
}
static Why div(Run &run) {
  return zipSame(run, {}, [](auto a, auto b, Why &why) { return divide(a, b, why); });
}

static Why pow(Run &run) {
  const HostTensor &base = run.input(0), &exponent = run.input(1);
  if (!base.isFloating() && !exponent.isFloating())
    return zip<int64_t>(run, Kind::Int, [](int64_t a, int64_t b, Why &) { return power(a, b); });
  std::optional<Sizes> shape = broadcastShapes(base.shape(), exponent.shape());
  if (!shape)
    return "shapes do not broadcast";
  if (Why why = run.allocate(0, base.kind(), *shape); !why.empty())
    return why;
  run.out[0].visit([&](auto &out) {
    using T = typename std::decay_t<decltype(out)>::value_type;
    int64_t next = 0;
    forEachPosition(
        *shape,
        {broadcastStrides(base.shape(), *shape), broadcastStrides(exponent.shape(), *shape)},
        [&](ArrayRef<int64_t> at) {
          out[next++] = static_cast<T>(std::pow(base.asDouble(at[0]), exponent.asDouble(at[1])));
        });
  });
  return {};
}

/// Max and Min of any number of operands, pairwise; NaN wins.
template <bool wantMax> static Why extremum(Run &run) {
  HostTensor best = run.input(0);
  for (unsigned i = 1; i < run.in.size(); ++i) {
    Run pair{run.op, {&best, run.in[i]}, SmallVector<HostTensor>(1), run.elementLimit};
    Why why = zipSame(pair, {}, [](auto a, auto b, Why &) {
      if (a != a)
        return a;
      if (b != b)
        return b;
      return wantMax ? std::max(a, b) : std::min(a, b);
    });
    if (!why.empty())
      return why;
    HostTensor next = std::move(pair.out[0]);
    best = std::move(next);
  }
  run.out[0] = std::move(best);
  return {};
}

template <typename F> static Why compare(Run &run, F f) {
  return zipSame(run, Kind::Bool, [&](auto a, auto b, Why &) { return f(a, b); });
}
static Why equal(Run &run) {
  return compare(run, [](auto a, auto b) { return a == b; });
}
static Why greater(Run &run) {
  return compare(run, [](auto a, auto b) { return a > b; });
}
static Why greaterOrEqual(Run &run) {
  return compare(run, [](auto a, auto b) { return a >= b; });
}
static Why less(Run &run) {
  return compare(run, [](auto a, auto b) { return a < b; });
}
static Why lessOrEqual(Run &run) {
  return compare(run, [](auto a, auto b) { return a <= b; });
}
static Why logicalAnd(Run &run) {
  return compare(run, [](auto a, auto b) { return a && b; });
}
static Why logicalOr(Run &run) {
  return compare(run, [](auto a, auto b) { return a || b; });
}

/// out = f(x), elementwise, for the kinds that `f` takes.
template <typename F> static Why map(Run &run, F f) {
  run.out[0] = run.input(0);
  run.out[0].visit([&](auto &out) {
    for (auto &element : out)
      element = f(element);
  });
  return {};
}
template <typename F> static Why mapFloat(Run &run, F f) {
  if (!run.input(0).isFloating())
    return "needs floats";
  return map(run, [&](auto x) { return static_cast<decltype(x)>(f(x)); });
}
static Why logicalNot(Run &run) {
  return map(run, [](auto x) { return static_cast<decltype(x)>(!x); });
}
static Why neg(Run &run) {
  return map(run, [](auto x) {
    return wrapping(decltype(x)(0), x, [](auto zero, auto y) {
      if constexpr (std::is_integral_v<decltype(y)>)
        return zero - y;
      else
        return -y;
    });
  });
}
static Why squareRoot(Run &run) {
  return mapFloat(run, [](auto x) { return std::sqrt(x); });
}
static Why reciprocal(Run &run) {
  return mapFloat(run, [](auto x) { return 1 / x; });
}
static Why sigmoid(Run &run) {
  return mapFloat(run, [](auto x) { return 1 / (1 + std::exp(-x)); });
}
static Why cosine(Run &run) {
  return mapFloat(run, [](auto x) { return std::cos(x); });
}
static Why sine(Run &run) {
  return mapFloat(run, [](auto x) { return std::sin(x); });
}
static Why identity(Run &run) {
  run.out[0] = run.input(0);
  return {};
}

static Why where(Run &run) {
  const HostTensor &condition = run.input(0), &x = run.input(1), &y = run.input(2);
  std::optional<Sizes> shape = broadcastShapes(x.shape(), y.shape());
  if (shape)
    shape = broadcastShapes(condition.shape(), *shape);
  if (!shape || x.kind() != y.kind() || condition.kind() != Kind::Bool)
    return "shapes or element types do not fit";
  if (Why why = run.allocate(0, x.kind(), *shape); !why.empty())
    return why;
  run.out[0].visit([&](auto &out) {
    using T = typename std::decay_t<decltype(out)>::value_type;
    ArrayRef<T> left = data<T>(x), right = data<T>(y);
    int64_t next = 0;
    forEachPosition(*shape,
                    {broadcastStrides(condition.shape(), *shape),
                     broadcastStrides(x.shape(), *shape), broadcastStrides(y.shape(), *shape)},
                    [&](ArrayRef<int64_t> at) {
                      out[next++] = condition.ints()[at[0]] ? left[at[1]] : right[at[2]];
                    });
  });
  return {};
}

/// Towards zero; what does not fit goes to the nearest end, NaN to 0.
static int64_t toInt(double x) {
  if (x != x)
    return 0;
  if (x >= 9223372036854775808.0)
    return std::numeric_limits<int64_t>::max();
  if (x < -9223372036854775808.0)
    return std::numeric_limits<int64_t>::min();
  return static_cast<int64_t>(x);
}

static Why castElements(Run &run) {
  const HostTensor &input = run.input(0);
  auto type = mlir::cast<mlir::TensorType>(run.op->getResult(0).getType());
  std::optional<Kind> kind = kindOf(type.getElementType());
  if (!kind)
    return "element type is not supported";
  if (Why why = run.allocate(0, *kind, input.shape()); !why.empty())
    return why;
  for (int64_t i = 0; i < input.numElements(); ++i) {
    switch (*kind) {
    case Kind::Float:
      run.out[0].floats()[i] = input.isFloating() ? static_cast<float>(input.asDouble(i))
                                                  : static_cast<float>(input.ints()[i]);
      break;
    case Kind::Double:
      run.out[0].doubles()[i] = input.asDouble(i);
      break;
    case Kind::Int:
      run.out[0].ints()[i] = input.isFloating() ? toInt(input.asDouble(i)) : input.ints()[i];
      break;
    case Kind::Bool:
      run.out[0].ints()[i] = input.isFloating() ? input.asDouble(i) != 0 : input.ints()[i] != 0;
    }
  }
  return {};
}

static Why constantOfShape(Run &run) {
  auto op = mlir::cast<onnx::ConstantOfShapeOp>(run.op);
  HostTensor value(Kind::Float, {1});
  if (std::optional<mlir::ElementsAttr> attribute = op.getValue()) {
    auto elements = dyn_cast<mlir::DenseElementsAttr>(*attribute);
    if (!elements || elements.getNumElements() != 1 || !kindOf(elements.getElementType()))
      return "value is not readable";
    value = fromAttribute(elements);
  }
  if (Why why = run.allocate(0, value.kind(), run.input(0).ints()); !why.empty())
    return why;
  run.out[0].visit([&](auto &out) {
    using T = typename std::decay_t<decltype(out)>::value_type;
    std::fill(out.begin(), out.end(), data<T>(value)[0]);
  });
  return {};
}

static Why range(Run &run) {
  const HostTensor &start = run.input(0), &limit = run.input(1), &delta = run.input(2);
  for (const HostTensor *one : run.in)
    if (one->numElements() != 1 || one->kind() != start.kind())
      return "start, limit and delta must be single values of one type";
  if (delta.asDouble(0) == 0)
    return "delta is 0";
  const double count = std::ceil((limit.asDouble(0) - start.asDouble(0)) / delta.asDouble(0));
  if (!(count <= static_cast<double>(run.elementLimit)))
    return "has too many elements";
  if (Why why = run.allocate(0, start.kind(), {std::max<int64_t>(0, static_cast<int64_t>(count))});
      !why.empty())
    return why;
  run.out[0].visit([&](auto &out) {
    using T = typename std::decay_t<decltype(out)>::value_type;
    for (size_t i = 0; i < out.size(); ++i)
      out[i] = static_cast<T>(data<T>(start)[0] + static_cast<T>(i) * data<T>(delta)[0]);
  });
  return {};
}

Kernel findElementwiseKernel(StringRef opName) {
  return llvm::StringSwitch<Kernel>(opName)
      .Case("onnx.Add", add)
      .Case("onnx.And", logicalAnd)
      .Case("onnx.Cast", castElements)
      .Case("onnx.CastLike", castElements)
      .Case("onnx.ConstantOfShape", constantOfShape)
      .Case("onnx.Cos", cosine)
      .Case("onnx.Div", div)
      .Case("onnx.Equal", equal)
      .Case("onnx.Greater", greater)
      .Case("onnx.GreaterOrEqual", greaterOrEqual)
      .Case("onnx.Identity", identity)
      .Case("onnx.Less", less)
      .Case("onnx.LessOrEqual", lessOrEqual)
      .Case("onnx.Max", extremum<true>)
      .Case("onnx.Min", extremum<false>)
      .Case("onnx.Mul", mul)
      .Case("onnx.Neg", neg)
      .Case("onnx.Not", logicalNot)
      .Case("onnx.Or", logicalOr)
      .Case("onnx.Pow", pow)
      .Case("onnx.Range", range)
      .Case("onnx.Reciprocal", reciprocal)
      .Case("onnx.Sigmoid", sigmoid)
      .Case("onnx.Sin", sine)
      .Case("onnx.Sqrt", squareRoot)
      .Case("onnx.Sub", sub)
      .Case("onnx.Where", where)
      .Default(nullptr);
}

} // namespace mixserve::import
