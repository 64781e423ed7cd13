//===- StepSampler.cpp ----------------------------------------------------------------------===//
#include "core/StepSampler.h"

#include <algorithm>
#include <cstring>

using namespace mxs;

static Sampler::Shape shapeOf(const Manifest &manifest) {
  Sampler::Shape shape;
  shape.parts = manifest.attnTp;
  shape.vocabLocal = manifest.vocabLocal;
  shape.maxRows = static_cast<int>(std::min<int64_t>(manifest.maxSeqs, manifest.maxBatchTokens));
  shape.slots = manifest.maxSeqs;
  shape.capacity = manifest.maxContext;
  return shape;
}

int64_t StepSampler::largestShare(const Manifest &manifest) {
  return Sampler::largestExchange(shapeOf(manifest));
}

Status StepSampler::create(const Manifest &manifest, const Topology &topology, int rank) {
  Sampler::Shape shape = shapeOf(manifest);
  shape.part = topology.attnCoord(rank);
  rows.reserve(static_cast<size_t>(shape.maxRows));
  return sampler.create(shape);
}

void StepSampler::record(const StepPlan &plan, int ofGroup) {
  const size_t group = static_cast<size_t>(ofGroup);
  const int32_t *tokens = plan.batch.tokens.data() + plan.groupBegin[group];
  for (size_t i = plan.groupSequences[group]; i < plan.groupSequences[group + 1]; ++i) {
    const mxs_sequence_t &s = plan.batch.sequences[i];
    sampler.history().record(s.slot, s.position, tokens, s.num_tokens);
    tokens += s.num_tokens;
  }
}

void StepSampler::collect(const mxs_ctx &ctx) {
  const StepPlan &plan = *ctx.plan;
  const size_t group = static_cast<size_t>(ctx.group);
  record(plan, ctx.group);
  int64_t asked = 0; // asked rows of this and earlier sequences of the group
  rows.clear();
  for (size_t i = plan.groupSequences[group]; i < plan.groupSequences[group + 1]; ++i) {
    const mxs_sequence_t &s = plan.batch.sequences[i];
    asked += Batch::askedRows(s);
    if (Batch::askedRows(s) > 0)
      rows.push_back({ctx.logits.data + (asked - 1) * ctx.logits.columns, s.slot,
                      s.position + s.num_tokens, plan.batch.samplingOf(i)});
  }
}

Status StepSampler::run(const mxs_ctx &ctx, std::vector<Pick> &picks) {
  collect(ctx);
  Communicator &communicator = ctx.world.rank(ctx.rank, ctx.stream);
  const bool alone = ctx.manifest.attnTp == 1;
  return sampler.pick(
      rows,
      [&](const void *own, void *all, int64_t bytes) -> Status {
        if (!alone)
          return communicator.share({-1, MXS_SITE_SAMPLE}, own, all, bytes);
        std::memcpy(all, own, static_cast<size_t>(bytes));
        return okStatus();
      },
      picks);
}
