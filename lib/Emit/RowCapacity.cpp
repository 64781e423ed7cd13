//===- RowCapacity.cpp - How many rows a buffer must hold -------------------===//
#include "RowCapacity.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mixserve;

FailureOr<RowCapacity> RowCapacity::of(ModuleOp module) {
  auto limits = module->getAttrOfType<plan::LimitsAttr>(plan::kLimitsAttr);
  auto layout = module->getAttrOfType<plan::LayoutAttr>(plan::kLayoutAttr);
  if (!limits || !layout)
    return module.emitError("buffers cannot be sized without '")
           << (limits ? plan::kLayoutAttr : plan::kLimitsAttr)
           << "'; run the phases plan and shard first";
  return RowCapacity{limits.getMaxBatchTokens(), layout.getAttnTp()};
}

int64_t RowCapacity::rows(plan::RowSet set) const {
  assert(set != plan::RowSet::None && "no bound by T alone");
  const bool isOwned = set == plan::RowSet::Owned || set == plan::RowSet::AskedOwned;
  return isOwned ? static_cast<int64_t>(llvm::divideCeil(tokens, attnTp)) : tokens;
}
