//===- Generate.cpp - Requests through the runtime's engine ------------------===//
#include "tools/mixserve-run/Generate.h"

#include <algorithm>
#include <nlohmann/json.hpp>

using namespace mixserve::tools;

ServedLimits mixserve::tools::readLimits(const char *manifestJson) {
  const auto manifest = nlohmann::json::parse(manifestJson);
  const auto &limits = manifest.at("limits");
  return {manifest.at("model").at("vocab"), manifest.at("layout").at("attn_dp"),
          limits.at("max_batch_tokens"), limits.at("max_seqs"), limits.at("max_context")};
}

std::string mixserve::tools::whyRefused(const Request &request, const ServedLimits &limits) {
  if (request.prompt.empty())
    return "the prompt is empty; give at least one token id";
  for (size_t i = 0; i < request.prompt.size(); ++i)
    if (request.prompt[i] < 0 || request.prompt[i] >= limits.vocab)
      return "token id " + std::to_string(request.prompt[i]) + " at position " + std::to_string(i) +
             " is outside the vocabulary [0, " + std::to_string(limits.vocab) + ")";
  if (request.newTokens > limits.maxContext)
    return std::to_string(request.newTokens) + " new tokens exceed the artifact's context of " +
           std::to_string(limits.maxContext) +
           "; ask for less or compile with a larger --max-context";
  const int64_t needed =
      static_cast<int64_t>(request.prompt.size()) + std::max<int64_t>(0, request.newTokens - 1);
  if (needed > limits.maxContext)
    return "prompt and output need " + std::to_string(needed) +
           " cache positions, the artifact has " + std::to_string(limits.maxContext) +
           " per sequence; ask for less or compile with a larger --max-context";
  return "";
}

const char *mixserve::tools::finishName(int32_t finish) {
  switch (finish) {
  case MXS_FINISH_STOP:
    return "stop";
  case MXS_FINISH_LENGTH:
    return "length";
  case MXS_FINISH_CANCELLED:
    return "cancelled";
  case MXS_FINISH_ERROR:
    return "error";
  default:
    return "none";
  }
}

namespace {

/// The side that hears the engine; ids of an engine count from 1 in the order of submission.
struct Listener {
  std::vector<Request> &requests;
  const Watch &watch;
  mxs_status_t status = MXS_OK; ///< of the first request that failed
  std::string error;

  void hear(const mxs_event_t &event) {
    const size_t index = static_cast<size_t>(event.request - 1);
    Request &request = requests[index];
    if (event.token >= 0) {
      request.tokens.push_back(event.token);
      if (request.sampling.logprob)
        request.logprobs.push_back(event.logprob);
    }
    request.finish = event.finish;
    if (event.finish == MXS_FINISH_ERROR && status == MXS_OK) {
      status = static_cast<mxs_status_t>(event.status);
      error = event.error;
    }
    if (watch)
      watch(index, event);
  }
};

mxs_status_t submit(mxs_engine_t *engine, const ServedLimits &limits, Request &request) {
  if (request.keepLogits)
    request.logits.resize(request.prompt.size() * static_cast<size_t>(limits.vocab));
  mxs_request_t given = {};
  given.size = sizeof given;
  given.tokens = request.prompt.data();
  given.num_tokens = static_cast<int32_t>(request.prompt.size());
  given.max_new_tokens = request.newTokens;
  given.sampling = request.sampling;
  given.stop_ids = request.stopIds.data();
  given.num_stop_ids = static_cast<int32_t>(request.stopIds.size());
  given.ignore_eos = request.ignoreEos;
  given.prompt_logits = request.keepLogits ? request.logits.data() : nullptr;
  uint64_t id = 0;
  return mxs_engine_submit(engine, &given, &id);
}

} // namespace

mxs_status_t mixserve::tools::generate(mxs_model_t *model, const ServedLimits &limits,
                                       std::vector<Request> &requests, size_t together,
                                       const Watch &watch, std::string &error) {
  Listener listener{requests, watch, MXS_OK, ""};
  mxs_engine_options_t options = {};
  options.size = sizeof options;
  options.max_queued = static_cast<int32_t>(std::min<size_t>(requests.size() + 1, INT32_MAX));
  options.max_running = static_cast<int32_t>(std::min<size_t>(together, INT32_MAX));
  options.user = &listener;
  options.on_event = [](void *user, const mxs_event_t *event) {
    static_cast<Listener *>(user)->hear(*event);
  };
  mxs_engine_t *engine = nullptr;
  mxs_status_t status = mxs_engine_open(model, &options, &engine);
  // All are there before the first step: the steps do not depend on how fast this thread submits.
  if (status == MXS_OK)
    status = mxs_engine_pause(engine);
  for (size_t i = 0; i < requests.size() && status == MXS_OK; ++i)
    status = submit(engine, limits, requests[i]);
  if (status == MXS_OK)
    status = mxs_engine_resume(engine);
  if (status == MXS_OK)
    status = mxs_engine_wait(engine, 0); // every step has its deadline
  if (status != MXS_OK)
    error = mxs_last_error();
  mxs_engine_close(engine);
  // Why a request failed says more than that the next one was refused after it.
  if (listener.status != MXS_OK) {
    status = listener.status;
    error = listener.error;
  }
  return status;
}
