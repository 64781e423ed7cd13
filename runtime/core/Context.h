//===- Context.h - mxs_ctx: what one rank's generated code works on ---------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_CORE_CONTEXT_H
#define MIXSERVE_RUNTIME_CORE_CONTEXT_H

#include "comm/Communicator.h"
#include "core/Artifact.h"
#include "core/Calls.h"
#include "core/KvCache.h"
#include "core/StepPlan.h"
#include "kernels/cpu/Kernels.h"
#include "kernels/cpu/LatentAttention.h"
#include "kernels/cpu/Workspace.h"

#include <atomic>
#include <cstdlib>
#include <memory>
#include <vector>

namespace mxs {

struct FreeMemory {
  void operator()(void *memory) const { std::free(memory); }
};

/// Logits of the group's asked rows, this rank's part of the vocabulary. Not owned.
struct LogitsView {
  const float *data = nullptr;
  int64_t columns = 0;
};

/// Sizes of the attention that owns a latent cache.
inline cpu::LatentShape latentShape(const CacheEntry &entry) {
  return {entry.heads, entry.latentDim, entry.ropeDim, entry.nopeDim, entry.valueDim};
}

/// What the streams of one rank share: weights are read, and each cache is written by one stream at
/// a time (mxs_ctx::awaitEarlier).
struct RankMemory {
  KvCache cache;
  RankWeights weights;
};

} // namespace mxs

/// One stream of a rank (MicroBatches.h). All memory is allocated by `prepare`; a step allocates
/// nothing here. Used by the stream's thread; `progress`, `current` and the failure flag may be
/// read by others.
struct mxs_ctx {
  mxs_ctx(const mxs::Artifact &artifact, mxs::World &world, mxs::RankMemory &memory, int rank,
          int stream = 0);

  /// Allocates the rank's cache and maps its weights: once, before prepare() of its streams.
  /// `verify`, `verifyShared`: check their blocks.
  mxs::Status prepareRank(bool verify, bool verifyShared);
  /// Allocates what this stream works in.
  mxs::Status prepare();

  /// Starts a step on `plan`, which must outlive it. `earlierHalf`: the stream of the rank whose
  /// rows of every sequence come before these; null in a step of one piece.
  mxs::Status beginStep(const mxs::StepPlan &plan, mxs_ctx *earlierHalf = nullptr);
  /// Waits until the earlier half has written its rows of the cache that this stream's next
  /// attention reads. MXS_TIMEOUT, MXS_ABORTED.
  mxs::Status awaitEarlier();
  /// This stream's rows are in the cache of its attention; a later half may read them.
  void attended();
  /// Before a step, on any thread: nothing has been attended.
  void resetAttended() { attentions.store(0, std::memory_order_relaxed); }

  /// Whether some rows need no experts in MoE layer `layer`: in the model's last layer nothing
  /// reads what they make of rows that no logits are asked of. Not where routing is recorded.
  bool sparesRows(int32_t layer) const;
  /// Where it does: writes -1 to the ids [rows, K] of such rows among the owned rows from `first`
  /// on.
  void spareRows(int32_t *ids, int64_t first, int64_t rows, int64_t topK) const;
  /// The ids [owned rows, K] by which rows go to the experts of `layer`: `ids`, or a copy without
  /// those of spared rows, valid until the next call.
  const int32_t *idsToSend(int32_t layer, const int32_t *ids, int64_t topK);

  /// The weight that the call after this one multiplies with; this one has `w` (null: experts). By
  /// what the last step did; null: experts, or not known.
  const mxs_weight_t *weightAfter(const mxs_weight_t *w);

  mxs::Communicator &comm() { return world.rank(rank, stream); }

  /// Whether a call may go on; counts it. False after a failure.
  bool enter(mxs::Call call);
  /// Keeps the first failure and ends the waits of all ranks.
  void fail(const mxs::Status &status);
  bool failed() const { return code.load(std::memory_order_acquire) != MXS_OK; }
  const mxs::Status &failure() const { return status; }

  /// Rows of `set` in this step; `set` is checked by the caller.
  int64_t rows(mxs_row_set_t set) const;
  /// Appends ids [owned rows, K] of MoE layer `layer` to the routing record, if one is kept.
  mxs::Status recordRouting(int32_t layer, const int32_t *ids, int64_t topK);

  const mxs::Artifact &artifact;
  const mxs::Manifest &manifest;
  mxs::World &world;
  const mxs::Topology topology;
  const int rank, group, stream;

  const mxs::StepPlan *plan = nullptr;
  mxs::KvCache &cache;
  mxs::RankWeights &weights;
  mxs::LogitsView logits;
  mxs::cpu::Attention attention;
  std::vector<mxs::cpu::AttentionSequence> attending; ///< [max_seqs] of the call that runs
  std::vector<int32_t> sentIds;                       ///< [max rows * K] of idsToSend
  std::vector<float> scores;                          ///< [threads][experts] scratch of route
  std::vector<std::vector<int32_t>> routing;          ///< [moe layers][owned rows * K] of this step
  mxs::cpu::Workspace workspace;                      ///< of linears, latent attention, experts
  mxs::CallCounter calls;
  std::unique_ptr<uint8_t, mxs::FreeMemory> arena;

  int64_t waitedNs = 0; ///< for the earlier half, in the call that runs; not a part of its time
  std::atomic<uint64_t> progress{0}; ///< grows with every call and every checked block
  std::atomic<int> current{-1};      ///< the mxs::Call that runs or ran last

private:
  /// Room for the largest linear, latent attention and expert layer of a step.
  void reserveWorkspace(int64_t localExperts);

  std::vector<const mxs_weight_t *> weightOrder; ///< of the linears of the last step; null: experts
  size_t weightsUsed = 0;                        ///< linears and experts of this step so far
  mxs_ctx *earlier = nullptr;
  std::atomic<int64_t> attentions{0}; ///< of this step, whose rows are in the caches

  std::atomic<int> code{MXS_OK};
  mxs::Status status;
};

#endif // MIXSERVE_RUNTIME_CORE_CONTEXT_H
