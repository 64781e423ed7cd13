//===- ServedLoad.cpp -------------------------------------------------------===//
#include "tools/mixserve-bench/ServedLoad.h"

#include "bench/Ceilings.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

using namespace mixserve::tools;
using mxs::Status;
using nlohmann::json;

json mixserve::tools::summaryOf(std::vector<double> values) {
  if (values.empty())
    return nullptr;
  std::sort(values.begin(), values.end());
  double sum = 0;
  for (double value : values)
    sum += value;
  const auto rank = [&](double share) {
    const double at = std::ceil(share * double(values.size()));
    return values[static_cast<size_t>(std::max(1.0, at)) - 1];
  };
  return {{"mean", sum / double(values.size())},
          {"p50", rank(0.5)},
          {"p99", rank(0.99)},
          {"most", values.back()}};
}

ServedLoad::ServedLoad(const std::vector<LoadedRequest> &requests, uint64_t firstId)
    : requests(requests), firstId(firstId), served(requests.size()) {}

Status ServedLoad::run(mxs_engine_t *engine) {
  begin = mxs::bench::now();
  for (size_t i = 0; i < requests.size(); ++i)
    served[i].arrived = begin + requests[i].arrival;
  Status refused;
  mxs_engine_pause(engine); // what arrives at once begins at once
  for (size_t i = 0; i < requests.size() && refused.ok(); ++i) {
    if (requests[i].arrival > 0)
      mxs_engine_resume(engine);
    if (const double left = served[i].arrived - mxs::bench::now(); left > 0)
      std::this_thread::sleep_for(std::chrono::duration<double>(left));
    mxs_request_t request = {};
    request.size = sizeof request;
    request.tokens = requests[i].prompt.data();
    request.num_tokens = static_cast<int32_t>(requests[i].prompt.size());
    request.max_new_tokens = requests[i].newTokens;
    request.ignore_eos = 1; // random weights end where they like; the load says how long it is
    uint64_t id = 0;
    if (const mxs_status_t status = mxs_engine_submit(engine, &request, &id); status != MXS_OK)
      refused = Status(status, mxs_last_error());
  }
  mxs_engine_resume(engine);
  // Every step has its deadline, so this ends.
  if (const mxs_status_t status = mxs_engine_wait(engine, 0); status != MXS_OK && refused.ok())
    refused = Status(status, mxs_last_error());
  // Why a request failed says more than that the next one was refused after it.
  return failure.ok() ? refused : failure;
}

void ServedLoad::hear(const mxs_event_t &event) {
  if (event.request < firstId || event.request - firstId >= served.size())
    return;
  Served &request = served[event.request - firstId];
  const double now = mxs::bench::now();
  if (event.token >= 0)
    request.tokens.push_back(now);
  if (event.finish == MXS_FINISH_NONE)
    return;
  request.ended = now;
  request.queued = double(event.queued_ns) / 1e9;
  if (event.finish == MXS_FINISH_ERROR && failure.ok())
    failure = Status(static_cast<mxs_status_t>(event.status), event.error);
}

double ServedLoad::elapsed() const {
  double end = begin;
  for (const Served &request : served)
    end = std::max(end, request.ended);
  return end - begin;
}

int64_t ServedLoad::promptTokens() const {
  int64_t sum = 0;
  for (const LoadedRequest &request : requests)
    sum += static_cast<int64_t>(request.prompt.size());
  return sum;
}

int64_t ServedLoad::outputTokens() const {
  int64_t sum = 0;
  for (const Served &request : served)
    sum += static_cast<int64_t>(request.tokens.size());
  return sum;
}

json ServedLoad::latencies() const {
  std::vector<double> first, between, queued, whole;
  for (const Served &request : served) {
    if (!request.tokens.empty())
      first.push_back(request.tokens.front() - request.arrived);
    for (size_t i = 1; i < request.tokens.size(); ++i)
      between.push_back(request.tokens[i] - request.tokens[i - 1]);
    queued.push_back(request.queued);
    whole.push_back(request.ended - request.arrived);
  }
  return {{"ttft_s", summaryOf(std::move(first))},
          {"itl_s", summaryOf(std::move(between))},
          {"queued_s", summaryOf(std::move(queued))},
          {"request_s", summaryOf(std::move(whole))}};
}
