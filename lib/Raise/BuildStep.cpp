//===- BuildStep.cpp - the decoder of a graph, described for the builder ----===//

#include "BuildStep.h"
#include "mixserve/Import/DecoderStep.h"

using namespace mlir;

namespace mixserve::raise {

static StepWeight weightOf(const ParamView &view, Location loc) {
  return {view.type(), view.boxes(loc.getContext()), loc};
}

static StepNorm normOf(const Norm *norm) { return {weightOf(norm->weight, norm->loc), norm->eps}; }

static StepWeight weightOf(const Linear *linear) { return weightOf(linear->weight, linear->loc); }

static StepHeads headsOf(const HeadPath &path) {
  StepHeads heads{weightOf(path.linear), std::nullopt, std::nullopt};
  if (path.norm)
    heads.norm = normOf(path.norm);
  if (path.rope)
    heads.rope = StepRope{path.rope->headDim, path.rope->invFreq, path.rope->scale, path.rope->loc};
  return heads;
}

static StepAttention attentionOf(const AttentionBlock &block) {
  const Attention *term = block.attention;
  return {normOf(block.norm), headsOf(block.queries), headsOf(block.keys), headsOf(block.values),
          term->heads,        term->keys->heads,      term->keys->headDim, term->scale,
          term->loc,          weightOf(block.output)};
}

static StepExperts expertsOf(const ExpertBlock &block) {
  return {normOf(block.norm),
          weightOf(block.router->logits),
          block.router->topK,
          block.normalize,
          weightOf(block.gate, block.loc),
          weightOf(block.up, block.loc),
          weightOf(block.down, block.loc),
          block.loc};
}

void buildStep(ModuleOp module, const Decoder &decoder) {
  StepDecoder step{weightOf(decoder.embedding->table, decoder.embedding->loc),
                   {},
                   normOf(decoder.finalNorm),
                   weightOf(decoder.logits)};
  for (const DecoderLayer &layer : decoder.layers)
    step.layers.push_back({attentionOf(layer.attention), expertsOf(layer.experts),
                           layer.afterAttention->loc, layer.afterExperts->loc});
  mixserve::buildStep(module, step);
}

} // namespace mixserve::raise
