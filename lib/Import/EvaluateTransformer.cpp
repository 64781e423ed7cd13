//===- EvaluateTransformer.cpp - products, norms, rotary embedding, attention -----------------===//

#include "Kernels.h"

#include "llvm/ADT/StringSwitch.h"

#include <cmath>

using namespace llvm;

namespace mixserve::import {

using Kind = HostTensor::Kind;

/// All of these compute in double, whatever the operands' precision; the result is rounded once.
/// Only MatMul also takes integers.
static std::vector<double> toDoubles(const HostTensor &tensor) {
  std::vector<double> values(tensor.numElements());
  for (int64_t i = 0; i < tensor.numElements(); ++i)
    values[i] = tensor.asDouble(i);
  return values;
}

static void store(HostTensor &tensor, int64_t i, double value) {
  if (tensor.kind() == Kind::Float)
    tensor.floats()[i] = static_cast<float>(value);
  else if (tensor.kind() == Kind::Double)
    tensor.doubles()[i] = value;
}

static Why matMul(Run &run) {
  const HostTensor &a = run.input(0), &b = run.input(1);
  if (a.rank() == 0 || b.rank() == 0 || a.kind() != b.kind())
    return "operands do not fit";
  Sizes shapeA(a.shape()), shapeB(b.shape());
  if (a.rank() == 1)
    shapeA.insert(shapeA.begin(), 1);
  if (b.rank() == 1)
    shapeB.push_back(1);
  const int64_t m = shapeA[shapeA.size() - 2], k = shapeA.back(), n = shapeB.back();
  std::optional<Sizes> batch = broadcastShapes(ArrayRef<int64_t>(shapeA).drop_back(2),
                                               ArrayRef<int64_t>(shapeB).drop_back(2));
  if (!batch || shapeB[shapeB.size() - 2] != k)
    return "shapes " + shapeText(a.shape()) + " and " + shapeText(b.shape()) + " do not fit";
  Sizes shape = *batch;
  if (a.rank() > 1)
    shape.push_back(m);
  if (b.rank() > 1)
    shape.push_back(n);
  if (Why why = run.allocate(0, a.kind(), shape); !why.empty())
    return why;
  auto batchStrides = [&](const Sizes &own) {
    Sizes lead(ArrayRef<int64_t>(own).drop_back(2));
    Sizes strides = broadcastStrides(lead, *batch);
    for (int64_t &stride : strides)
      stride *= own[own.size() - 2] * own.back();
    return strides;
  };
  int64_t target = 0;
  auto multiply = [&](const auto &left, const auto &right, auto set) {
    using T =
        std::conditional_t<std::is_integral_v<typename std::decay_t<decltype(left)>::value_type>,
                           uint64_t, double>;
    std::vector<T> row(n);
    forEachPosition(*batch, {batchStrides(shapeA), batchStrides(shapeB)},
                    [&](ArrayRef<int64_t> at) {
                      for (int64_t i = 0; i < m; ++i) {
                        std::fill(row.begin(), row.end(), T(0));
                        for (int64_t l = 0; l < k; ++l) {
                          const T factor = static_cast<T>(left[at[0] + i * k + l]);
                          for (int64_t j = 0; j < n; ++j)
                            row[j] += factor * static_cast<T>(right[at[1] + l * n + j]);
                        }
                        for (int64_t j = 0; j < n; ++j)
                          set(target++, row[j]);
                      }
                    });
  };
  if (a.isFloating())
    multiply(toDoubles(a), toDoubles(b),
             [&](int64_t i, double value) { store(run.out[0], i, value); });
  else
    multiply(a.ints(), b.ints(), [&](int64_t i, uint64_t value) {
      run.out[0].ints()[i] = static_cast<int64_t>(value);
    });
  return {};
}

static Why gemm(Run &run) {
  auto op = mlir::cast<onnx::GemmOp>(run.op);
  const HostTensor &a = run.input(0), &b = run.input(1);
  if (a.rank() != 2 || b.rank() != 2 || !a.isFloating() || !b.isFloating())
    return "needs float matrices";
  const bool transA = op.getTransA(), transB = op.getTransB();
  const int64_t m = a.size(transA), k = a.size(!transA), n = b.size(!transB);
  const Sizes shape = {m, n};
  if (b.size(transB) != k || (run.has(2) && broadcastShapes(shape, run.input(2).shape()) != shape))
    return "shapes do not fit";
  if (Why why = run.allocate(0, a.kind(), shape); !why.empty())
    return why;
  const double alpha = op.getAlpha().convertToFloat(), beta = op.getBeta().convertToFloat();
  std::vector<double> left = toDoubles(a), right = toDoubles(b), bias;
  Sizes biasStrides = {0, 0};
  if (run.has(2)) {
    bias = toDoubles(run.input(2));
    biasStrides = broadcastStrides(run.input(2).shape(), shape);
  }
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) {
      double sum = 0;
      for (int64_t l = 0; l < k; ++l)
        sum += left[transA ? l * m + i : i * k + l] * right[transB ? j * k + l : l * n + j];
      store(run.out[0], i * n + j,
            alpha * sum +
                (bias.empty() ? 0 : beta * bias[i * biasStrides[0] + j * biasStrides[1]]));
    }
  return {};
}

static Why rmsNormalization(Run &run) {
  auto op = mlir::cast<onnx::RMSNormalizationOp>(run.op);
  const HostTensor &x = run.input(0), &scale = run.input(1);
  std::optional<int64_t> axis = axisFrom(op.getAxis(), x.rank());
  if (!axis || !x.isFloating() || broadcastShapes(x.shape(), scale.shape()) != Sizes(x.shape()))
    return "axis, scale or element type do not fit";
  if (Why why = run.allocate(0, scale.kind(), x.shape()); !why.empty())
    return why;
  const int64_t width = countElements(x.shape().drop_front(*axis));
  const double epsilon = op.getEpsilon().convertToFloat();
  std::vector<double> in = toDoubles(x), factors = toDoubles(scale);
  std::vector<int64_t> factorOf;
  forEachPosition(x.shape(), {broadcastStrides(scale.shape(), x.shape())},
                  [&](ArrayRef<int64_t> at) { factorOf.push_back(at[0]); });
  for (int64_t row = 0; row * width < x.numElements(); ++row) {
    double sum = 0;
    for (int64_t i = row * width; i < (row + 1) * width; ++i)
      sum += in[i] * in[i];
    const double inverse = 1 / std::sqrt(sum / width + epsilon);
    for (int64_t i = row * width; i < (row + 1) * width; ++i)
      store(run.out[0], i, in[i] * inverse * factors[factorOf[i]]);
  }
  return {};
}

static Why rotaryEmbedding(Run &run) {
  auto op = mlir::cast<onnx::RotaryEmbeddingOp>(run.op);
  const HostTensor &x = run.input(0), &cosCache = run.input(1), &sinCache = run.input(2);
  const bool isFlat = x.rank() == 3;
  const int64_t heads = isFlat ? op.getNumHeads() : x.rank() == 4 ? x.size(1) : 0;
  if (heads <= 0 || !x.isFloating() || (isFlat && x.size(2) % heads != 0))
    return "X " + shapeText(x.shape()) + " does not fit num_heads";
  const int64_t batch = x.size(0), tokens = x.size(isFlat ? 1 : 2),
                headSize = isFlat ? x.size(2) / heads : x.size(3);
  const int64_t rotated = op.getRotaryEmbeddingDim() ? op.getRotaryEmbeddingDim() : headSize,
                half = rotated / 2;
  const bool gathers = run.has(3);
  const Sizes wanted = gathers ? Sizes{cosCache.rank() == 2 ? cosCache.size(0) : 0, half}
                               : Sizes{batch, tokens, half};
  if (rotated < 0 || rotated > headSize || cosCache.shape() != ArrayRef<int64_t>(wanted) ||
      sinCache.shape() != ArrayRef<int64_t>(wanted) ||
      (gathers && run.input(3).numElements() != batch * tokens))
    return "caches " + shapeText(cosCache.shape()) + " do not fit X " + shapeText(x.shape());
  std::vector<double> in = toDoubles(x), cosines = toDoubles(cosCache), sines = toDoubles(sinCache);
  run.out[0] = x;
  const int64_t headStride = isFlat ? headSize : tokens * headSize,
                tokenStride = isFlat ? heads * headSize : headSize;
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t t = 0; t < tokens; ++t) {
      std::optional<int64_t> row = b * tokens + t;
      if (gathers)
        row = axisFrom(run.input(3).asInt(*row), cosCache.size(0));
      if (!row)
        return "a position is outside the caches";
      for (int64_t h = 0; h < heads; ++h) {
        const int64_t base = b * heads * tokens * headSize + h * headStride + t * tokenStride;
        for (int64_t i = 0; i < half; ++i) {
          const int64_t first = base + (op.getInterleaved() ? 2 * i : i);
          const int64_t second = op.getInterleaved() ? first + 1 : first + half;
          const double c = cosines[*row * half + i], s = sines[*row * half + i];
          store(run.out[0], first, in[first] * c - in[second] * s);
          store(run.out[0], second, in[first] * s + in[second] * c);
        }
      }
    }
  return {};
}

Why attention(Run &run); // EvaluateAttention.cpp

Kernel findTransformerKernel(StringRef opName) {
  return llvm::StringSwitch<Kernel>(opName)
      .Case("onnx.Attention", attention)
      .Case("onnx.Gemm", gemm)
      .Case("onnx.MatMul", matMul)
      .Case("onnx.RMSNormalization", rmsNormalization)
      .Case("onnx.RotaryEmbedding", rotaryEmbedding)
      .Default(nullptr);
}

} // namespace mixserve::import
