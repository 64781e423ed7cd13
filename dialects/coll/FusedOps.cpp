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

LogicalResult AgDispatchOp::verifyRegions() {
  const bool reduces = getReduceOver().has_value();
  for (auto [index, type] : llvm::enumerate(getInputs().getTypes())) {
    const bool isPartialSum = reduces && index == 0;
    const bool fits = isPartialSum ? rowsOf(type) == RowSet::Group && isPartialOver(type, *getReduceOver())
                                   : rowsOf(type) == RowSet::Owned && !isPartial(type);
    if (!fits)
      return emitOpError("(C1) input ") << index << " must be "
                                        << (isPartialSum ? "group rows, partial over reduce_over"
                                                         : "owned rows")
                                        << ", got " << type;
  }
  if (reduces && getInputs().empty())
    return emitOpError("(C1) reduce_over needs an input to reduce");
  Block &block = getBody().front();
  if (block.getNumArguments() != getInputs().size())
    return emitOpError("(C2) expected ") << getInputs().size() << " region arguments, got "
                                         << block.getNumArguments();
  for (auto [input, argument] : llvm::zip_equal(getInputs(), block.getArguments()))
    if (rowsOf(argument.getType()) != RowSet::Owned || !sameColumns(input.getType(), argument.getType()))
      return emitOpError("(C2) region argument must be owned rows like ")
             << input.getType() << ", got " << argument.getType();
  for (Operation &op : block.without_terminator())
    if (!isRowWise(&op))
      return (emitOpError("(C3) the region may hold row-wise ops only, got '") << op.getName() << "'")
                 .attachNote(op.getLoc())
             << "this op";
  if (getChunks().empty() || llvm::any_of(getChunks(), [](int64_t count) { return count < 1; }))
    return emitOpError("(C3) chunk counts must be at least 1");
  auto yield = cast<YieldOp>(block.getTerminator());
  if (yield.getValues().size() < 3 || yield.getValues().size() != getOutputs().size())
    return emitOpError("(C4) expected at least 3 yielded values, one per result, got ")
           << yield.getValues().size() << " for " << getOutputs().size() << " results";
  for (auto [index, value, output] : llvm::enumerate(yield.getValues(), getOutputs())) {
    const bool fits = index < 3 ? rowsOf(output.getType()) == RowSet::Received &&
                                      sameColumns(value.getType(), output.getType())
                                : value.getType() == output.getType();
    if (!fits)
      return emitOpError("(C4) result ") << index << " has type " << output.getType()
                                         << ", the region yields " << value.getType();
  }
  return success();
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
