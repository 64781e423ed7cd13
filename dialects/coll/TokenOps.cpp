//===- TokenOps.cpp - Constraints of dispatch and combine -------------------===//
#include "dialects/coll/CollDialect.h"
#include "dialects/coll/RowTypes.h"

using namespace mlir;
using namespace mixserve::coll;
using mixserve::plan::Method;
using mixserve::plan::RowSet;
using mixserve::plan::stringifyMethod;
using mixserve::plan::stringifyRowSet;

/// Methods that are a dispatch; `allgather` is all_gather, `hybrid_fused` is the fused ops.
static bool isDispatch(Method method) {
  return method == Method::FlatEP || method == Method::HierEP || method == Method::Hybrid;
}

/// Where a method's dispatch leaves rows and its combine takes them.
static RowSet remoteRows(Method method) {
  return method == Method::Hybrid ? RowSet::Lane : RowSet::Received;
}

LogicalResult DispatchOp::verify() {
  if (!isDispatch(getMethod()))
    return emitOpError("(C1) method ") << stringifyMethod(getMethod()) << " is no dispatch";
  const RowSet to = remoteRows(getMethod());
  for (auto [input, output] : llvm::zip_equal(getOperandTypes(), getResultTypes())) {
    if (rowsOf(input) != RowSet::Owned || rowsOf(output) != to)
      return emitOpError("(C2) expected owned rows in and ")
             << stringifyRowSet(to) << " rows out, got " << stringifyRowSet(rowsOf(input))
             << " and " << stringifyRowSet(rowsOf(output));
    if (!sameColumns(input, output))
      return emitOpError("(C3) result ") << output << " does not have the columns of " << input;
  }
  auto weights = cast<ShapedType>(getWeights().getType()),
       ids = cast<ShapedType>(getIds().getType());
  if (weights.getShape() != ids.getShape() || !ids.getElementType().isInteger(32))
    return emitOpError("(C3) weights and ids must both be [T, K], got ")
           << weights << " and " << ids;
  return success();
}

LogicalResult CombineOp::verify() {
  if (!isDispatch(getMethod()))
    return emitOpError("(C1) method ") << stringifyMethod(getMethod()) << " is no dispatch";
  Type input = getInput().getType(), result = getResult().getType();
  const RowSet from = remoteRows(getMethod());
  if (rowsOf(input) != from || rowsOf(result) != RowSet::Owned)
    return emitOpError("(C2) expected ")
           << stringifyRowSet(from) << " rows in and owned rows out, got "
           << stringifyRowSet(rowsOf(input)) << " and " << stringifyRowSet(rowsOf(result));
  if (!sameColumns(input, result))
    return emitOpError("(C3) result ") << result << " does not have the columns of " << input;
  return success();
}
