//===- mixserve-run.cpp - Runs an artifact ----------------------------------===//
#include "mixserve_rt.h"
#include "tools/mixserve-run/Generate.h"
#include "tools/mixserve-run/Report.h"
#include "tools/mixserve-run/TensorFile.h"
#include "tools/mixserve-run/Verify.h"
#include "tools/options/Options.h"

#include "core/MappedFile.h"

#include <algorithm>
#include <cstdio>
#include <sstream>

using namespace mixserve::tools;

namespace {

struct RunOptions {
  std::string artifact, prompt, verify, output, routing, trace, statsFile, method;
  std::vector<std::string> promptIds;
  int64_t newTokens = 16, chunks = 0, paceInter = 0, paceIntra = 0;
  uint64_t deadlineNs = 30'000'000'000ull, latencyNs = 0;
  double tolerance = 1e-4;
  bool json = false, stats = false, mixed = false;
};

int fail(int code, const std::string &message) {
  std::fprintf(stderr, "mixserve-run: %s\n", message.c_str());
  return code;
}

/// What a runtime status means for the caller of the command.
int exitCodeOf(mxs_status_t status) {
  return status == MXS_TIMEOUT || status == MXS_ABORTED || status == MXS_INTERNAL ? kRankFailed
                                                                                  : kBadInput;
}

/// "1,2,3" as token ids; what is wrong goes to `error`.
std::vector<int32_t> parseIds(const std::string &text, std::string &error) {
  std::vector<int32_t> ids;
  std::stringstream stream(text);
  std::string item;
  while (std::getline(stream, item, ',')) {
    char *end = nullptr;
    const long value = std::strtol(item.c_str(), &end, 10);
    if (item.empty() || *end != '\0' || value < 0 || value > INT32_MAX) {
      error = "--prompt-ids: '" + item +
              "' is no token id; give numbers separated by commas, such as 304,287,283";
      return {};
    }
    ids.push_back(static_cast<int32_t>(value));
  }
  if (ids.empty() || text.back() == ',')
    error = "--prompt-ids: '" + text +
            "' is no list of token ids; give numbers separated by commas, such as 304,287,283";
  return ids;
}

/// The requests that the command line asks for; exits through `error`.
std::vector<Request> collectRequests(const RunOptions &options, const ServedLimits &limits,
                                     std::vector<VerificationPrompt> &expected,
                                     std::string &error) {
  std::vector<Request> requests;
  if (!options.verify.empty()) {
    expected = readVerification(options.verify, limits.vocab, error);
    for (const VerificationPrompt &prompt : expected)
      requests.push_back({prompt.prompt, static_cast<int64_t>(prompt.greedy.size()), true, {}, {}});
  }
  for (const std::string &text : options.promptIds) {
    if (!error.empty())
      return {};
    requests.push_back({parseIds(text, error), options.newTokens, !options.output.empty(), {}, {}});
  }
  for (size_t i = 0; i < requests.size() && error.empty(); ++i)
    if (const std::string why = whyRefused(requests[i], limits); !why.empty())
      error = "prompt " + std::to_string(i) + ": " + why;
  return requests;
}

int writeResults(const RunOptions &options, const std::vector<Request> &requests,
                 const std::string &stats, int64_t vocab) {
  if (!options.output.empty()) {
    std::vector<VerificationPrompt> results;
    for (const Request &request : requests)
      results.push_back({request.prompt, request.tokens, request.logits});
    if (const std::string why = writeVerification(options.output, results, vocab); !why.empty())
      return fail(kBadInput, why);
  }
  if (!options.stats)
    return kOk;
  if (options.statsFile.empty()) {
    printStats(stats);
    return kOk;
  }
  const std::string text = stats + "\n";
  const mxs::Status status = mxs::writeFileAtomically(options.statsFile, text.data(), text.size());
  return status.ok() ? kOk : fail(kBadInput, status.message());
}

int run(const RunOptions &options) {
  mxs_options_t open = {};
  open.size = sizeof open;
  open.deadline_ns = options.deadlineNs;
  open.variant = options.method.empty() ? nullptr : options.method.c_str();
  open.chunks = static_cast<int32_t>(
      std::min<int64_t>(options.chunks, INT32_MAX)); // the runtime refuses that many
  open.inter_ns_per_mib = static_cast<uint64_t>(options.paceInter);
  open.intra_ns_per_mib = static_cast<uint64_t>(options.paceIntra);
  open.inter_latency_ns = options.latencyNs;
  open.trace_file = options.trace.empty() ? nullptr : options.trace.c_str();
  open.routing_file = options.routing.empty() ? nullptr : options.routing.c_str();
  mxs_model_t *model = nullptr;
  if (mxs_status_t status = mxs_model_open(options.artifact.c_str(), &open, &model);
      status != MXS_OK)
    return fail(exitCodeOf(status), mxs_last_error());

  const ServedLimits limits = readLimits(mxs_model_manifest(model));
  std::string error;
  std::vector<VerificationPrompt> expected;
  std::vector<Request> requests = collectRequests(options, limits, expected, error);
  if (!error.empty()) {
    mxs_model_close(model);
    return fail(kBadInput, error);
  }
  const mxs_status_t status =
      generate(model, limits, requests, options.mixed ? requests.size() : 1, error);
  const std::string stats = mxs_model_stats(model);
  const mxs_status_t closed = mxs_model_close(model);
  if (status != MXS_OK)
    return fail(exitCodeOf(status), error);
  if (closed != MXS_OK)
    return fail(exitCodeOf(closed), mxs_last_error());

  int code = kOk;
  if (!expected.empty()) {
    const auto verdicts = compare(expected, requests);
    printVerdicts(verdicts, requests, options.tolerance, options.json);
    code = matches(verdicts, options.tolerance) ? kOk : kMismatch;
  } else {
    printTokens(requests, options.json);
  }
  const int written = writeResults(options, requests, stats, limits.vocab);
  return written != kOk ? written : code;
}

} // namespace

int main(int argc, char **argv) {
  RunOptions options;
  Options parser("mixserve-run", "DIR [options]",
                 "Runs an artifact of mixserve-compile with all ranks of its mesh as threads of "
                 "this process.\n"
                 "Prints the generated token ids, a line per prompt.",
                 "mixserve-run tiny.mxs --prompt-ids 304,287,283,86,263 --max-new-tokens 16");
  parser.texts("prompt-ids", "IDS", options.promptIds,
               "a prompt as token ids, 1,2,3; may be given several times");
  parser.flag("mixed", options.mixed,
              "run all prompts at once, batched, instead of one after the other");
  parser.text("prompt", "TEXT", options.prompt,
              "a prompt as text (needs a tokenizer in the artifact)");
  parser.number("max-new-tokens", "N", options.newTokens, 0,
                "tokens to generate per prompt (default 16)");
  parser.text("verify", "FILE", options.verify,
              "run every prompt of this safetensors file and compare; exit 0 or 4");
  parser.real("tolerance", options.tolerance,
              "largest difference of a logit for --verify (default 1e-4)");
  parser.text("output", "FILE", options.output,
              "write prompts, prefill logits and tokens as safetensors");
  parser.text("method", "M", options.method,
              "use this dispatch method of the artifact instead of its table's");
  parser.number("chunks", "N", options.chunks, 0,
                "use this chunk count instead of the table's (0: the table's)");
  parser.text("routing-out", "FILE", options.routing, "write the expert ids of every token (JSON)");
  parser.text("trace", "FILE", options.trace, "write a Chrome trace (JSON)");
  parser.optionalText("stats", "FILE", options.stats, options.statsFile,
                      "bytes and calls: print, or write as JSON");
  parser.duration("deadline", options.deadlineNs, "bound on every wait (default 30s)");
  parser.number("pace-inter", "NS", options.paceInter, 0,
                "pace links between nodes [ns per MiB and lane] (0: off)");
  parser.number("pace-intra", "NS", options.paceIntra, 0,
                "pace links inside a node [ns per MiB and rank] (0: off)");
  parser.duration("latency-inter", options.latencyNs, "delay messages between nodes");
  parser.flag("json", options.json, "print results as JSON");
  std::vector<std::string> positionals;
  if (auto code = parser.parse(argc, argv, positionals))
    return *code;
  if (positionals.size() != 1)
    return parser.usageError(positionals.empty()
                                 ? "which artifact? give its folder"
                                 : "one artifact at a time; unexpected '" + positionals[1] + "'");
  options.artifact = positionals[0];
  if (!options.prompt.empty())
    return parser.usageError(
        "--prompt needs a tokenizer, and artifacts hold none; give --prompt-ids");
  if (options.verify.empty() && options.promptIds.empty())
    return parser.usageError("nothing to run; give --prompt-ids or --verify");
  constexpr const char *methods[] = {"allgather", "flat-ep", "hier-ep", "hybrid", "hybrid-fused"};
  if (!options.method.empty() &&
      std::find(std::begin(methods), std::end(methods), options.method) == std::end(methods))
    return parser.usageError("--method: there is no dispatch method '" + options.method +
                             "'; give allgather, flat-ep, hier-ep, hybrid or hybrid-fused");
  return run(options);
}
