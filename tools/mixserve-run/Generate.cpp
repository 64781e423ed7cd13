//===- Generate.cpp - Continuous batching over an open model ----------------===//
#include "tools/mixserve-run/Generate.h"

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <tuple>

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

namespace {

/// A request that holds a cache slot.
struct Running {
  Request *request;
  int32_t group, slot;
  int64_t cached = 0; ///< positions already in the cache

  bool inPrompt() const { return cached < static_cast<int64_t>(request->prompt.size()); }
  int64_t pending() const {
    return inPrompt() ? static_cast<int64_t>(request->prompt.size()) - cached : 1;
  }
};

/// One step's share of a running request.
struct Share {
  Running *running;
  int64_t tokens;
};

class Scheduler {
public:
  Scheduler(const ServedLimits &limits, std::vector<Request> &requests, size_t together)
      : limits(limits), together(together) {
    for (Request &request : requests)
      waiting.push_back(&request);
    std::reverse(waiting.begin(), waiting.end());
    freeSlots.resize(limits.groups);
    for (auto &slots : freeSlots)
      for (int64_t slot = limits.maxSeqs; slot-- > 0;)
        slots.push_back(static_cast<int32_t>(slot));
  }

  bool done() const { return waiting.empty() && running.empty(); }

  /// Admits what fits and picks the step's shares in ascending group.
  std::vector<Share> pick() {
    admit();
    int64_t room = limits.maxBatchTokens;
    std::vector<Share> shares;
    // Decoding sequences first: a long prompt must not hold the others' next tokens back.
    for (bool prompts : {false, true})
      for (auto &sequence : running)
        if (sequence->inPrompt() == prompts && room > 0) {
          const int64_t tokens = std::min(room, sequence->pending());
          shares.push_back({sequence.get(), tokens});
          room -= tokens;
        }
    // Inside a group any order will do; a slot is taken once, so this one is total.
    std::sort(shares.begin(), shares.end(), [](const Share &a, const Share &b) {
      return std::tie(a.running->group, a.running->slot) <
             std::tie(b.running->group, b.running->slot);
    });
    return shares;
  }

  /// Gives the slots of finished requests back.
  void retire() {
    for (size_t i = 0; i < running.size();) {
      Running &sequence = *running[i];
      if (sequence.inPrompt() ||
          static_cast<int64_t>(sequence.request->tokens.size()) < sequence.request->newTokens) {
        ++i;
        continue;
      }
      freeSlots[sequence.group].push_back(sequence.slot);
      running.erase(running.begin() + i);
    }
  }

private:
  void admit() {
    for (int64_t tried = 0; !waiting.empty() && running.size() < together && tried < limits.groups;
         ++tried) {
      auto &slots = freeSlots[nextGroup];
      if (!slots.empty()) {
        running.push_back(std::make_unique<Running>(
            Running{waiting.back(), static_cast<int32_t>(nextGroup), slots.back()}));
        slots.pop_back();
        waiting.pop_back();
        tried = -1;
      }
      nextGroup = (nextGroup + 1) % limits.groups;
    }
  }

  const ServedLimits limits;
  const size_t together;          ///< requests that may run at the same time
  std::vector<Request *> waiting; ///< next one at the back
  std::vector<std::unique_ptr<Running>> running;
  std::vector<std::vector<int32_t>> freeSlots; ///< per group
  int64_t nextGroup = 0;
};

/// Which of a share's rows need logits.
int32_t logitsOf(const Share &share) {
  const Running &sequence = *share.running;
  if (sequence.inPrompt() && sequence.request->keepLogits)
    return MXS_LOGITS_ALL;
  const bool endsPrompt = share.tokens == sequence.pending();
  return endsPrompt && sequence.request->newTokens > 0 ? MXS_LOGITS_LAST : MXS_LOGITS_NONE;
}

mxs_status_t step(mxs_model_t *model, const ServedLimits &limits,
                  const std::vector<Share> &shares) {
  std::vector<mxs_sequence_t> sequences;
  std::vector<int32_t> tokens;
  int64_t logitsRows = 0;
  for (const Share &share : shares) {
    const Running &sequence = *share.running;
    const int32_t logits = logitsOf(share);
    sequences.push_back({sequence.group, sequence.slot, sequence.cached,
                         static_cast<int32_t>(share.tokens), logits});
    logitsRows += logits == MXS_LOGITS_ALL ? share.tokens : logits == MXS_LOGITS_LAST ? 1 : 0;
    if (sequence.inPrompt())
      tokens.insert(tokens.end(), sequence.request->prompt.begin() + sequence.cached,
                    sequence.request->prompt.begin() + sequence.cached + share.tokens);
    else
      tokens.push_back(sequence.request->tokens.back());
  }
  const bool wantsLogits =
      std::any_of(sequences.begin(), sequences.end(),
                  [](const mxs_sequence_t &s) { return s.logits == MXS_LOGITS_ALL; });
  std::vector<float> logits(wantsLogits ? logitsRows * limits.vocab : 0);
  std::vector<int32_t> next(sequences.size(), -1);
  const mxs_batch_t batch = {sizeof(mxs_batch_t), static_cast<int32_t>(sequences.size()),
                             sequences.data(), tokens.data(), static_cast<int64_t>(tokens.size())};
  mxs_step_output_t output = {sizeof(mxs_step_output_t), next.data(),
                              wantsLogits ? logits.data() : nullptr, logitsRows};
  if (mxs_status_t status = mxs_model_step(model, &batch, &output); status != MXS_OK)
    return status;

  const float *row = logits.data();
  for (size_t i = 0; i < shares.size(); ++i) {
    Running &sequence = *shares[i].running;
    const int64_t rows =
        sequences[i].logits == MXS_LOGITS_ALL ? shares[i].tokens : sequences[i].logits;
    if (sequences[i].logits == MXS_LOGITS_ALL)
      sequence.request->logits.insert(sequence.request->logits.end(), row,
                                      row + rows * limits.vocab);
    if (wantsLogits)
      row += rows * limits.vocab;
    sequence.cached += shares[i].tokens;
    if (!sequence.inPrompt() &&
        static_cast<int64_t>(sequence.request->tokens.size()) < sequence.request->newTokens)
      sequence.request->tokens.push_back(next[i]);
  }
  return MXS_OK;
}

} // namespace

mxs_status_t mixserve::tools::generate(mxs_model_t *model, const ServedLimits &limits,
                                       std::vector<Request> &requests, size_t together,
                                       std::string &error) {
  Scheduler scheduler(limits, requests, together);
  while (!scheduler.done()) {
    if (mxs_status_t status = step(model, limits, scheduler.pick()); status != MXS_OK) {
      error = mxs_last_error();
      return status;
    }
    scheduler.retire();
  }
  return MXS_OK;
}
