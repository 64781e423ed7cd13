//===- Request.cpp --------------------------------------------------------------------------===//
#include "serve/Request.h"

#include "core/Sampling.h"

#include <algorithm>
#include <cstring>

using namespace mxs;

ServeLimits ServeLimits::of(const Manifest &m) {
  ServeLimits limits;
  limits.vocab = m.vocab;
  limits.maxBatchTokens = m.maxBatchTokens;
  limits.maxContext = m.maxContext;
  limits.groups = m.attnDp;
  limits.slots = m.maxSeqs;
  limits.nodes = m.nodes;
  limits.eos.assign(m.eosTokens.begin(), m.eosTokens.end());
  return limits;
}

static Status copyIds(const char *what, const int32_t *ids, int64_t count, int64_t vocab,
                      std::vector<int32_t> &out) {
  if (count < 0 || (count > 0 && !ids))
    return invalidArgument(std::string(what) + ": the count is " + std::to_string(count) +
                           " and the array is " + (ids ? "given" : "null"));
  for (int64_t i = 0; i < count; ++i)
    if (ids[i] < 0 || ids[i] >= vocab)
      return invalidArgument(std::string(what) + ": token id " + std::to_string(ids[i]) +
                             " at position " + std::to_string(i) +
                             " is outside the vocabulary [0, " + std::to_string(vocab) + ")");
  out.assign(ids, ids + count);
  return okStatus();
}

static Status copyStopSequences(const mxs_request_t &given, int64_t vocab, Request &out) {
  if (given.num_stop_sequences < 0 ||
      (given.num_stop_sequences > 0 && (!given.stop_sequences || !given.stop_lengths)))
    return invalidArgument("stop_sequences: the count and the arrays do not fit");
  const int32_t *next = given.stop_sequences;
  for (int32_t i = 0; i < given.num_stop_sequences; ++i) {
    const int32_t length = given.stop_lengths[i];
    const std::string where = "stop sequence " + std::to_string(i);
    if (length <= 0)
      return invalidArgument(where + " has length " + std::to_string(length) + ", expected 1 or more");
    MXS_TRY(copyIds(where.c_str(), next, length, vocab, out.stopSequences.emplace_back()));
    next += length;
  }
  return okStatus();
}

Status Request::create(const mxs_request_t &given, const ServeLimits &limits, Request &out) {
  if (given.size != sizeof(mxs_request_t))
    return invalidArgument("mxs_request_t::size is " + std::to_string(given.size) + ", expected " +
                           std::to_string(sizeof(mxs_request_t)));
  Request request;
  if (given.num_tokens <= 0)
    return invalidArgument("the prompt is empty; give at least one token id");
  MXS_TRY(copyIds("prompt", given.tokens, given.num_tokens, limits.vocab, request.prompt));
  if (given.num_tokens > limits.maxContext)
    return invalidArgument("the prompt has " + std::to_string(given.num_tokens) +
                           " tokens, the artifact's context is " +
                           std::to_string(limits.maxContext) +
                           "; shorten it or compile with a larger --max-context");
  if (given.max_new_tokens < 0)
    return invalidArgument("max_new_tokens is " + std::to_string(given.max_new_tokens) +
                           ", expected 0 or more");
  MXS_TRY(checkSampling(given.sampling));
  MXS_TRY(copyIds("stop_ids", given.stop_ids, given.num_stop_ids, limits.vocab, request.stopIds));
  MXS_TRY(copyStopSequences(given, limits.vocab, request));
  if (!given.ignore_eos)
    request.stopIds.insert(request.stopIds.end(), limits.eos.begin(), limits.eos.end());
  request.sampling = given.sampling;
  request.maxNewTokens = given.max_new_tokens;
  request.promptLogits = given.prompt_logits;
  if (given.deadline_ns > 0) {
    const auto left = ServeClock::time_point::max() - ServeClock::now();
    request.deadline = std::chrono::nanoseconds(std::min<uint64_t>(given.deadline_ns, INT64_MAX)) < left
                           ? ServeClock::now() + std::chrono::nanoseconds(given.deadline_ns)
                           : ServeClock::time_point::max();
  }
  out = std::move(request);
  return okStatus();
}

static bool endsWith(const std::vector<int32_t> &tokens, const std::vector<int32_t> &end) {
  return tokens.size() >= end.size() && std::equal(end.rbegin(), end.rend(), tokens.rbegin());
}

mxs_finish_t Request::finishReason(int64_t maxContext) const {
  if (!generated.empty()) {
    if (std::find(stopIds.begin(), stopIds.end(), generated.back()) != stopIds.end())
      return MXS_FINISH_STOP;
    for (const std::vector<int32_t> &sequence : stopSequences)
      if (endsWith(generated, sequence))
        return MXS_FINISH_STOP;
  }
  // The next step would put the last token at position `cached`.
  const bool full = cached == maxContext;
  return static_cast<int64_t>(generated.size()) >= maxNewTokens || full ? MXS_FINISH_LENGTH
                                                                        : MXS_FINISH_NONE;
}
