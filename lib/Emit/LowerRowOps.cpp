//===- LowerRowOps.cpp - Norm, rope, activation, elementwise as loops -------===//
//
// The order of every sum is fixed and a row never depends on another, so a row function over a
// range of rows gives the same bits as one loop over all.
//
//===----------------------------------------------------------------------===//
#include "FunctionLowering.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mixserve;

static Value constF(FunctionLowering &f, Type type, double value) {
  return arith::ConstantOp::create(f.builder, f.loc, f.builder.getFloatAttr(type, value));
}

/// a * `scale` + b, on indexes.
static Value mulAdd(FunctionLowering &f, Value a, int64_t scale, Value b) {
  Value product = arith::MulIOp::create(f.builder, f.loc, a, f.constIndex(scale));
  return arith::AddIOp::create(f.builder, f.loc, product, b);
}

static Value addConst(FunctionLowering &f, Value a, int64_t b) {
  return arith::AddIOp::create(f.builder, f.loc, a, f.constIndex(b));
}

static Value load(FunctionLowering &f, Value memref, ValueRange at) {
  return memref::LoadOp::create(f.builder, f.loc, memref, at);
}

static void store(FunctionLowering &f, Value value, Value memref, ValueRange at) {
  memref::StoreOp::create(f.builder, f.loc, value, memref, at);
}

/// Partial sums of a sum of squares: what the vector units add at once.
static constexpr int64_t kLanes = 16;

/// sum of x[row, first + i]^2, i in [0, count). Lane j adds columns j, j + kLanes, ... in ascending
/// order; then the lanes are added in ascending order. A count that is no multiple of the lanes is
/// one sum over ascending columns.
static Value sumOfSquares(FunctionLowering &f, Value x, Value row, Value first, int64_t count) {
  OpBuilder &b = f.builder;
  const Location loc = f.loc;
  const bool isVector = count % kLanes == 0;
  auto vector = VectorType::get({kLanes}, b.getF32Type());
  Value zero = isVector ? arith::ConstantOp::create(b, loc, b.getZeroAttr(vector)).getResult()
                        : constF(f, b.getF32Type(), 0.0);
  auto sum = scf::ForOp::create(b, loc, f.constIndex(0), f.constIndex(count),
                                f.constIndex(isVector ? kLanes : 1), zero);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(sum.getBody());
    Value column = arith::AddIOp::create(b, loc, first, sum.getInductionVar());
    Value value = isVector ? vector::LoadOp::create(b, loc, vector, x, ValueRange{row, column})
                           : load(f, x, {row, column});
    Value square = arith::MulFOp::create(b, loc, value, value);
    Value next = arith::AddFOp::create(b, loc, sum.getRegionIterArg(0), square);
    scf::YieldOp::create(b, loc, next);
  }
  if (!isVector)
    return sum.getResult(0);
  return vector::ReductionOp::create(b, loc, vector::CombiningKind::ADD, sum.getResult(0));
}

/// y = x * (1 / sqrt(sum(x^2) / D + eps)) * w per block of D columns.
LogicalResult mixserve::lowerRmsNorm(FunctionLowering &f, nn::RmsNormOp op) {
  OpBuilder &b = f.builder;
  const Location loc = f.loc;
  const int64_t block = op.getWeight().getType().getDimSize(0);
  const int64_t blocks = columns(op.getInput()) / block;
  Type f32 = b.getF32Type();
  f.makeResult(cast<OpResult>(op.getResult()));
  Value x = f.matrix(op.getInput()), y = f.matrix(op.getResult());
  Value weight = f.memref(f.pointer(op.getWeight()), {block}, f32);
  f.loop(f.rows(op.getInput()), [&](Value row) {
    f.loop(f.constIndex(blocks), [&](Value number) {
      Value first = arith::MulIOp::create(b, loc, number, f.constIndex(block));
      Value sum = sumOfSquares(f, x, row, first, block);
      Value mean = arith::DivFOp::create(b, loc, sum, constF(f, f32, block));
      Value shifted =
          arith::AddFOp::create(b, loc, mean, constF(f, f32, op.getEps().convertToDouble()));
      Value root = math::SqrtOp::create(b, loc, shifted);
      Value inverse = arith::DivFOp::create(b, loc, constF(f, f32, 1.0), root);
      f.loop(f.constIndex(block), [&](Value j) {
        Value column = arith::AddIOp::create(b, loc, first, j);
        Value scaled = arith::MulFOp::create(b, loc, load(f, x, {row, column}), inverse);
        store(f, arith::MulFOp::create(b, loc, scaled, load(f, weight, j)), y, {row, column});
      });
    });
  });
  return success();
}

/// The frequencies of a rope as a constant of the module.
static Value frequencies(FunctionLowering &f, nn::RopeOp op) {
  const auto type =
      MemRefType::get({static_cast<int64_t>(op.getInvFreq().size())}, f.builder.getF64Type());
  auto tensor = RankedTensorType::get(type.getShape(), type.getElementType());
  auto values = DenseElementsAttr::get(tensor, op.getInvFreq());
  memref::GlobalOp global;
  for (auto other : f.shared.module.getOps<memref::GlobalOp>())
    if (other.getInitialValueAttr() == values)
      global = other;
  if (!global) {
    OpBuilder::InsertionGuard guard(f.builder);
    f.builder.setInsertionPointToStart(f.shared.module.getBody());
    int64_t count = llvm::range_size(f.shared.module.getOps<memref::GlobalOp>());
    global = memref::GlobalOp::create(
        f.builder, f.shared.module.getLoc(), "inv_freq_" + std::to_string(count),
        f.builder.getStringAttr("private"), type, values, /*constant=*/true, IntegerAttr());
  }
  return memref::GetGlobalOp::create(f.builder, f.loc, type, global.getSymName());
}

/// Memory of the function's stack frame, not of a loop's.
static Value stackRow(FunctionLowering &f, int64_t size) {
  OpBuilder::InsertionGuard guard(f.builder);
  f.builder.setInsertionPointToStart(&f.lowered.getBody().front());
  return memref::AllocaOp::create(f.builder, f.loc,
                                  MemRefType::get({size}, f.builder.getF32Type()));
}

/// Angles are f64: an f32 product is off by 1e-3 at position 10^4. cos and sin of a row serve all
/// its heads.
LogicalResult mixserve::lowerRope(FunctionLowering &f, nn::RopeOp op) {
  OpBuilder &b = f.builder;
  const Location loc = f.loc;
  Type f32 = b.getF32Type(), f64 = b.getF64Type();
  const int64_t headDim = op.getHeadDim(), heads = columns(op.getInput()) / headDim;
  const int64_t pairs = op.getInvFreq().size();
  const plan::RowSet set = plan::ShardingAttr::of(op.getInput()).getRows();
  if (set != plan::RowSet::Group && !(set == plan::RowSet::Owned && f.shared.capacity.attnTp == 1))
    return op.emitOpError("has no lowering on ")
           << stringifyRowSet(set) << " rows: positions are known of group rows";
  f.makeResult(cast<OpResult>(op.getResult()));
  Value positions = f.callValue("mxs_row_positions", f.ctx);
  if (Value first = f.getFirstRow())
    positions = f.offset(positions, arith::MulIOp::create(b, loc, first, f.constI64(4)));
  positions = f.memref(positions, {f.shared.capacity.tokens}, b.getI32Type());
  Value x = f.matrix(op.getInput()), y = f.matrix(op.getResult());
  Value invFreq = frequencies(f, op), cosines = stackRow(f, pairs), sines = stackRow(f, pairs);
  Value scale = constF(f, f64, op.getScale().convertToDouble());
  f.loop(f.rows(op.getInput()), [&](Value row) {
    Value position = arith::SIToFPOp::create(b, loc, f64, load(f, positions, row));
    f.loop(f.constIndex(pairs), [&](Value i) {
      Value angle = arith::MulFOp::create(b, loc, position, load(f, invFreq, i));
      auto scaled = [&](Value value) -> Value {
        return arith::TruncFOp::create(b, loc, f32, arith::MulFOp::create(b, loc, value, scale));
      };
      store(f, scaled(math::CosOp::create(b, loc, angle)), cosines, i);
      store(f, scaled(math::SinOp::create(b, loc, angle)), sines, i);
    });
    f.loop(f.constIndex(heads), [&](Value head) {
      f.loop(f.constIndex(pairs), [&](Value i) {
        Value low = mulAdd(f, head, headDim, i), high = addConst(f, low, pairs);
        Value a = load(f, x, {row, low}), c = load(f, x, {row, high});
        Value cosine = load(f, cosines, i), sine = load(f, sines, i);
        auto mul = [&](Value l, Value r) -> Value { return arith::MulFOp::create(b, loc, l, r); };
        store(f, arith::SubFOp::create(b, loc, mul(a, cosine), mul(c, sine)), y, {row, low});
        store(f, arith::AddFOp::create(b, loc, mul(c, cosine), mul(a, sine)), y, {row, high});
      });
      if (2 * pairs < headDim)
        f.loop(f.constIndex(headDim - 2 * pairs), [&](Value i) {
          Value column = addConst(f, mulAdd(f, head, headDim, i), 2 * pairs);
          store(f, load(f, x, {row, column}), y, {row, column});
        });
    });
  });
  return success();
}

/// Any op that MLIR knows as elementwise (arith, math), on row tensors of one shape.
LogicalResult mixserve::lowerElementwise(FunctionLowering &f, Operation *op) {
  auto isRows = [&](Type type) {
    return plan::ShardingAttr::of(type) &&
           cast<ShapedType>(type).getShape() ==
               cast<ShapedType>(op->getResult(0).getType()).getShape();
  };
  if (!OpTrait::hasElementwiseMappableTraits(op) || op->getNumResults() != 1 ||
      !llvm::all_of(op->getOperandTypes(), isRows) || !isRows(op->getResult(0).getType()))
    return op->emitOpError("has no lowering to machine code or to a runtime call");
  SmallVector<Value> inputs =
      llvm::map_to_vector(op->getOperands(), [&](Value v) { return f.matrix(v); });
  f.makeResult(op->getResult(0));
  Value output = f.matrix(op->getResult(0));
  f.loop(f.rows(op->getResult(0)), [&](Value row) {
    f.loop(f.constIndex(columns(op->getResult(0))), [&](Value column) {
      OperationState state(f.loc, op->getName());
      for (Value input : inputs)
        state.operands.push_back(load(f, input, {row, column}));
      state.types.push_back(getElementTypeOrSelf(op->getResult(0).getType()));
      if (Attribute properties = op->getPropertiesAsAttribute())
        state.propertiesAttr = properties;
      store(f, f.builder.create(state)->getResult(0), output, {row, column});
    });
  });
  return success();
}
