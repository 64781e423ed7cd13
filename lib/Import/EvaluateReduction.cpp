//===- EvaluateReduction.cpp - sums, softmax, running sums, top-k -----------------------------===//

#include "Kernels.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSwitch.h"

#include <algorithm>
#include <cmath>
#include <numeric>

using namespace llvm;

namespace mixserve::import {

/// Float sums are kept in double: the reference must not be the imprecise side of a comparison.
template <typename T> using Wide = std::conditional_t<std::is_integral_v<T>, uint64_t, double>;

template <typename Op> static Why reduce(Run &run, bool mean) {
  auto op = mlir::cast<Op>(run.op);
  const HostTensor &data = run.input(0);
  SmallVector<bool> reduced(data.rank(), false);
  bool any = false;
  if (run.has(1))
    for (int64_t axis : run.input(1).ints()) {
      std::optional<int64_t> at = axisFrom(axis, data.rank());
      if (!at)
        return "axis " + std::to_string(axis) + " is out of range";
      reduced[*at] = any = true;
    }
  if (!any && op.getNoopWithEmptyAxes()) {
    run.out[0] = data;
    return {};
  }
  if (!any)
    reduced.assign(data.rank(), true);
  Sizes kept, final;
  int64_t count = 1;
  for (int64_t axis = 0; axis < data.rank(); ++axis) {
    kept.push_back(reduced[axis] ? 1 : data.size(axis));
    count *= reduced[axis] ? data.size(axis) : 1;
    if (!reduced[axis] || op.getKeepdims())
      final.push_back(kept.back());
  }
  if (Why why = run.allocate(0, data.kind(), final); !why.empty())
    return why;
  if (mean && count == 0)
    return "mean of nothing";
  run.out[0].visit([&](auto &out) {
    using T = typename std::decay_t<decltype(out)>::value_type;
    std::vector<Wide<T>> sums(out.size());
    int64_t next = 0;
    forEachPosition(
        data.shape(), {broadcastStrides(kept, data.shape())}, [&](ArrayRef<int64_t> at) {
          sums[at[0]] += static_cast<Wide<T>>(std::is_integral_v<T>
                                                  ? static_cast<Wide<T>>(data.asInt(next))
                                                  : static_cast<Wide<T>>(data.asDouble(next)));
          ++next;
        });
    for (size_t i = 0; i < out.size(); ++i) {
      const T sum = static_cast<T>(sums[i]);
      if constexpr (std::is_integral_v<T>)
        out[i] = mean ? sum / count : sum;
      else
        out[i] = mean ? static_cast<T>(sums[i] / count) : sum;
    }
  });
  return {};
}
static Why reduceSum(Run &run) { return reduce<onnx::ReduceSumOp>(run, false); }
static Why reduceMean(Run &run) { return reduce<onnx::ReduceMeanOp>(run, true); }

/// Calls f(first, stride) for every line along `axis`.
template <typename F> static void forEachLine(ArrayRef<int64_t> shape, int64_t axis, F f) {
  Sizes others(shape), strides = stridesOf(shape);
  if (countElements(shape) == 0)
    return;
  others[axis] = 1;
  forEachPosition(others, {strides}, [&](ArrayRef<int64_t> at) { f(at[0], strides[axis]); });
}

static Why cumSum(Run &run) {
  auto op = mlir::cast<onnx::CumSumOp>(run.op);
  const HostTensor &x = run.input(0);
  std::optional<int64_t> axis = axisFrom(run.input(1).asInt(0), x.rank());
  if (!axis)
    return "axis is out of range";
  run.out[0] = x;
  const int64_t size = x.size(*axis);
  run.out[0].visit([&](auto &out) {
    using T = typename std::decay_t<decltype(out)>::value_type;
    forEachLine(x.shape(), *axis, [&](int64_t first, int64_t stride) {
      Wide<T> sum = 0;
      for (int64_t i = 0; i < size; ++i) {
        T &element = out[first + (op.getReverse() ? size - 1 - i : i) * stride];
        const Wide<T> value = static_cast<Wide<T>>(element);
        element = static_cast<T>(op.getExclusive() ? sum : sum + value);
        sum += value;
      }
    });
  });
  return {};
}

static Why softmax(Run &run) {
  auto op = mlir::cast<onnx::SoftmaxOp>(run.op);
  const HostTensor &input = run.input(0);
  std::optional<int64_t> axis = axisFrom(op.getAxis(), input.rank());
  if (!axis || !input.isFloating())
    return "axis is out of range, or the input is no float tensor";
  run.out[0] = input;
  const int64_t size = input.size(*axis);
  run.out[0].visit([&](auto &out) {
    using T = typename std::decay_t<decltype(out)>::value_type;
    forEachLine(input.shape(), *axis, [&](int64_t first, int64_t stride) {
      double largest = -INFINITY, sum = 0;
      for (int64_t i = 0; i < size; ++i)
        largest = std::max(largest, static_cast<double>(out[first + i * stride]));
      for (int64_t i = 0; i < size; ++i)
        sum += std::exp(static_cast<double>(out[first + i * stride]) - largest);
      for (int64_t i = 0; i < size; ++i)
        out[first + i * stride] =
            static_cast<T>(std::exp(static_cast<double>(out[first + i * stride]) - largest) / sum);
    });
  });
  return {};
}

static Why topK(Run &run) {
  auto op = mlir::cast<onnx::TopKOp>(run.op);
  const HostTensor &x = run.input(0);
  std::optional<int64_t> axis = axisFrom(op.getAxis(), x.rank());
  const int64_t k = run.input(1).asInt(0);
  if (!axis || k < 0 || k > x.size(*axis))
    return "K = " + std::to_string(k) + " does not fit " + shapeText(x.shape());
  Sizes sizes(x.shape());
  sizes[*axis] = k;
  if (Why why = run.allocate(0, x.kind(), sizes); !why.empty())
    return why;
  if (Why why = run.allocate(1, HostTensor::Kind::Int, sizes); !why.empty())
    return why;
  const int64_t size = x.size(*axis);
  const bool largest = op.getLargest();
  MutableArrayRef<int64_t> indices = run.out[1].ints();
  run.out[0].visit([&](auto &out) {
    using T = typename std::decay_t<decltype(out)>::value_type;
    std::vector<T> in(x.numElements());
    for (int64_t i = 0; i < x.numElements(); ++i)
      in[i] = std::is_integral_v<T> ? static_cast<T>(x.asInt(i)) : static_cast<T>(x.asDouble(i));
    const int64_t outStride = stridesOf(sizes)[*axis];
    forEachLine(x.shape(), *axis, [&](int64_t first, int64_t stride) {
      std::vector<int64_t> order(size);
      std::iota(order.begin(), order.end(), 0);
      // NaN is above every number, as in numpy; of equal ones the lower index is better.
      auto above = [&](int64_t a, int64_t b) {
        const T left = in[first + a * stride], right = in[first + b * stride];
        return left != left ? right == right : left > right;
      };
      std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
        if (above(a, b) || above(b, a))
          return above(a, b) == largest;
        return a < b;
      });
      // `first` counts whole lines of `size` before it; the result has lines of k.
      const int64_t target = first / (size * stride) * (k * outStride) + first % stride;
      for (int64_t i = 0; i < k; ++i) {
        out[target + i * outStride] = in[first + order[i] * stride];
        indices[target + i * outStride] = order[i];
      }
    });
  });
  return {};
}

Kernel findReductionKernel(StringRef opName) {
  return llvm::StringSwitch<Kernel>(opName)
      .Case("onnx.CumSum", cumSum)
      .Case("onnx.ReduceMean", reduceMean)
      .Case("onnx.ReduceSum", reduceSum)
      .Case("onnx.Softmax", softmax)
      .Case("onnx.TopK", topK)
      .Default(nullptr);
}

} // namespace mixserve::import
