//===- FuseChoice.cpp - What the plan asks of phase fuse --------------------===//
#include "FuseChoice.h"
#include "dialects/nn/NNDialect.h"
#include "mlir/IR/Remarks.h"

using namespace mlir;
using namespace mixserve;

bool fuse::asksForFusion(func::FuncOp func) {
  auto method = func->getAttrOfType<plan::MethodAttr>(plan::kMethodAttr);
  return method && method.getValue() == plan::Method::HybridFused;
}

SmallVector<int64_t> fuse::chunkCounts(ModuleOp module) {
  SmallVector<int64_t> counts;
  if (auto table = module->getAttrOfType<ArrayAttr>(plan::kTableAttr))
    for (auto entry : table.getAsRange<plan::EntryAttr>())
      if (entry.getMethod() == plan::Method::HybridFused)
        counts.push_back(entry.getChunks());
  // Compiled in beside the table: a run that forces the method says its own count.
  if (auto variants = module->getAttrOfType<ArrayAttr>(plan::kVariantsAttr))
    for (auto variant : variants.getAsRange<plan::MethodAttr>())
      if (variant.getValue() == plan::Method::HybridFused)
        counts.push_back(1);
  llvm::sort(counts);
  counts.erase(llvm::unique(counts), counts.end());
  return counts;
}

void fuse::markFused(Operation *fused, ArrayRef<Operation *> parts) {
  MLIRContext *context = fused->getContext();
  int64_t tokens = 0, intra = 0, inter = 0;
  bool haveBytes = true;
  for (Operation *part : parts) {
    if (Attribute layer = part->getAttr(nn::kLayerAttr))
      fused->setAttr(nn::kLayerAttr, layer);
    auto bytes = part->getAttrOfType<plan::BytesAttr>(plan::kBytesAttr);
    if (!bytes || (tokens != 0 && bytes.getTokens() != tokens)) {
      haveBytes = false;
      continue;
    }
    tokens = bytes.getTokens();
    intra += bytes.getIntra();
    inter += bytes.getInter();
  }
  if (haveBytes)
    fused->setAttr(plan::kBytesAttr, plan::BytesAttr::get(context, tokens, intra, inter));
  fused->setAttr(plan::kChosenByAttr,
                 StringAttr::get(context, "method " + plan::methodOption(plan::Method::HybridFused)));
}

LogicalResult fuse::doesNotFire(PatternRewriter &rewriter, Operation *op, StringRef fused,
                                const std::string &reason) {
  remark::missed(op->getLoc(), remark::RemarkOpts::name(fused).category("fuse")) << reason;
  return rewriter.notifyMatchFailure(op, reason);
}
