//===- Engine.cpp ---------------------------------------------------------------------------===//
#include "serve/Engine.h"

#include "core/Json.h"

#include <algorithm>

using namespace mxs;

Status EngineOptions::create(const mxs_engine_options_t &given, const ServeLimits &limits,
                             EngineOptions &out) {
  if (given.size != sizeof(mxs_engine_options_t))
    return invalidArgument("mxs_engine_options_t::size is " + std::to_string(given.size) +
                           ", expected " + std::to_string(sizeof(mxs_engine_options_t)));
  if (!given.on_event)
    return invalidArgument("mxs_engine_options_t::on_event must not be null");
  const struct {
    const char *name;
    int64_t value;
  } counts[] = {{"max_queued", given.max_queued},
                {"max_running", given.max_running},
                {"max_batch_tokens", given.max_batch_tokens},
                {"max_prefill_chunk", given.max_prefill_chunk}};
  for (const auto &count : counts)
    if (count.value < 0)
      return invalidArgument(std::string("mxs_engine_options_t::") + count.name + " is " +
                             std::to_string(count.value) + ", expected 0 (the default) or more");
  if (given.max_batch_tokens > limits.maxBatchTokens)
    return invalidArgument("max_batch_tokens is " + std::to_string(given.max_batch_tokens) +
                           ", the artifact was compiled for at most " +
                           std::to_string(limits.maxBatchTokens));
  const int64_t slots = int64_t(limits.groups) * limits.slots;
  const auto orElse = [](int64_t value, int64_t fallback) { return value > 0 ? value : fallback; };
  EngineOptions options;
  options.maxQueued = orElse(given.max_queued, 1024);
  options.scheduler.maxRunning = std::min(orElse(given.max_running, slots), slots);
  options.scheduler.maxBatchTokens = orElse(given.max_batch_tokens, limits.maxBatchTokens);
  options.scheduler.maxPrefillChunk =
      orElse(given.max_prefill_chunk, options.scheduler.maxBatchTokens);
  options.onEvent = given.on_event;
  options.user = given.user;
  out = options;
  return okStatus();
}

Engine::Engine(const ServeLimits &limits, const EngineOptions &options, Stepper stepper)
    : limits(limits), options(options), stepper(std::move(stepper)),
      scheduler(limits, options.scheduler, [this](const mxs_event_t &event) { emit(event); }) {
  worker = std::thread([this] { run(); });
}

Engine::~Engine() {
  {
    std::lock_guard<std::mutex> lock(mutex);
    stopping = true;
  }
  changed.notify_all();
  worker.join();
}

//===----------------------------------------------------------------------===//
// Any thread
//===----------------------------------------------------------------------===//

int64_t Engine::unfinished() const {
  uint64_t finished = 0;
  for (uint64_t count : counters.finished)
    finished += count;
  return static_cast<int64_t>(counters.submitted - finished);
}

Status Engine::submit(const mxs_request_t &given, uint64_t &id) {
  auto request = std::make_unique<Request>();
  const Status status = Request::create(given, limits, *request);
  request->submitted = ServeClock::now();
  std::lock_guard<std::mutex> lock(mutex);
  if (!status.ok()) {
    ++counters.refused;
    return status;
  }
  if (!failure.ok())
    return abortedError("the engine has failed, open model and engine again: " +
                        failure.message());
  const int64_t queued = counters.waiting + static_cast<int64_t>(arrived.size());
  if (queued >= options.maxQueued) {
    ++counters.refused;
    return resourceExhausted("the queue is full: " + std::to_string(queued) +
                             " requests wait for a cache slot; try again later");
  }
  ++counters.submitted;
  id = request->id = nextId++;
  arrived.push_back(std::move(request));
  changed.notify_all();
  return okStatus();
}

void Engine::pause(bool hold) {
  std::lock_guard<std::mutex> lock(mutex);
  paused = hold;
  changed.notify_all();
}

void Engine::cancel(uint64_t id) {
  std::lock_guard<std::mutex> lock(mutex);
  cancelled.push_back(id);
  changed.notify_all();
}

Status Engine::waitIdle(uint64_t timeoutNs) {
  std::unique_lock<std::mutex> lock(mutex);
  // The last event is told a moment before the scheduler has let the request go.
  const auto done = [&] {
    return unfinished() == 0 && counters.running == 0 && counters.waiting == 0;
  };
  if (timeoutNs == 0)
    changed.wait(lock, done);
  else if (!changed.wait_for(lock, std::chrono::nanoseconds(timeoutNs), done))
    return timeoutError(std::to_string(unfinished()) + " requests are not finished after " +
                        std::to_string(timeoutNs / 1'000'000) + " ms");
  return okStatus();
}

std::string Engine::stats() const {
  std::lock_guard<std::mutex> lock(mutex);
  const Counters &c = counters;
  const Json stats = {{"schema", "mixserve.engine/v1"},
                      {"submitted", c.submitted},
                      {"refused", c.refused},
                      {"waiting", c.waiting + static_cast<int64_t>(arrived.size())},
                      {"running", c.running},
                      {"peak_running", c.peakRunning},
                      {"steps", c.steps},
                      {"step_ns", c.stepNs},
                      {"prompt_tokens", c.promptTokens},
                      {"new_tokens", c.newTokens},
                      {"finished",
                       {{"stop", c.finished[MXS_FINISH_STOP]},
                        {"length", c.finished[MXS_FINISH_LENGTH]},
                        {"cancelled", c.finished[MXS_FINISH_CANCELLED]},
                        {"error", c.finished[MXS_FINISH_ERROR]}}}};
  return stats.dump();
}

//===----------------------------------------------------------------------===//
// The worker
//===----------------------------------------------------------------------===//

void Engine::emit(const mxs_event_t &event) {
  options.onEvent(options.user, &event);
  std::lock_guard<std::mutex> lock(mutex);
  counters.newTokens += event.token >= 0;
  if (event.finish == MXS_FINISH_NONE)
    return;
  ++counters.finished[event.finish];
  changed.notify_all();
}

void Engine::fail(const Status &status) {
  {
    std::lock_guard<std::mutex> lock(mutex);
    if (failure.ok())
      failure = status;
  }
  scheduler.endAll(MXS_FINISH_ERROR, status);
}

bool Engine::takeWork() {
  std::vector<std::unique_ptr<Request>> requests;
  std::vector<uint64_t> ids;
  bool ends = false;
  {
    std::unique_lock<std::mutex> lock(mutex);
    counters.waiting = scheduler.waitingCount();
    counters.running = scheduler.runningCount();
    if (scheduler.idle())
      changed.notify_all();
    changed.wait(lock, [&] {
      return stopping ||
             (!paused && (!arrived.empty() || !cancelled.empty() || !scheduler.idle()));
    });
    requests.swap(arrived);
    ids.swap(cancelled);
    counters.waiting += static_cast<int64_t>(requests.size());
    ends = stopping;
  }
  for (std::unique_ptr<Request> &request : requests)
    scheduler.add(std::move(request));
  for (uint64_t id : ids)
    scheduler.cancel(id);
  scheduler.expire(ServeClock::now());
  if (ends)
    scheduler.endAll(MXS_FINISH_CANCELLED, okStatus());
  return !ends;
}

void Engine::runStep() {
  const StepBatch &batch = scheduler.plan();
  const size_t count = batch.sequences.size();
  if (count == 0)
    return;
  results.tokens.assign(count, -1);
  results.statuses.assign(count, MXS_OK);
  results.logprobs.assign(count, 0.0f);
  if (batch.wantsLogits)
    results.logits.resize(static_cast<size_t>(batch.askedRows * limits.vocab));
  const mxs_batch_t descriptor = {sizeof(mxs_batch_t),
                                  static_cast<int32_t>(count),
                                  batch.sequences.data(),
                                  batch.tokens.data(),
                                  static_cast<int64_t>(batch.tokens.size()),
                                  batch.sampling.data(),
                                  batch.prompts.data()};
  mxs_step_output_t output = {sizeof(mxs_step_output_t),
                              results.tokens.data(),
                              batch.wantsLogits ? results.logits.data() : nullptr,
                              batch.askedRows,
                              results.logprobs.data(),
                              results.statuses.data()};
  int64_t decoded = 0;
  const auto begin = ServeClock::now();
  for (Request *request : batch.requests) {
    decoded += !request->inPrompt();
    if (request->cached == 0)
      request->queuedNs = static_cast<uint64_t>(
          std::chrono::nanoseconds(begin - request->submitted).count());
  }
  const Status status = stepper(descriptor, output);
  const auto took = ServeClock::now() - begin;
  {
    std::lock_guard<std::mutex> lock(mutex);
    ++counters.steps;
    counters.stepNs += static_cast<uint64_t>(std::chrono::nanoseconds(took).count());
    counters.promptTokens += batch.tokens.size() - static_cast<uint64_t>(decoded);
    counters.waiting = scheduler.waitingCount();
    counters.running = scheduler.runningCount();
    counters.peakRunning = std::max(counters.peakRunning, counters.running);
  }
  if (status.ok())
    scheduler.apply(results);
  else
    fail(status);
}

void Engine::run() {
  while (takeWork()) {
    try {
      runStep();
    } catch (const std::bad_alloc &) {
      fail(resourceExhausted("out of memory"));
    } catch (const std::exception &error) {
      fail(internalError(error.what()));
    }
  }
}
