//===- Qwen3MoeFolder.cpp - a Qwen3-MoE checkpoint as nn and moe ------------===//

#include "Checkpoint.h"
#include "Diagnose.h"
#include "HuggingFaceConfig.h"
#include "TensorBook.h"
#include "mixserve/Import/Decimal.h"
#include "mixserve/Import/ImportHuggingFace.h"

#include "dialects/moe/MoEDialect.h"
#include "dialects/nn/NNDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"
#include "llvm/Support/Path.h"

#include <cmath>

using namespace mlir;

namespace mixserve::import {

namespace {

/// Fills in the description of the decoder; letters as in HuggingFaceConfig.h.
class Qwen3Moe {
public:
  Qwen3Moe(const Qwen3MoeConfig &config, TensorBook &book)
      : config(config), book(book),
        invFreq(rotaryFrequencies(config.ropeTheta, config.headDim / 2)) {}

  StepDecoder decoder();

private:
  StepNorm norm(const std::string &name, int64_t width) {
    return {book.whole(name + ".weight", {width}), config.eps};
  }
  StepHeads heads(const std::string &attention, char which, int64_t count);
  StepAttention attention(const std::string &layer);
  StepExperts experts(const std::string &layer);

  const Qwen3MoeConfig &config;
  TensorBook &book;
  const SmallVector<double> invFreq;
};

} // namespace

StepHeads Qwen3Moe::heads(const std::string &attention, char which, int64_t count) {
  const std::string name = attention + which;
  StepHeads heads{book.whole(name + "_proj.weight", {count * config.headDim, config.hidden}),
                  std::nullopt, std::nullopt};
  if (which == 'v')
    return heads;
  heads.norm = norm(name + "_norm", config.headDim);
  heads.rope = StepRope{config.headDim, invFreq, 1.0, book.locationOf(name + "_rope")};
  return heads;
}

StepAttention Qwen3Moe::attention(const std::string &layer) {
  const std::string name = layer + "self_attn.";
  // As exporters write it: the shortest decimal of the f32.
  const double scale = shortestDecimal(1 / std::sqrt(static_cast<double>(config.headDim)));
  return {norm(layer + "input_layernorm", config.hidden),
          heads(name, 'q', config.heads),
          heads(name, 'k', config.kvHeads),
          heads(name, 'v', config.kvHeads),
          config.heads,
          config.kvHeads,
          config.headDim,
          scale,
          book.locationOf(layer + "self_attn"),
          book.whole(name + "o_proj.weight", {config.hidden, config.heads * config.headDim})};
}

StepExperts Qwen3Moe::experts(const std::string &layer) {
  const std::string name = layer + "mlp.experts";
  const int64_t e = config.experts, f = config.ffn, h = config.hidden;
  auto stack = [&](const char *kind, ArrayRef<int64_t> shape) {
    return book.stack(name, shape, [&](int64_t expert) {
      return name + "." + std::to_string(expert) + "." + kind + "_proj.weight";
    });
  };
  const std::string fused = name + ".gate_up_proj";
  const bool isFused = book.has(fused);
  return {norm(layer + "post_attention_layernorm", h),
          book.whole(layer + "mlp.gate.weight", {e, h}),
          config.expertsPerToken,
          config.normalizeTopK,
          isFused ? book.rowsOfStack(fused, {e, f, h}, 2 * f, 0) : stack("gate", {e, f, h}),
          isFused ? book.rowsOfStack(fused, {e, f, h}, 2 * f, f) : stack("up", {e, f, h}),
          isFused ? book.whole(name + ".down_proj", {e, h, f}) : stack("down", {e, h, f}),
          book.locationOf(name)};
}

StepDecoder Qwen3Moe::decoder() {
  const SmallVector<int64_t> table{config.vocab, config.hidden};
  const std::string embedding = "model.embed_tokens.weight";
  StepDecoder step{book.whole(embedding, table),
                   {},
                   norm("model.norm", config.hidden),
                   book.whole(config.tiedEmbeddings ? embedding : "lm_head.weight", table)};
  for (int64_t i = 0; i < config.layers; ++i) {
    const std::string layer = "model.layers." + std::to_string(i) + ".";
    step.layers.push_back({attention(layer), experts(layer),
                           book.locationOf(layer + "after_attention"),
                           book.locationOf(layer + "after_mlp")});
  }
  return step;
}

static OwningOpRef<ModuleOp> build(StringRef folder, const Qwen3MoeConfig &config, TensorBook &book,
                                   MLIRContext &context) {
  const StepDecoder decoder = Qwen3Moe(config, book).decoder();
  if (const std::string problems = book.problems(); !problems.empty()) {
    errorIn(&context, folder) << "tensors and config.json do not agree; correct config.json or "
                                 "copy the checkpoint again:"
                              << problems;
    return nullptr;
  }
  OpBuilder builder(&context);
  OwningOpRef<ModuleOp> module =
      ModuleOp::create(NameLoc::get(builder.getStringAttr(llvm::sys::path::filename(folder))));
  (*module)->setAttr(nn::kSourceFolderAttr, builder.getStringAttr(folder));
  if (config.trainedPositions > 0)
    (*module)->setAttr(nn::kTrainedPositionsAttr,
                       builder.getI64IntegerAttr(config.trainedPositions));
  buildStep(*module, decoder);
  return failed(verify(*module)) ? nullptr : std::move(module);
}

} // namespace mixserve::import

OwningOpRef<ModuleOp> mixserve::importHuggingFace(StringRef path, MLIRContext &context,
                                                  FolderWeights weights) {
  using namespace import;
  constexpr uint64_t kMaxConfig = 1 << 20;
  context.loadDialect<nn::NNDialect, moe::MoEDialect, arith::ArithDialect, func::FuncDialect>();
  StringRef folder = path.size() > 1 ? path.rtrim('/') : path;
  std::string problem;
  auto refuse = [&](const Twine &where) {
    errorIn(&context, folder) << where << problem;
    return nullptr;
  };
  const auto text = readSmallFile(folder, "config.json", "file", kMaxConfig, problem);
  if (!text)
    return refuse("is a folder, so it must hold a Hugging Face checkpoint, but ");
  const std::optional<Qwen3MoeConfig> config = readQwen3MoeConfig(*text, problem);
  if (!config)
    return refuse("config.json: ");
  std::optional<StoredTensors> tensors;
  if (weights == FolderWeights::Located && !(tensors = readCheckpoint(folder, problem)))
    return refuse("");
  TensorBook book(&context, tensors ? &*tensors : nullptr, config->dtype);
  return build(folder, *config, book, context);
}
