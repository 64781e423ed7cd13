//===- NodeRunner.h - The ranks of one node -----------------------------------------*- C++ -*-===//
//
// One thread per rank, one more for its early halves if steps are cut, and one leader thread. The
// leader takes commands of node 0 from its control channel, lets the ranks run, watches that they
// make progress, and replies. On node 0 the host's thread leads the steps (stepHere).
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_RUNTIME_CORE_NODERUNNER_H
#define MIXSERVE_RUNTIME_CORE_NODERUNNER_H

#include "core/CodeLibrary.h"
#include "core/Context.h"
#include "core/ControlChannel.h"
#include "core/NodeReport.h"
#include "core/StepResult.h"
#include "core/StepSampler.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace mxs {

class NodeRunner {
public:
  /// What is referred to must outlive the runner. `verify`: check weight blocks.
  NodeRunner(const Artifact &artifact, World &world, const CodeLibrary &code,
             ControlChannel &channel, int node, bool verify);
  /// join() must have returned true, or start() was never called.
  ~NodeRunner();

  /// Starts the threads; the leader then replies Ready.
  void start();

  /// Call before a Step command is sent to this node.
  void expectWork();
  /// Runs a Step command on the calling thread, which does what the leader would: waits for the
  /// ranks and ends a step without progress. Returns what the leader would reply, valid until the
  /// next call. For the process of node 0, after Ready and one call at a time: to wake the leader
  /// and to be woken by it takes a few percent of a small model's step.
  const std::string &stepHere(const std::string &command);
  /// Waits until all expected work is done, or the leader has ended. False: after `bound`.
  bool awaitIdle(std::chrono::nanoseconds bound);
  /// Waits until the leader has ended: node 0 said so, or the run failed.
  void awaitEnd();
  bool hasEnded() const;
  /// Outcome of the last start or step on this node; OK if there was none.
  Status lastStatus() const;

  /// Waits until all threads have ended, at most `bound`. False: one hangs; all are detached and
  /// the runner, with everything it refers to, must never be destroyed.
  bool join(std::chrono::nanoseconds bound);

  /// The last operations of the node's ranks.
  std::vector<RankFlight> flights() const;
  /// Calls of the node's ranks so far; without bytes.
  NodeReport report() const;
  /// Where the time of a rank's steps went so far.
  RankTimes times(int device) const;

private:
  /// Which thread leads a step.
  enum class Lead { Leader, Host };
  void leaderMain();
  void rankMain(size_t device);
  /// The thread of a rank's early halves.
  void earlyMain(size_t device);
  /// Waits until `counter` is not `seen`, then sets `seen`; false: stopping.
  bool awaitStep(const std::atomic<uint64_t> &counter, uint64_t &seen);
  Status prepare(size_t device);
  Status runStep(size_t device);
  /// Runs the model's code on a context whose step has begun.
  Status runCode(mxs_ctx &ctx, const StepPlan &of);
  /// Reads a batch descriptor and runs it on all ranks.
  Status leadStep(const std::string &command, Lead lead);
  /// Waits for all ranks; the leader says Busy meanwhile. MXS_TIMEOUT: one made no progress for too
  /// long.
  Status awaitRanks(Lead lead);
  std::string whereRanksAre() const;
  Status mergedStatus() const;
  /// Writes into `message` the outcome of the start or of a step, and what
  /// `writePayload(ByteWriter &)` writes.
  template <class Write>
  void writeOutcome(Message kind, const Status &status, const Write &writePayload);
  /// Announced work is done and its outcome known to node 0.
  void finishWork(const Status &status);
  /// Runs a Step command; `message` holds its outcome then.
  Status serveStep(const std::string &command, Lead lead);
  /// Answers a question between steps.
  void answer(Message question);
  void rankFinished();
  /// A thread's last word, but the leader's.
  void threadEnded();

  World &world;
  const CodeLibrary &code;
  ControlChannel &channel;
  const int node;
  const bool verify;
  std::vector<std::unique_ptr<RankMemory>> memories; // of each rank
  std::vector<std::unique_ptr<mxs_ctx>> ranks;
  std::vector<std::unique_ptr<mxs_ctx>> earlyHalves; // of each rank; empty if steps are not cut
  std::vector<StepSampler> samplers;                 // of each rank
  std::vector<std::atomic<int64_t>> stepNs;          ///< of each rank, in steps, of all its streams

  // Written by who leads the step before `generation` grows, or by a rank before `finished` grows.
  StepPlan plan;      ///< of the step, or of its late half
  StepPlan earlyPlan; ///< of its early half, while hasEarly
  bool hasEarly = false;
  std::vector<Status> statuses; ///< of each rank, then of the early half of each
  std::vector<RankResult> results;
  ByteWriter message; // the next reply of who leads

  mutable std::mutex mutex;
  std::condition_variable changed;          ///< of what the leader, the host and join() wait for
  std::condition_variable begun;            ///< a step, or the end: what ranks wait for
  std::atomic<uint64_t> generation{0};      ///< steps started; grows under the mutex
  std::atomic<uint64_t> earlyGeneration{0}; ///< of those, in two halves; likewise
  size_t expectedRanks = 0;                 ///< threads that take part in the current start or step
  size_t finished = 0;                      ///< of them, done
  size_t ended = 0;                         ///< threads that have ended
  size_t expected = 0;                      ///< work announced and not replied to
  std::atomic<bool> stopping{false};        ///< set under the mutex
  bool leaderEnded = false;
  Status last;
  std::vector<std::thread> threads;
};

} // namespace mxs

#endif // MIXSERVE_RUNTIME_CORE_NODERUNNER_H
