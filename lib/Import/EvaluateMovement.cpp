//===- EvaluateMovement.cpp - reshape, permute, join, cut, gather -----------------------------===//

#include "Kernels.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSwitch.h"

#include <algorithm>
#include <numeric>

using namespace llvm;

namespace mixserve::import {

/// Fills result 0 of `shape` with elements of operand 0 at base + sum(position * stride).
static Why readStrided(Run &run, ArrayRef<int64_t> shape, int64_t base, Sizes strides) {
  if (Why why = run.allocate(0, run.input(0).kind(), shape); !why.empty())
    return why;
  run.out[0].visit([&](auto &out) {
    const auto &in = like(out, run.input(0));
    int64_t next = 0;
    forEachPosition(shape, {strides},
                    [&](ArrayRef<int64_t> at) { out[next++] = in[base + at[0]]; });
  });
  return {};
}

static Why shape(Run &run) {
  auto op = mlir::cast<onnx::ShapeOp>(run.op);
  const HostTensor &data = run.input(0);
  const int64_t rank = data.rank();
  auto clampAxis = [rank](int64_t axis) {
    return std::clamp<int64_t>(axis < 0 ? axis + rank : axis, 0, rank);
  };
  const int64_t start = clampAxis(op.getStart()), end = clampAxis(op.getEnd().value_or(rank));
  std::vector<int64_t> sizes;
  for (int64_t axis = start; axis < end; ++axis)
    sizes.push_back(data.size(axis));
  run.out[0] = HostTensor::ints({static_cast<int64_t>(sizes.size())}, sizes);
  return {};
}

static Why reshape(Run &run) {
  auto op = mlir::cast<onnx::ReshapeOp>(run.op);
  const HostTensor &data = run.input(0);
  Sizes target(run.input(1).ints());
  std::optional<size_t> rest;
  for (size_t i = 0; i < target.size(); ++i) {
    if (target[i] == -1 && !rest) {
      rest = i;
      target[i] = 1;
    } else if (target[i] == 0 && !op.getAllowzero()) {
      if (i >= data.shape().size())
        return "shape copies an axis that data does not have";
      target[i] = data.size(i);
    }
  }
  const int64_t known = countElements(target);
  if (rest && known > 0 && data.numElements() % known == 0)
    target[*rest] = data.numElements() / known;
  else if (rest || known != data.numElements())
    return "cannot reshape " + shapeText(data.shape()) + " to " + shapeText(run.input(1).ints());
  run.out[0] = data.reshaped(target);
  return {};
}

static Why squeeze(Run &run) {
  const HostTensor &data = run.input(0);
  SmallVector<bool> drop(data.rank(), false);
  if (run.has(1)) {
    for (int64_t axis : run.input(1).ints()) {
      std::optional<int64_t> at = axisFrom(axis, data.rank());
      if (!at || data.size(*at) != 1)
        return "axis " + std::to_string(axis) + " of " + shapeText(data.shape()) +
               " cannot be removed";
      drop[*at] = true;
    }
  } else {
    for (int64_t axis = 0; axis < data.rank(); ++axis)
      drop[axis] = data.size(axis) == 1;
  }
  Sizes sizes;
  for (int64_t axis = 0; axis < data.rank(); ++axis)
    if (!drop[axis])
      sizes.push_back(data.size(axis));
  run.out[0] = data.reshaped(sizes);
  return {};
}

static Why unsqueeze(Run &run) {
  const HostTensor &data = run.input(0);
  const int64_t rank = data.rank() + run.input(1).numElements();
  SmallVector<bool> added(rank, false);
  for (int64_t axis : run.input(1).ints()) {
    std::optional<int64_t> at = axisFrom(axis, rank);
    if (!at || added[*at])
      return "axis " + std::to_string(axis) + " cannot be inserted";
    added[*at] = true;
  }
  Sizes sizes;
  const int64_t *next = data.shape().begin();
  for (bool isNew : added)
    sizes.push_back(isNew ? 1 : *next++);
  run.out[0] = data.reshaped(sizes);
  return {};
}

static Why transpose(Run &run) {
  auto op = mlir::cast<onnx::TransposeOp>(run.op);
  const HostTensor &data = run.input(0);
  Sizes perm(data.rank());
  if (op.getPerm())
    perm.assign(op.getPerm()->begin(), op.getPerm()->end());
  else
    std::iota(perm.rbegin(), perm.rend(), 0);
  Sizes sorted = perm;
  llvm::sort(sorted);
  for (int64_t i = 0; i < static_cast<int64_t>(sorted.size()); ++i)
    if (sorted[i] != i)
      return "perm is no permutation";
  if (static_cast<int64_t>(perm.size()) != data.rank())
    return "perm does not fit " + shapeText(data.shape());
  Sizes own = stridesOf(data.shape()), sizes, strides;
  for (int64_t axis : perm) {
    sizes.push_back(data.size(axis));
    strides.push_back(own[axis]);
  }
  return readStrided(run, sizes, 0, strides);
}

static Why expand(Run &run) {
  std::optional<Sizes> sizes = broadcastShapes(run.input(0).shape(), run.input(1).ints());
  if (!sizes || countElements(*sizes) < 0)
    return "cannot expand " + shapeText(run.input(0).shape()) + " to " +
           shapeText(run.input(1).ints());
  return readStrided(run, *sizes, 0, broadcastStrides(run.input(0).shape(), *sizes));
}

static Why tile(Run &run) {
  const HostTensor &data = run.input(0);
  ArrayRef<int64_t> repeats = run.input(1).ints();
  if (static_cast<int64_t>(repeats.size()) != data.rank())
    return "repeats do not fit " + shapeText(data.shape());
  // [r0, s0, r1, s1, ..] with stride 0 for the repeats, then folded to [r0 * s0, ..].
  Sizes own = stridesOf(data.shape()), sizes, strides, folded;
  for (int64_t axis = 0; axis < data.rank(); ++axis) {
    sizes.append({repeats[axis], data.size(axis)});
    strides.append({0, own[axis]});
    if (repeats[axis] < 0 || repeats[axis] > run.elementLimit)
      return "repeats " + shapeText(repeats) + " are out of range";
    folded.push_back(repeats[axis] * data.size(axis));
  }
  if (Why why = readStrided(run, sizes, 0, strides); !why.empty())
    return why;
  run.out[0] = run.out[0].reshaped(folded);
  return {};
}

static Why concat(Run &run) {
  auto op = mlir::cast<onnx::ConcatOp>(run.op);
  const HostTensor &first = run.input(0);
  std::optional<int64_t> axis = axisFrom(op.getAxis(), first.rank());
  if (!axis)
    return "axis is out of range";
  Sizes sizes(first.shape());
  sizes[*axis] = 0;
  for (const HostTensor *input : run.in) {
    if (input->rank() != first.rank() || input->kind() != first.kind())
      return "operands do not fit";
    for (int64_t i = 0; i < first.rank(); ++i)
      if (i != *axis && input->size(i) != first.size(i))
        return "shapes " + shapeText(first.shape()) + " and " + shapeText(input->shape()) +
               " do not fit";
    sizes[*axis] += input->size(*axis);
  }
  if (Why why = run.allocate(0, first.kind(), sizes); !why.empty())
    return why;
  const int64_t inner = stridesOf(sizes)[*axis];
  const int64_t outer = countElements(ArrayRef<int64_t>(sizes).take_front(*axis));
  run.out[0].visit([&](auto &out) {
    auto to = out.begin();
    for (int64_t i = 0; i < outer; ++i)
      for (const HostTensor *input : run.in) {
        const int64_t run = input->size(*axis) * inner;
        auto from = like(out, *input).begin() + i * run;
        to = std::copy(from, from + run, to);
      }
  });
  return {};
}

/// Result `index` = `count` slices of axis `axis` of operand 0, from `start` on.
static Why takeSlices(Run &run, unsigned index, int64_t axis, int64_t start, int64_t count) {
  const HostTensor &data = run.input(0);
  Sizes sizes(data.shape()), strides = stridesOf(data.shape());
  sizes[axis] = count;
  Run one{run.op, {&data}, SmallVector<HostTensor>(1), run.elementLimit};
  if (Why why = readStrided(one, sizes, start * strides[axis], strides); !why.empty())
    return why;
  run.out[index] = std::move(one.out[0]);
  return {};
}

static Why split(Run &run) {
  auto op = mlir::cast<onnx::SplitOp>(run.op);
  const HostTensor &data = run.input(0);
  std::optional<int64_t> axis = axisFrom(op.getAxis(), data.rank());
  if (!axis)
    return "axis is out of range";
  const int64_t pieces = run.out.size(), size = data.size(*axis),
                each = (size + pieces - 1) / pieces;
  if (run.has(1) && run.input(1).numElements() != pieces)
    return "split has another number of elements than there are results";
  int64_t start = 0;
  for (int64_t i = 0; i < pieces; ++i) {
    const int64_t count =
        run.has(1) ? run.input(1).ints()[i] : std::clamp<int64_t>(size - i * each, 0, each);
    if (count < 0 || count > size - start)
      return "the pieces do not fit an axis of " + std::to_string(size);
    if (Why why = takeSlices(run, i, *axis, start, count); !why.empty())
      return why;
    start += count;
  }
  if (start != size)
    return "the pieces do not cover an axis of " + std::to_string(size);
  return {};
}

static Why slice(Run &run) {
  const HostTensor &data = run.input(0);
  ArrayRef<int64_t> starts = run.input(1).ints(), ends = run.input(2).ints();
  Sizes axes(starts.size()), steps(starts.size(), 1);
  std::iota(axes.begin(), axes.end(), 0);
  if (run.has(3))
    axes.assign(run.input(3).ints().begin(), run.input(3).ints().end());
  if (run.has(4))
    steps.assign(run.input(4).ints().begin(), run.input(4).ints().end());
  if (ends.size() != starts.size() || axes.size() != starts.size() || steps.size() != starts.size())
    return "starts, ends, axes and steps have different lengths";
  Sizes sizes(data.shape()), own = stridesOf(data.shape()), strides = own;
  int64_t base = 0;
  for (size_t i = 0; i < starts.size(); ++i) {
    std::optional<int64_t> axis = axisFrom(axes[i], data.rank());
    const int64_t step = steps[i];
    if (!axis || step == 0 || step == std::numeric_limits<int64_t>::min())
      return "axes or steps are out of range";
    const int64_t size = data.size(*axis);
    auto from = [&](int64_t position, int64_t low, int64_t high) {
      return std::clamp(position < 0 ? std::max(position, -size - 1) + size : position, low, high);
    };
    const int64_t low = step > 0 ? 0 : -1, high = step > 0 ? size : size - 1;
    const int64_t start = from(starts[i], step > 0 ? 0 : std::min<int64_t>(0, high), high);
    const int64_t end = from(ends[i], low, high);
    const int64_t span = step > 0 ? end - start : start - end, stride = std::abs(step);
    sizes[*axis] = span <= 0 ? 0 : (span - 1) / stride + 1;
    if (sizes[*axis] > 1)
      strides[*axis] = own[*axis] * step;
    base += start * own[*axis];
  }
  if (countElements(sizes) == 0)
    base = 0;
  return readStrided(run, sizes, base, strides);
}

/// An index in [-size, size) as one from the start.
static std::optional<int64_t> indexFrom(int64_t index, int64_t size) {
  return axisFrom(index, size);
}

static Why gather(Run &run) {
  auto op = mlir::cast<onnx::GatherOp>(run.op);
  const HostTensor &data = run.input(0), &indices = run.input(1);
  std::optional<int64_t> axis = axisFrom(op.getAxis(), data.rank());
  if (!axis)
    return "axis is out of range";
  Sizes sizes(data.shape().take_front(*axis));
  sizes.append(indices.shape().begin(), indices.shape().end());
  sizes.append(data.shape().begin() + *axis + 1, data.shape().end());
  if (Why why = run.allocate(0, data.kind(), sizes); !why.empty())
    return why;
  const int64_t size = data.size(*axis), inner = stridesOf(data.shape())[*axis];
  const int64_t outer = countElements(data.shape().take_front(*axis));
  for (int64_t index : indices.ints())
    if (!indexFrom(index, size))
      return "index " + std::to_string(index) + " is outside an axis of " + std::to_string(size);
  run.out[0].visit([&](auto &out) {
    const auto &in = like(out, data);
    auto to = out.begin();
    for (int64_t i = 0; i < outer; ++i)
      for (int64_t index : indices.ints()) {
        auto from = in.begin() + (i * size + *indexFrom(index, size)) * inner;
        to = std::copy(from, from + inner, to);
      }
  });
  return {};
}

static Why gatherElements(Run &run) {
  auto op = mlir::cast<onnx::GatherElementsOp>(run.op);
  const HostTensor &data = run.input(0), &indices = run.input(1);
  std::optional<int64_t> axis = axisFrom(op.getAxis(), data.rank());
  if (!axis || indices.rank() != data.rank())
    return "axis is out of range, or data and indices have different ranks";
  for (int64_t i = 0; i < data.rank(); ++i)
    if (i != *axis && indices.size(i) > data.size(i))
      return "indices " + shapeText(indices.shape()) + " do not fit data " +
             shapeText(data.shape());
  if (Why why = run.allocate(0, data.kind(), indices.shape()); !why.empty())
    return why;
  Sizes strides = stridesOf(data.shape());
  const int64_t size = data.size(*axis), stride = strides[*axis];
  strides[*axis] = 0;
  Why problem;
  run.out[0].visit([&](auto &out) {
    const auto &in = like(out, data);
    int64_t next = 0;
    forEachPosition(indices.shape(), {strides}, [&](ArrayRef<int64_t> at) {
      std::optional<int64_t> index = indexFrom(indices.ints()[next], size);
      if (!index)
        problem = "an index is outside an axis of " + std::to_string(size);
      else
        out[next] = in[at[0] + *index * stride];
      ++next;
    });
  });
  return problem;
}

static Why gatherND(Run &run) {
  auto op = mlir::cast<onnx::GatherNDOp>(run.op);
  const HostTensor &data = run.input(0), &indices = run.input(1);
  const int64_t batchDims = op.getBatchDims();
  if (batchDims < 0 || batchDims >= std::min(data.rank(), indices.rank()))
    return "batch_dims does not fit";
  const int64_t depth = indices.shape().back();
  if (depth < 1 || depth > data.rank() - batchDims)
    return "indices name " + std::to_string(depth) + " axes of data " + shapeText(data.shape());
  if (data.shape().take_front(batchDims) != indices.shape().take_front(batchDims))
    return "batch axes differ";
  Sizes sizes(indices.shape().drop_back());
  sizes.append(data.shape().begin() + batchDims + depth, data.shape().end());
  if (Why why = run.allocate(0, data.kind(), sizes); !why.empty())
    return why;
  Sizes strides = stridesOf(data.shape());
  const int64_t inner = countElements(data.shape().drop_front(batchDims + depth));
  const int64_t perBatch = countElements(data.shape().drop_front(batchDims));
  const int64_t tuples = indices.numElements() / depth;
  const int64_t batches = countElements(data.shape().take_front(batchDims));
  Why problem;
  run.out[0].visit([&](auto &out) {
    const auto &in = like(out, data);
    auto to = out.begin();
    for (int64_t tuple = 0; tuple < tuples; ++tuple) {
      int64_t offset = batches ? tuple / (tuples / batches) * perBatch : 0;
      for (int64_t d = 0; d < depth; ++d) {
        std::optional<int64_t> index =
            indexFrom(indices.ints()[tuple * depth + d], data.size(batchDims + d));
        if (!index) {
          problem = "an index is outside axis " + std::to_string(batchDims + d) + " of " +
                    shapeText(data.shape());
          return;
        }
        offset += *index * strides[batchDims + d];
      }
      to = std::copy(in.begin() + offset, in.begin() + offset + inner, to);
    }
  });
  return problem;
}

Kernel findMovementKernel(StringRef opName) {
  return llvm::StringSwitch<Kernel>(opName)
      .Case("onnx.Concat", concat)
      .Case("onnx.Expand", expand)
      .Case("onnx.Gather", gather)
      .Case("onnx.GatherElements", gatherElements)
      .Case("onnx.GatherND", gatherND)
      .Case("onnx.Reshape", reshape)
      .Case("onnx.Shape", shape)
      .Case("onnx.Slice", slice)
      .Case("onnx.Split", split)
      .Case("onnx.Squeeze", squeeze)
      .Case("onnx.Tile", tile)
      .Case("onnx.Transpose", transpose)
      .Case("onnx.Unsqueeze", unsqueeze)
      .Default(nullptr);
}

} // namespace mixserve::import
