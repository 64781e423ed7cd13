//===- FusedOps.cpp - Constraints of ag_dispatch and rs_combine -------------===//
#include "dialects/coll/CollDialect.h"
#include "dialects/coll/RowTypes.h"

using namespace mlir;
using namespace mixserve;
using namespace mixserve::coll;
using plan::RowSet;

bool mixserve::coll::isRowWise(Operation *op) {
  // Upstream elementwise ops work row by row too; constants and parameters have no rows.
  return op->hasTrait<plan::RowWise>() || op->hasTrait<OpTrait::Elementwise>() ||
         op->hasTrait<OpTrait::ConstantLike>() || op->getName().getStringRef() == "nn.param_ref";
}

/// (C2), (C3) of both fused ops with a region.
static LogicalResult verifyRegion(Operation *op, ValueRange inputs, Block &block,
                                  ArrayRef<int64_t> chunks) {
  if (block.getNumArguments() != inputs.size())
    return op->emitOpError("(C2) expected ")
           << inputs.size() << " region arguments, got " << block.getNumArguments();
  for (auto [input, argument] : llvm::zip_equal(inputs, block.getArguments()))
    if (rowsOf(argument.getType()) != RowSet::Owned ||
        !sameColumns(input.getType(), argument.getType()))
      return op->emitOpError("(C2) region argument must be owned rows like ")
             << input.getType() << ", got " << argument.getType();
  for (Operation &inner : block.without_terminator())
    if (!isRowWise(&inner))
      return (op->emitOpError("(C3) the region may hold row-wise ops only, got '")
              << inner.getName() << "'")
                 .attachNote(inner.getLoc())
             << "this op";
  if (chunks.empty() || llvm::any_of(chunks, [](int64_t count) { return count < 1; }))
    return op->emitOpError("(C3) chunk counts must be at least 1");
  return success();
}

/// (C4): the first `moved` results have rows of `set`, the others are the yielded values' types.
static LogicalResult verifyResults(Operation *op, YieldOp yield, unsigned moved, RowSet set) {
  if (yield.getValues().size() < moved || yield.getValues().size() != op->getNumResults())
    return op->emitOpError("(C4) expected at least ")
           << moved << " yielded values, one per result, got " << yield.getValues().size()
           << " for " << op->getNumResults() << " results";
  for (auto [index, value, output] : llvm::enumerate(yield.getValues(), op->getResults())) {
    const bool fits = index < moved ? rowsOf(output.getType()) == set &&
                                          sameColumns(value.getType(), output.getType())
                                    : value.getType() == output.getType();
    if (!fits)
      return op->emitOpError("(C4) result ") << index << " has type " << output.getType()
                                             << ", the region yields " << value.getType();
  }
  return success();
}

LogicalResult AgDispatchOp::verifyRegions() {
  const bool reduces = getReduceOver().has_value();
  for (auto [index, type] : llvm::enumerate(getInputs().getTypes())) {
    const bool isPartialSum = reduces && index == 0;
    const bool fits = isPartialSum
                          ? rowsOf(type) == RowSet::Group && isPartialOver(type, *getReduceOver())
                          : rowsOf(type) == RowSet::Owned && !isPartial(type);
    if (!fits)
      return emitOpError("(C1) input ")
             << index << " must be "
             << (isPartialSum ? "group rows, partial over reduce_over" : "owned rows") << ", got "
             << type;
  }
  if (reduces && getInputs().empty())
    return emitOpError("(C1) reduce_over needs an input to reduce");
  Block &block = getBody().front();
  if (failed(verifyRegion(*this, getInputs(), block, getChunks())))
    return failure();
  return verifyResults(*this, cast<YieldOp>(block.getTerminator()), 3, RowSet::Received);
}

LogicalResult RsCombineAgOp::verifyRegions() {
  if (getInputs().empty())
    return emitOpError("(C1) needs an input to reduce");
  for (auto [index, type] : llvm::enumerate(getInputs().getTypes())) {
    const bool fits = index == 0
                          ? rowsOf(type) == RowSet::Received && isPartialOver(type, getReduceOver())
                          : rowsOf(type) == RowSet::Owned && !isPartial(type);
    if (!fits)
      return emitOpError("(C1) input ")
             << index << " must be "
             << (index == 0 ? "received rows, partial over reduce_over" : "owned rows") << ", got "
             << type;
  }
  Block &block = getBody().front();
  if (failed(verifyRegion(*this, getInputs(), block, getChunks())))
    return failure();
  return verifyResults(*this, cast<YieldOp>(block.getTerminator()), 1, RowSet::Group);
}

coll::YieldOp mixserve::coll::yieldOf(Operation *op) {
  if (!isa_and_nonnull<AgDispatchOp, RsCombineAgOp>(op))
    return {};
  return cast<YieldOp>(op->getRegion(0).front().getTerminator());
}

LogicalResult RsCombineOp::verify() {
  Type input = getInput().getType(), result = getResult().getType();
  if (rowsOf(input) != RowSet::Received || !isPartialOver(input, getReduceOver()) ||
      rowsOf(result) != RowSet::Owned)
    return emitOpError("(C1) expected received rows, partial over ")
           << getReduceOver() << ", and owned rows, got " << input << " and " << result;
  if (!sameColumns(input, result) || getChunks().empty() ||
      llvm::any_of(getChunks(), [](int64_t count) { return count < 1; }))
    return emitOpError("(C2) result must have the input's columns and chunk counts be at least 1");
  return success();
}
