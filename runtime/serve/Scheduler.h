//===- Scheduler.h - Which tokens of which requests make the next step ------*- C++ -*-===//
//
// No thread, no clock, no model: the engine calls it from one thread and passes what it needs.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_RUNTIME_SERVE_SCHEDULER_H
#define MIXSERVE_RUNTIME_SERVE_SCHEDULER_H

#include "serve/Request.h"
#include "serve/SlotTable.h"

#include <deque>
#include <functional>
#include <memory>
#include <vector>

namespace mxs {

struct SchedulerOptions {
  int64_t maxBatchTokens = 0;  ///< tokens of a step, over all groups
  int64_t maxRunning = 0;      ///< sequences that hold a slot, over all groups
  int64_t maxPrefillChunk = 0; ///< tokens of one prompt in a step
};

/// One step: the batch descriptor's arrays. Valid until the next plan().
struct StepBatch {
  std::vector<mxs_sequence_t> sequences;
  std::vector<int32_t> tokens;
  std::vector<mxs_sampling_t> sampling;
  std::vector<int32_t> prompts;    ///< length of each sequence's
  std::vector<Request *> requests; ///< of each sequence
  int64_t askedRows = 0;
  bool wantsLogits = false; ///< some request wants its prompt's logits
};

/// What a step gave; arrays as in mxs_step_output_t.
struct StepTokens {
  std::vector<int32_t> tokens, statuses;
  std::vector<float> logprobs, logits;
};

class Scheduler {
public:
  /// Every event of a request; the one whose `finish` is not NONE is its last.
  using Emit = std::function<void(const mxs_event_t &)>;

  Scheduler(const ServeLimits &limits, const SchedulerOptions &options, Emit emit);

  void add(std::unique_ptr<Request> request);
  /// Ends it with MXS_FINISH_CANCELLED. False: there is none of that id, or no more.
  bool cancel(uint64_t id);
  /// Ends with MXS_TIMEOUT what has passed its deadline.
  void expire(ServeClock::time_point now);
  /// Ends everything with `finish`; `status` is not OK exactly for MXS_FINISH_ERROR.
  void endAll(mxs_finish_t finish, const Status &status);

  /// Admits what has room and picks the next step: decoding sequences first, those that waited
  /// longest before others; then prompts in the order of their admission, cut into chunks. Where
  /// decoding alone would fill the step, an eighth of it is kept for prompts, so none starves.
  /// Empty: nothing to do.
  const StepBatch &plan();
  /// Takes the results of the step that plan() gave.
  void apply(const StepTokens &results);

  int64_t waitingCount() const { return static_cast<int64_t>(waiting.size()); }
  int64_t runningCount() const { return static_cast<int64_t>(running.size()); }
  bool idle() const { return waiting.empty() && running.empty(); }

private:
  void admit();
  void addShare(Request &request, int64_t tokens);
  void applyShare(size_t index, const StepTokens &results, int64_t &logitsRow);
  /// Emits the request's last event; the caller removes it.
  void finish(Request &request, mxs_event_t event);
  void finish(Request &request, mxs_finish_t reason, const Status &status = okStatus());
  template <class Condition> void removeRunning(const Condition &gone);

  const ServeLimits limits;
  const SchedulerOptions options;
  const Emit emit;
  SlotTable slots;
  std::deque<std::unique_ptr<Request>> waiting;
  std::vector<std::unique_ptr<Request>> running; ///< in the order of admission
  std::vector<std::pair<Request *, int64_t>> shares;
  std::vector<Request *> decoding;
  StepBatch batch;
  uint64_t step = 0;
};

} // namespace mxs

#endif // MIXSERVE_RUNTIME_SERVE_SCHEDULER_H
