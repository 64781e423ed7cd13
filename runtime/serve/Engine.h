//===- Engine.h - Serves requests with an open model ------------------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_SERVE_ENGINE_H
#define MIXSERVE_RUNTIME_SERVE_ENGINE_H

#include "serve/Scheduler.h"

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace mxs {

struct EngineOptions {
  SchedulerOptions scheduler;
  int64_t maxQueued = 0; ///< requests that wait for a slot
  mxs_event_fn_t onEvent = nullptr;
  void *user = nullptr;

  /// Defaults filled in. MXS_INVALID_ARGUMENT: wrong size, or a number out of its range.
  static Status create(const mxs_engine_options_t &given, const ServeLimits &limits,
                       EngineOptions &out);
};

/// One thread that runs step after step while there is work, and sleeps otherwise. submit, pause,
/// cancel, waitIdle and stats may be called from any thread.
class Engine {
public:
  /// Runs one step; like Model::step.
  using Stepper = std::function<Status(const mxs_batch_t &, mxs_step_output_t &)>;

  Engine(const ServeLimits &limits, const EngineOptions &options, Stepper stepper);
  /// Ends what is left with MXS_FINISH_CANCELLED, after the step that runs.
  ~Engine();

  Status submit(const mxs_request_t &given, uint64_t &id);
  /// While held, no step begins: what is submitted meanwhile begins together.
  void pause(bool hold);
  /// The request ends at the next step's border. Unknown and finished ids are no error.
  void cancel(uint64_t id);
  /// MXS_TIMEOUT: some request is not finished after `timeoutNs` (0 = no bound).
  Status waitIdle(uint64_t timeoutNs);
  /// Whether the caller is inside an event callback.
  bool onOwnThread() const { return std::this_thread::get_id() == worker.get_id(); }
  /// mixserve.engine/v1.
  std::string stats() const;

private:
  struct Counters {
    uint64_t submitted = 0, refused = 0, steps = 0, promptTokens = 0, newTokens = 0;
    uint64_t finished[MXS_FINISH_ERROR + 1] = {};
    uint64_t stepNs = 0;     ///< time inside steps
    int64_t peakRunning = 0, waiting = 0, running = 0;
  };

  void run();
  /// Waits for work; hands it to the scheduler. False: the engine ends.
  bool takeWork();
  void runStep();
  void emit(const mxs_event_t &event);
  /// Ends everything, now and later.
  void fail(const Status &status);
  int64_t unfinished() const; ///< under the lock

  const ServeLimits limits;
  const EngineOptions options;
  const Stepper stepper;

  // The worker's own.
  Scheduler scheduler;
  StepTokens results;

  mutable std::mutex mutex;
  std::condition_variable changed; ///< work came, or became less
  std::vector<std::unique_ptr<Request>> arrived;
  std::vector<uint64_t> cancelled;
  Status failure;
  Counters counters;
  uint64_t nextId = 1;
  bool stopping = false, paused = false;
  std::thread worker; ///< last: everything else is there when it starts
};

} // namespace mxs

#endif // MIXSERVE_RUNTIME_SERVE_ENGINE_H
