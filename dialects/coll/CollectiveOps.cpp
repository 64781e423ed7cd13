//===- CollectiveOps.cpp - Constraints of all_reduce .. slice ---------------===//
#include "dialects/coll/CollDialect.h"
#include "dialects/coll/RowTypes.h"

using namespace mlir;
using namespace mixserve::coll;
using mixserve::plan::RowSet;
using mixserve::plan::ShardingAttr;
using mixserve::plan::stringifyRowSet;

LogicalResult AllReduceOp::verify() {
  Type input = getInput().getType(), result = getResult().getType();
  if (!isPartialOver(input, getOver()))
    return emitOpError("(C1) input must be partial over ") << getOver() << ", got " << input;
  if (!sameColumns(input, result) || rowsOf(input) != rowsOf(result) ||
      isPartialOverSome(result, getOver()))
    return emitOpError("(C2) result must be the input's rows without the partial sum, got ")
           << result;
  return success();
}

LogicalResult ReduceScatterOp::verify() {
  Type input = getInput().getType(), result = getResult().getType();
  if (!isPartialOver(input, getOver()))
    return emitOpError("(C1) input must be partial over ") << getOver() << ", got " << input;
  const RowSet from = rowsOf(input), to = rowsOf(result);
  const bool legal = (from == RowSet::Group && to == RowSet::Owned) ||
                     (from == RowSet::Received && (to == RowSet::Owned || to == RowSet::Lane));
  if (!legal)
    return emitOpError("(C2) cannot take ")
           << stringifyRowSet(from) << " rows to " << stringifyRowSet(to) << " rows";
  if (!sameColumns(input, result) || isPartialOverSome(result, getOver()))
    return emitOpError("(C3) result must have the input's columns and no partial sum over ")
           << getOver() << ", got " << result;
  return success();
}

LogicalResult AllGatherOp::verify() {
  if ((getInputs().size() != 1 && getInputs().size() != 3) ||
      getInputs().size() != getOutputs().size())
    return emitOpError("(C2) expected 1 or 3 inputs and as many results, got ")
           << getInputs().size() << " and " << getOutputs().size();
  for (auto [input, output] : llvm::zip_equal(getInputs().getTypes(), getOutputs().getTypes())) {
    const RowSet from = rowsOf(input), to = rowsOf(output);
    const bool routed = getInputs().size() == 3;
    const bool legal =
        routed ? (from == RowSet::Owned || from == RowSet::Lane) && to == RowSet::Received
               : (from == RowSet::Owned && to == RowSet::Group) ||
                     (from == RowSet::AskedOwned && to == RowSet::Asked);
    if (!legal)
      return emitOpError("(C1) cannot take ")
             << stringifyRowSet(from) << " rows to " << stringifyRowSet(to) << " rows"
             << (routed ? " with their routing" : "");
    if (!sameColumns(input, output))
      return emitOpError("(C2) result ") << output << " does not have the columns of " << input;
    if (isPartial(input))
      return emitOpError("(C3) input must not be a partial sum, got ") << input;
  }
  return success();
}

LogicalResult SliceOp::verify() {
  Type input = getInput().getType(), result = getResult().getType();
  if (rowsOf(input) != RowSet::Group || rowsOf(result) != RowSet::Owned)
    return emitOpError("(C1) rows must go group to owned, got ")
           << stringifyRowSet(rowsOf(input)) << " to " << stringifyRowSet(rowsOf(result));
  if (!sameColumns(input, result) || isPartial(input))
    return emitOpError("(C2) result must have the columns of an input without partial sum, got ")
           << input << " and " << result;
  return success();
}
