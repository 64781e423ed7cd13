//===- FusedBody.cpp --------------------------------------------------------===//
#include "FusedBody.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace mixserve;

bool fuse::isRows(Value value) { return static_cast<bool>(plan::ShardingAttr::of(value)); }

bool fuse::isInsideNode(plan::AxesAttr over, plan::MeshAttr mesh) {
  return llvm::all_of(over.getAxes(),
                      [&](plan::AxisRefAttr axis) { return axis.getName() == mesh.getNames().back(); });
}

void fuse::fillBody(Region &body, ValueRange inputs, ArrayRef<Operation *> ops, ValueRange yielded, Location loc,
                    PatternRewriter &rewriter) {
  OpBuilder::InsertionGuard guard(rewriter);
  SmallVector<Location> locs;
  for (Value input : inputs)
    locs.push_back(input.getLoc());
  Block *block = rewriter.createBlock(&body, {}, inputs.getTypes(), locs);
  IRMapping mapping;
  mapping.map(inputs, block->getArguments());
  for (Operation *op : ops)
    rewriter.clone(*op, mapping);
  SmallVector<Value> given;
  for (Value value : yielded)
    given.push_back(mapping.lookup(value));
  coll::YieldOp::create(rewriter, loc, given);
}
