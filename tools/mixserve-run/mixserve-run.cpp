//===- mixserve-run.cpp - Runs an artifact ----------------------------------===//
#include "mixserve_rt.h"
#include "tools/mixserve-run/CommandLine.h"
#include "tools/mixserve-run/Generate.h"
#include "tools/mixserve-run/Report.h"
#include "tools/mixserve-run/TensorFile.h"
#include "tools/mixserve-run/Verify.h"

#include "core/Env.h"
#include "core/MappedFile.h"

#include <algorithm>
#include <cstdio>
#include <sstream>
#include <unistd.h>

using namespace mixserve::tools;

namespace {

std::string messagePrefix = "mixserve-run: "; ///< says which process, where there are several

int fail(int code, const std::string &message) {
  std::fprintf(stderr, "%s%s\n", messagePrefix.c_str(), message.c_str());
  return code;
}

/// What a runtime status means for the caller of the command.
int exitCodeOf(mxs_status_t status) {
  return status == MXS_TIMEOUT || status == MXS_ABORTED || status == MXS_INTERNAL ? kRankFailed
                                                                                  : kBadInput;
}

/// What a verification file holds is greedy and goes on after an end of sequence.
Request verified(const VerificationPrompt &prompt) {
  Request request;
  request.prompt = prompt.prompt;
  request.newTokens = static_cast<int64_t>(prompt.greedy.size());
  request.keepLogits = request.ignoreEos = true;
  return request;
}

/// Prompt number `index` of the command line or a file.
Request requested(const RunOptions &options, const std::string &where, const std::string &ids,
                  size_t index, std::string &error) {
  Request request;
  request.prompt = parseIds(where, ids, error);
  request.newTokens = options.newTokens;
  request.keepLogits = !options.output.empty();
  request.sampling = {static_cast<float>(options.temperature),
                      static_cast<int32_t>(std::min<int64_t>(options.topK, INT32_MAX)),
                      static_cast<float>(options.topP),
                      static_cast<float>(options.minP),
                      static_cast<float>(options.penalty),
                      options.logprobs,
                      static_cast<uint64_t>(std::max<int64_t>(0, options.seed)) + index};
  request.ignoreEos = options.ignoreEos;
  if (!options.stopIds.empty() && error.empty())
    request.stopIds = parseIds("--stop-ids", options.stopIds, error);
  return request;
}

/// A prompt per line; empty lines are skipped.
void readPrompts(const RunOptions &options, std::vector<Request> &requests, std::string &error) {
  std::string text, line;
  const mxs::Status status = mxs::readFile(options.promptFile, size_t(1) << 30, text);
  if (!status.ok()) {
    error = "--prompt-file: " + status.message();
    return;
  }
  std::stringstream lines(text);
  for (size_t number = 1; error.empty() && std::getline(lines, line); ++number)
    if (const size_t end = line.find_last_not_of(" \r"); end != std::string::npos)
      requests.push_back(requested(options, options.promptFile + ":" + std::to_string(number),
                                   line.substr(0, end + 1), requests.size(), error));
  if (error.empty() && requests.empty())
    error = "--prompt-file: '" + options.promptFile +
            "' holds no prompt; write token ids such as 304,287,283, a prompt per line";
}

/// The requests that the command line asks for; exits through `error`.
std::vector<Request> collectRequests(const RunOptions &options, const ServedLimits &limits,
                                     std::vector<VerificationPrompt> &expected,
                                     std::string &error) {
  std::vector<Request> requests;
  if (!options.verify.empty()) {
    expected = readVerification(options.verify, limits.vocab, error);
    for (const VerificationPrompt &prompt : expected)
      requests.push_back(verified(prompt));
  }
  for (size_t i = 0; i < options.promptIds.size() && error.empty(); ++i)
    requests.push_back(requested(options, "--prompt-ids", options.promptIds[i], i, error));
  if (error.empty() && !options.promptFile.empty())
    readPrompts(options, requests, error);
  for (size_t i = 0; i < requests.size() && error.empty(); ++i)
    if (const std::string why = whyRefused(requests[i], limits); !why.empty())
      error = (options.verify.empty() ? "" : "verification file '" + options.verify + "': ") +
              "prompt " + std::to_string(i) + ": " + why;
  return requests;
}

/// plan.json of an artifact that was opened, and so checked; an empty object if it cannot be read.
nlohmann::json readPlan(const std::string &artifact) {
  std::string text;
  if (!mxs::readFile(artifact + "/plan.json", size_t(1) << 30, text).ok())
    return nlohmann::json::object();
  nlohmann::json plan = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  return plan.is_object() ? plan : nlohmann::json::object();
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
  const nlohmann::json plan = readPlan(options.artifact);
  const bool forced = !options.method.empty() || options.chunks > 0;
  if (options.statsFile.empty() && !options.json) {
    printStats(stats, plan, forced);
    return kOk;
  }
  const std::string text = withPredictions(stats, plan, forced) + "\n";
  if (options.statsFile.empty()) { // a line of JSON after the results' line
    std::fputs(text.c_str(), stdout);
    return kOk;
  }
  const mxs::Status status = mxs::writeFileAtomically(options.statsFile, text.data(), text.size());
  return status.ok() ? kOk : fail(kBadInput, status.message());
}

mxs_status_t openModel(const RunOptions &options, bool launched, mxs_model_t **model) {
  mxs_options_t open = {};
  open.size = sizeof open;
  open.deadline_ns = options.deadlineNs;
  open.variant = options.method.empty() ? nullptr : options.method.c_str();
  open.chunks = static_cast<int32_t>(
      std::min<int64_t>(options.chunks, INT32_MAX)); // the runtime refuses that many
  open.micro_batches = static_cast<int32_t>(std::min<int64_t>(options.microBatches, INT32_MAX));
  open.inter_ns_per_mib = static_cast<uint64_t>(options.paceInter);
  open.intra_ns_per_mib = static_cast<uint64_t>(options.paceIntra);
  open.inter_latency_ns = options.latencyNs;
  open.trace_file = options.trace.empty() ? nullptr : options.trace.c_str();
  open.routing_file = options.routing.empty() ? nullptr : options.routing.c_str();
  open.launched = launched;
  return mxs_model_open(options.artifact.c_str(), &open, model);
}

/// A node that does what node 0 says: it prints nothing but errors.
int follow(mxs_model_t *model) {
  const mxs_status_t status = mxs_model_follow(model);
  const std::string error = mxs_last_error();
  const mxs_status_t closed = mxs_model_close(model);
  if (status != MXS_OK)
    return fail(exitCodeOf(status), error);
  return closed != MXS_OK ? fail(exitCodeOf(closed), mxs_last_error()) : kOk;
}

/// Generates on an open model, which it closes, and reports.
int serve(const RunOptions &options, mxs_model_t *model) {
  const ServedLimits limits = readLimits(mxs_model_manifest(model));
  std::string error;
  std::vector<VerificationPrompt> expected;
  std::vector<Request> requests = collectRequests(options, limits, expected, error);
  if (!error.empty()) {
    mxs_model_close(model);
    return fail(kBadInput, error);
  }
  const size_t together =
      options.mixed ? requests.size() : static_cast<size_t>(options.concurrency);
  // On a terminal the tokens of the only sequence that runs are shown as they come.
  const bool streams = isatty(STDOUT_FILENO) && together == 1 && !options.json && expected.empty();
  const Watch watch = [&](size_t, const mxs_event_t &event) {
    if (!streams)
      return;
    if (event.token >= 0)
      std::printf(event.index ? ",%d" : "%d", event.token);
    if (event.finish != MXS_FINISH_NONE)
      std::printf("\n");
    std::fflush(stdout);
  };
  const mxs_status_t status = generate(model, limits, requests, together, watch, error);
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
  } else if (!streams) {
    printTokens(requests, options.json);
  }
  const int written = writeResults(options, requests, stats, limits.vocab);
  return written != kOk ? written : code;
}

int run(const RunOptions &options, bool launched) {
  // Alone it is said before anything is loaded. Several processes go through the start together, so
  // that none waits for one that left.
  std::string why = launched ? "" : whyNotWritable(options);
  if (!why.empty())
    return fail(kBadInput, why);
  mxs_model_t *model = nullptr;
  if (mxs_status_t status = openModel(options, launched, &model); status != MXS_OK)
    return fail(exitCodeOf(status), mxs_last_error());
  if (mxs_model_node(model) > 0)
    return follow(model);
  if (why = launched ? whyNotWritable(options) : ""; !why.empty()) {
    mxs_model_close(model);
    return fail(kBadInput, why);
  }
  return serve(options, model);
}

} // namespace

int main(int argc, char **argv) {
  RunOptions options;
  Options parser("mixserve-run", "DIR [options]",
                 "Runs an artifact of mixserve-compile: alone, with all ranks of its mesh as "
                 "threads of this\n"
                 "process; started by mpirun or srun, one process per node of the mesh, as in\n"
                 "mpirun -n 2 --map-by ppr:1:node --bind-to none mixserve-run ...\n"
                 "srun --mpi=pmix -N 2 --ntasks-per-node=1 --cpus-per-task=4 mixserve-run ...\n"
                 "Prints the generated token ids, a line per prompt (node 0 does).",
                 "mixserve-run tiny.mxs --prompt-ids 304,287,283,86,263 --max-new-tokens 16");
  parser.usesRuntime();
  mxs::Env environment;
  if (const mxs::Status status = mxs::Env::read(environment); !status.ok())
    return fail(kBadInput, status.message());
  const mxs::Launch &launch = environment.launch;
  if (launch.processes > 1)
    messagePrefix = "mixserve-run (node " + std::to_string(launch.process) + "): ";
  if (launch.process > 0) // what all processes would say, one does
    parser.beSilent();
  if (auto code = parseCommandLine(parser, argc, argv, options))
    return *code;
  return parser.flushed(run(options, launch.processes > 1));
}
