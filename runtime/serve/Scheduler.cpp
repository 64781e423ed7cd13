//===- Scheduler.cpp ------------------------------------------------------------------------===//
#include "serve/Scheduler.h"

#include <algorithm>
#include <cmath>
#include <tuple>

using namespace mxs;

Scheduler::Scheduler(const ServeLimits &limits, const SchedulerOptions &options, Emit emit)
    : limits(limits), options(options), emit(std::move(emit)),
      slots(limits.groups, limits.slots, limits.nodes) {}

/// Cache positions that a request may come to use.
static int64_t promisedTokens(const Request &request, int64_t maxContext) {
  const int64_t prompt = static_cast<int64_t>(request.prompt.size());
  return prompt + std::min(request.maxNewTokens, maxContext - prompt);
}

//===----------------------------------------------------------------------===//
// Requests come and go
//===----------------------------------------------------------------------===//

void Scheduler::add(std::unique_ptr<Request> request) { waiting.push_back(std::move(request)); }

static mxs_event_t eventOf(const Request &request) {
  mxs_event_t event{};
  event.size = sizeof event;
  event.request = request.id;
  event.token = -1;
  event.index = static_cast<int64_t>(request.generated.size());
  event.position = static_cast<int64_t>(request.prompt.size()) + event.index;
  event.logprob = NAN;
  event.queued_ns = request.queuedNs;
  return event;
}

void Scheduler::finish(Request &request, mxs_event_t event) {
  if (request.slot >= 0)
    slots.giveBack(request.group, request.slot, promisedTokens(request, limits.maxContext));
  request.slot = -1;
  emit(event);
}

void Scheduler::finish(Request &request, mxs_finish_t reason, const Status &status) {
  mxs_event_t event = eventOf(request);
  event.finish = reason;
  event.status = status.code();
  event.error = status.ok() ? nullptr : status.message().c_str();
  finish(request, event);
}

template <class Condition> void Scheduler::removeRunning(const Condition &gone) {
  running.erase(std::remove_if(running.begin(), running.end(),
                               [&](const std::unique_ptr<Request> &r) { return gone(*r); }),
                running.end());
}

bool Scheduler::cancel(uint64_t id) {
  const auto is = [&](const std::unique_ptr<Request> &r) { return r->id == id; };
  if (const auto at = std::find_if(waiting.begin(), waiting.end(), is); at != waiting.end()) {
    const std::unique_ptr<Request> request = std::move(*at);
    waiting.erase(at);
    finish(*request, MXS_FINISH_CANCELLED);
    return true;
  }
  const auto at = std::find_if(running.begin(), running.end(), is);
  if (at == running.end())
    return false;
  finish(**at, MXS_FINISH_CANCELLED);
  removeRunning([&](const Request &r) { return r.id == id; });
  return true;
}

void Scheduler::expire(ServeClock::time_point now) {
  const auto expired = [&](Request &request) {
    if (request.deadline > now)
      return false;
    finish(request, MXS_FINISH_ERROR,
           timeoutError("the request's deadline has passed after " +
                        std::to_string(request.generated.size()) + " of " +
                        std::to_string(request.maxNewTokens) + " tokens" +
                        (request.group < 0 ? ", while it waited for a cache slot" : "")));
    return true;
  };
  removeRunning(expired);
  waiting.erase(std::remove_if(waiting.begin(), waiting.end(),
                               [&](const std::unique_ptr<Request> &r) { return expired(*r); }),
                waiting.end());
}

void Scheduler::endAll(mxs_finish_t reason, const Status &status) {
  for (const std::unique_ptr<Request> &request : running)
    finish(*request, reason, status);
  for (const std::unique_ptr<Request> &request : waiting)
    finish(*request, reason, status);
  running.clear();
  waiting.clear();
}

void Scheduler::admit() {
  while (!waiting.empty() && runningCount() < options.maxRunning) {
    Request &next = *waiting.front();
    if (!slots.take(promisedTokens(next, limits.maxContext), next.group, next.slot))
      return;
    // Now, so that none of its steps has to; not before: many may wait.
    next.generated.reserve(static_cast<size_t>(std::min<int64_t>(
        next.maxNewTokens,
        limits.maxContext - static_cast<int64_t>(next.prompt.size()) + 1)));
    running.push_back(std::move(waiting.front()));
    waiting.pop_front();
  }
}

//===----------------------------------------------------------------------===//
// One step
//===----------------------------------------------------------------------===//

const StepBatch &Scheduler::plan() {
  admit();
  ++step;
  shares.clear();
  decoding.clear();
  for (const std::unique_ptr<Request> &request : running)
    if (!request->inPrompt())
      decoding.push_back(request.get());
  const bool prompts = decoding.size() < running.size();
  const int64_t kept = prompts ? std::max<int64_t>(1, options.maxBatchTokens / 8) : 0;
  // A step of one token cannot be shared: there decoding and prompts take turns.
  const int64_t forDecoding = options.maxBatchTokens > 1 ? options.maxBatchTokens - kept
                              : prompts && step % 2      ? 0
                                                         : options.maxBatchTokens;
  std::sort(decoding.begin(), decoding.end(), [](const Request *a, const Request *b) {
    return std::tie(a->lastStep, a->id) < std::tie(b->lastStep, b->id);
  });
  int64_t room = options.maxBatchTokens;
  for (Request *request : decoding)
    if (static_cast<int64_t>(shares.size()) < forDecoding) {
      shares.emplace_back(request, 1);
      --room;
    }
  for (const std::unique_ptr<Request> &request : running) {
    const int64_t tokens = std::min({room, request->pending(), options.maxPrefillChunk});
    if (!request->inPrompt() || tokens <= 0)
      continue;
    shares.emplace_back(request.get(), tokens);
    room -= tokens;
  }
  // The descriptor ascends by group; a slot is taken once, so this order is total.
  std::sort(shares.begin(), shares.end(), [](const auto &a, const auto &b) {
    return std::tie(a.first->group, a.first->slot) < std::tie(b.first->group, b.first->slot);
  });
  batch.sequences.clear();
  batch.tokens.clear();
  batch.sampling.clear();
  batch.prompts.clear();
  batch.requests.clear();
  batch.askedRows = 0;
  batch.wantsLogits = false;
  for (const auto &[request, tokens] : shares)
    addShare(*request, tokens);
  return batch;
}

void Scheduler::addShare(Request &request, int64_t tokens) {
  request.lastStep = step;
  const bool last = tokens == request.pending();
  int32_t logits = last && request.maxNewTokens > 0 ? MXS_LOGITS_LAST : MXS_LOGITS_NONE;
  if (request.inPrompt() && request.promptLogits) {
    logits = MXS_LOGITS_ALL;
    batch.wantsLogits = true;
  }
  if (request.inPrompt())
    batch.tokens.insert(batch.tokens.end(), request.prompt.begin() + request.cached,
                        request.prompt.begin() + request.cached + tokens);
  else
    batch.tokens.push_back(request.generated.back());
  batch.sequences.push_back({request.group, request.slot, request.cached,
                             static_cast<int32_t>(tokens), logits});
  batch.sampling.push_back(request.sampling);
  batch.prompts.push_back(static_cast<int32_t>(request.prompt.size()));
  batch.requests.push_back(&request);
  batch.askedRows += logits == MXS_LOGITS_ALL ? tokens : logits;
}

void Scheduler::applyShare(size_t index, const StepTokens &results, int64_t &logitsRow) {
  Request &request = *batch.requests[index];
  const mxs_sequence_t &share = batch.sequences[index];
  const int64_t rows = share.logits == MXS_LOGITS_ALL ? share.num_tokens : share.logits;
  if (share.logits == MXS_LOGITS_ALL)
    std::copy_n(results.logits.data() + logitsRow * limits.vocab, rows * limits.vocab,
                request.promptLogits + request.cached * limits.vocab);
  logitsRow += rows;
  request.cached += share.num_tokens;
  if (request.inPrompt())
    return;
  if (request.maxNewTokens == 0) {
    finish(request, MXS_FINISH_LENGTH);
    return;
  }
  if (results.statuses[index] != MXS_OK) {
    finish(request, MXS_FINISH_ERROR,
           Status(static_cast<mxs_status_t>(results.statuses[index]),
                  "the logits for token " + std::to_string(request.generated.size()) +
                      " are not numbers (NaN or infinite): weights or inputs are damaged; run "
                      "mixserve-inspect --check on the artifact"));
    return;
  }
  mxs_event_t event = eventOf(request);
  event.token = results.tokens[index];
  event.logprob = results.logprobs[index];
  request.generated.push_back(event.token);
  event.finish = request.finishReason(limits.maxContext);
  if (event.finish == MXS_FINISH_NONE)
    emit(event);
  else
    finish(request, event);
}

void Scheduler::apply(const StepTokens &results) {
  int64_t logitsRow = 0;
  for (size_t i = 0; i < batch.requests.size(); ++i)
    applyShare(i, results, logitsRow);
  removeRunning([](const Request &request) { return request.slot < 0; });
}
