//===- Context.cpp --------------------------------------------------------------------------===//
#include "core/Context.h"
#include "comm/Trace.h"
#include "core/MicroBatches.h"
#include "kernels/cpu/ExpertFfn.h"
#include "kernels/cpu/PackedLinear.h"
#include "threads/ThreadPool.h"

#include <algorithm>

using namespace mxs;

mxs_ctx::mxs_ctx(const Artifact &artifact, World &world, RankMemory &memory, int rank, int stream)
    : artifact(artifact), manifest(artifact.manifest()), world(world), topology(world.topology()),
      rank(rank), group(topology.attnGroup(rank)), stream(stream), cache(memory.cache),
      weights(memory.weights) {}

Status mxs_ctx::prepareRank(bool verify, bool verifyShared) {
  MXS_TRY(cache.create(manifest.caches, manifest.maxSeqs, manifest.maxContext));
  return artifact.openWeights(
      rank, verify, verifyShared, [this] { progress.fetch_add(1, std::memory_order_relaxed); },
      weights);
}

Status mxs_ctx::prepare() {
  const size_t bytes = static_cast<size_t>(manifest.arenaBytes);
  arena.reset(static_cast<uint8_t *>(cpu::allocateLarge(bytes)));
  if (!arena)
    return resourceExhausted("cannot allocate " + std::to_string(bytes) +
                             " bytes for activations; compile with a smaller --max-batch-tokens");
  int valueDim = 1;
  for (const CacheEntry &entry : manifest.caches)
    valueDim = std::max({valueDim, entry.headDim, entry.latentDim});
  attending.resize(static_cast<size_t>(manifest.maxSeqs));
  attention =
      cpu::Attention(cpu::attentionKernels(cpu::Engine::process().isa()),
                     ThreadPool::process().threads(), manifest.maxSeqs, valueDim, cache.capacity());
  const int64_t localExperts = topology.endExpert(rank) - topology.firstExpert(rank);
  scores.resize(static_cast<size_t>(manifest.experts * ThreadPool::process().threads()));
  routing.resize(manifest.moeLayers.size());
  sentIds.resize(static_cast<size_t>(manifest.maxBatchTokens * manifest.topK));
  reserveWorkspace(localExperts);
  // Gate, up and down are one call; a weight that several calls share makes the order longer.
  weightOrder.reserve(2 * static_cast<size_t>(weights.count()));
  return okStatus();
}

void mxs_ctx::reserveWorkspace(int64_t localExperts) {
  const cpu::Engine &engine = cpu::Engine::process();
  int64_t bytes = 0;
  for (const CacheEntry &entry : manifest.caches)
    if (entry.isLatent())
      bytes = std::max(bytes, cpu::latentAttentionBytes(latentShape(entry), manifest.maxBatchTokens,
                                                        ThreadPool::process().threads()));
  for (int i = 0; i < weights.count(); ++i) {
    const mxs_weight_t &w = weights.weight(i);
    if (w.layout != WeightLayout::N64)
      continue;
    bytes = std::max(bytes, cpu::packedLinearBytes(engine, w, manifest.maxBatchTokens));
    // Which weights are gate and down of a layer the generated code knows; their sizes tell.
    for (int j = 0; w.matrices == localExperts && j < weights.count(); ++j) {
      const mxs_weight_t &down = weights.weight(j);
      if (down.layout == WeightLayout::N64 && down.matrices == localExperts && down.n == w.k &&
          down.k == w.n)
        bytes = std::max(
            bytes, cpu::expertFfnBytes(engine, w, down, manifest.maxBatchTokens, manifest.topK));
    }
  }
  workspace.reserve(bytes);
}

Status mxs_ctx::beginStep(const StepPlan &next, mxs_ctx *earlierHalf) {
  plan = &next;
  earlier = earlierHalf;
  logits = {};
  weightOrder.resize(std::min(weightsUsed, weightOrder.size()));
  weightsUsed = 0;
  for (std::vector<int32_t> &ids : routing)
    ids.clear();
  return comm().beginStep(next.rows, next.batch.chunks);
}

const mxs_weight_t *mxs_ctx::weightAfter(const mxs_weight_t *w) {
  const size_t at = weightsUsed++;
  if (at < weightOrder.size())
    weightOrder[at] = w;
  else if (at < weightOrder.capacity())
    weightOrder.push_back(w);
  else
    return nullptr;
  return weightOrder[at + 1 < weightOrder.size() ? at + 1 : 0]; // the next step begins alike
}

Status mxs_ctx::awaitEarlier() {
  const int64_t own = attentions.load(std::memory_order_relaxed);
  const auto ready = [&] { return earlier->attentions.load(std::memory_order_acquire) > own; };
  if (!earlier || ready())
    return okStatus();
  const int64_t begin = steadyNs();
  const uint64_t deadline = world.options().deadlineNs;
  ThreadPool &pool = ThreadPool::process();
  const ThreadPool::Waiting waiting(pool);
  pool.assist([&] { return ready() || world.aborted(); });
  // The early half has a deadline for every collective of the layer. One that hangs gives up by
  // itself and says more; here only one that makes no call for a whole deadline is given up.
  WaitPoint::Result result;
  uint64_t progress, seen = earlier->progress.load(std::memory_order_relaxed);
  do {
    progress = seen;
    result = comm().waitPoint().wait(ready, world.abortFlag(), deadline);
    seen = earlier->progress.load(std::memory_order_relaxed);
  } while (result == WaitPoint::TimedOut && seen != progress);
  waitedNs += steadyNs() - begin;
  comm().waited(steadyNs() - begin);
  if (result == WaitPoint::Aborted)
    return world.abortStatus();
  if (result == WaitPoint::TimedOut)
    return timeoutError("the first half of the step did not come to attention " +
                        std::to_string(own) + " within " + std::to_string(deadline / 1'000'000) +
                        " ms; is a rank stuck, or the deadline too short?");
  return okStatus();
}

void mxs_ctx::attended() {
  attentions.fetch_add(1, std::memory_order_release);
  if (stream != kLateStream)
    world.rank(rank, kLateStream).waitPoint().notify();
}

bool mxs_ctx::enter(Call call) {
  if (failed())
    return false;
  calls.add(call);
  current.store(static_cast<int>(call), std::memory_order_relaxed);
  progress.fetch_add(1, std::memory_order_relaxed);
  return true;
}

void mxs_ctx::fail(const Status &failure) {
  if (failed())
    return;
  status = failure;
  code.store(failure.code(), std::memory_order_release);
  world.abort(failure);
}

int64_t mxs_ctx::rows(mxs_row_set_t set) const { return plan->rows.rows(rank, set); }

Status mxs_ctx::recordRouting(int32_t layer, const int32_t *ids, int64_t topK) {
  if (!plan->batch.wantRouting)
    return okStatus();
  const auto &layers = manifest.moeLayers;
  const auto found = std::find(layers.begin(), layers.end(), layer);
  if (found == layers.end() || topK != manifest.topK)
    return internalError("layer " + std::to_string(layer) + " routes to " + std::to_string(topK) +
                         " experts; the manifest does not say so");
  routing[static_cast<size_t>(found - layers.begin())].assign(ids,
                                                              ids + rows(MXS_ROWS_OWNED) * topK);
  return okStatus();
}

bool mxs_ctx::sparesRows(int32_t layer) const {
  return layer + 1 == manifest.layers && !plan->batch.wantRouting &&
         plan->rows.askedOwned(rank) < rows(MXS_ROWS_OWNED);
}

void mxs_ctx::spareRows(int32_t *ids, int64_t first, int64_t count, int64_t topK) const {
  const auto asked = plan->rows.askedOwnedRows(rank);
  for (int64_t row = first; row < first + count; ++row)
    if (!std::binary_search(asked.begin(), asked.end(), static_cast<int32_t>(row)))
      std::fill_n(ids + (row - first) * topK, topK, -1);
}

const int32_t *mxs_ctx::idsToSend(int32_t layer, const int32_t *ids, int64_t topK) {
  const int64_t owned = rows(MXS_ROWS_OWNED);
  if (!sparesRows(layer) || topK != manifest.topK)
    return ids;
  std::copy_n(ids, owned * topK, sentIds.data());
  spareRows(sentIds.data(), 0, owned, topK);
  return sentIds.data();
}
