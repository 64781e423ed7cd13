//===- CommandLine.cpp - What mixserve-run is asked for ---------------------===//
#include "tools/mixserve-run/CommandLine.h"

#include "core/Sampling.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <sstream>

using namespace mixserve::tools;

std::vector<int32_t> mixserve::tools::parseIds(const std::string &where, const std::string &text,
                                               std::string &error) {
  std::vector<int32_t> ids;
  std::stringstream stream(text);
  std::string item;
  while (std::getline(stream, item, ',')) {
    char *end = nullptr;
    const long value = std::strtol(item.c_str(), &end, 10);
    if (item.empty() || *end != '\0' || value < 0 || value > INT32_MAX) {
      error = where + ": '" + item +
              "' is no token id; give numbers separated by commas, such as 304,287,283";
      return {};
    }
    ids.push_back(static_cast<int32_t>(value));
  }
  if (ids.empty() || text.back() == ',')
    error = where + ": '" + text +
            "' is no list of token ids; give numbers separated by commas, such as 304,287,283";
  return ids;
}

std::string mixserve::tools::whyNotWritable(const RunOptions &options) {
  std::string why;
  const std::pair<const char *, const std::string *> files[] = {{"--output", &options.output},
                                                                {"--routing-out", &options.routing},
                                                                {"--trace", &options.trace},
                                                                {"--stats", &options.statsFile}};
  for (const auto &[option, path] : files)
    if (why.empty())
      why = whyNoFile(option, *path);
  return why;
}

static void declare(Options &parser, RunOptions &options) {
  parser.texts("prompt-ids", "IDS", options.promptIds,
               "a prompt as token ids, 1,2,3; may be given several times");
  parser.text("prompt-file", "FILE", options.promptFile, "more prompts as token ids, one a line");
  parser.number("concurrency", "N", options.concurrency, 1,
                "prompts that run at the same time, batched (default 1)");
  parser.flag("mixed", options.mixed, "all prompts at the same time");
  parser.text("prompt", "TEXT", options.prompt,
              "not supported yet: artifacts hold no tokenizer; give token ids,\n--prompt-ids");
  parser.number("max-new-tokens", "N", options.newTokens, 0,
                "tokens to generate per prompt (default 16)");
  parser.real("temperature", options.temperature,
              "0: greedy (default); to draw tokens: 1e-05 or more, such as 1");
  parser.number("top-k", "K", options.topK, 0, "draw from the K most probable tokens (0: off)");
  parser.real("top-p", options.topP,
              "draw from the most probable tokens that have this share together (0: off)");
  parser.real("min-p", options.minP,
              "draw from tokens with this share of the largest probability (0: off)");
  parser.real("repetition-penalty", options.penalty,
              "0.01 to 100, above 1 discourages tokens of prompt and output\n(0: off)");
  parser.number("seed", "N", options.seed, 0,
                "with --temperature: of the first prompt; the next has N + 1, ...\n(default 0)");
  parser.text("stop-ids", "IDS", options.stopIds, "token ids that end a sequence, 1,2,3");
  parser.flag("ignore-eos", options.ignoreEos,
              "the model's own end-of-sequence ids end no sequence");
  parser.flag("logprobs", options.logprobs, "with --json: log-probability of every token");
  parser.text("verify", "FILE", options.verify,
              "run every prompt of this safetensors file and compare; exit 0 or 4");
  parser.real("tolerance", options.tolerance,
              "largest difference of a logit for --verify (default 1e-4)");
  parser.text("output", "FILE", options.output,
              "write prompts, prefill logits and tokens as safetensors");
  parser.text("method", "M", options.method,
              "use this dispatch method of the artifact instead of its table's");
  parser.number("chunks", "N", options.chunks, 0,
                "use this chunk count of hybrid-fused or hier-ep instead of the\n"
                "table's (0: the table's)");
  parser.number("micro-batches", "N", options.microBatches, 0,
                "1: every step in one piece; 2: in halves, of which one computes while\n"
                "the other's rows move (0: the table's); --output, --verify and\n"
                "--routing-out are of one piece");
  parser.text("routing-out", "FILE", options.routing, "write the expert ids of every token (JSON)");
  parser.text("trace", "FILE", options.trace, "write a Chrome trace (JSON)");
  parser.optionalText(
      "stats", "FILE", options.stats, options.statsFile,
      "bytes, calls, and times of collectives beside the plan's: print,\nor write as JSON");
  parser.duration("deadline", options.deadlineNs,
                  "bound on every wait (default: MXS_DEADLINE_MS, or 30s)");
  parser.number("pace-inter", "NS", options.paceInter, 0,
                "pace links between nodes [ns per MiB and lane] (0: off)");
  parser.number("pace-intra", "NS", options.paceIntra, 0,
                "pace links inside a node [ns per MiB and rank] (0: off)");
  parser.duration("latency-inter", options.latencyNs, "delay messages between nodes");
  parser.flag("json", options.json, "print results as JSON");
}

/// Why the runtime, whose numbers are float32, would take one of the numbers for 0, which turns a
/// filter off; or "".
static std::string whyVanishing(const RunOptions &options) {
  const std::pair<const char *, double> numbers[] = {{"--top-p", options.topP},
                                                     {"--min-p", options.minP},
                                                     {"--repetition-penalty", options.penalty}};
  for (const auto &[option, value] : numbers)
    if (value > 0 && static_cast<float>(value) == 0.0f) {
      std::ostringstream text;
      text << option << ": " << value << " is too small to tell from 0, which means off; give a "
           << "larger number or leave it out";
      return text.str();
    }
  return "";
}

/// What is wrong with the options of drawing a token, or "".
static std::string whyUndrawn(const RunOptions &options) {
  if (options.temperature <= 0 && (options.topK > 0 || options.topP > 0 || options.minP > 0))
    return "--top-k, --top-p and --min-p say what is drawn from, and nothing is drawn without "
           "--temperature; give one above 0, such as 1, or leave them out";
  if (options.temperature <= 0 && options.seed >= 0)
    return "--seed says what is drawn, and nothing is drawn without --temperature; give one above "
           "0, such as 1, or leave --seed out";
  // The runtime would be greedy and ignore what else was said.
  if (options.temperature > 0 && static_cast<float>(options.temperature) < mxs::kLeastTemperature) {
    std::ostringstream text;
    text << "--temperature: logits divided by " << options.temperature << " would overflow; give "
         << mxs::kLeastTemperature << " or more to draw tokens, or 0 for the most probable ones";
    return text.str();
  }
  if (options.topP > 1 || options.minP > 1)
    return "--top-p and --min-p are shares, at most 1";
  return whyVanishing(options);
}

/// What is wrong with the options of generation, or "". Fills in defaults.
static std::string whyUnsampled(RunOptions &options) {
  const bool samples = options.temperature > 0 || options.topK > 0 || options.topP > 0 ||
                       options.minP > 0 || options.penalty > 0 || options.seed >= 0 ||
                       !options.stopIds.empty();
  if (!options.verify.empty() && samples)
    return "--verify generates greedily as many tokens as its file holds; leave out --temperature, "
           "--top-k, --top-p, --min-p, --repetition-penalty, --seed and --stop-ids";
  if (const std::string why = whyUndrawn(options); !why.empty())
    return why;
  if (options.logprobs && !options.json)
    return "--logprobs is for --json; leave it out or give --json";
  if (options.mixed && options.concurrency > 0)
    return "--mixed runs all prompts at the same time; leave out --concurrency";
  if (options.concurrency == 0)
    options.concurrency = 1;
  return "";
}

/// What is wrong with the command line as a whole, or "". Fills in defaults.
static std::string resolve(RunOptions &options) {
  if (!options.prompt.empty())
    return "--prompt: prompts as text are not supported yet, artifacts hold no tokenizer; give "
           "token ids, --prompt-ids";
  const bool prompts = !options.promptIds.empty() || !options.promptFile.empty();
  if (options.verify.empty() && !prompts)
    return "nothing to run; give --prompt-ids, --prompt-file or --verify";
  if (!options.verify.empty() && prompts)
    return "--verify runs the prompts of its file; leave out --prompt-ids and --prompt-file, or "
           "run twice";
  if (const std::string why = whyUnsampled(options); !why.empty())
    return why;
  if (!options.verify.empty() && options.newTokens >= 0)
    return "--verify generates as many tokens as its file holds; leave out --max-new-tokens";
  if (options.verify.empty() && options.tolerance >= 0)
    return "--tolerance is for --verify; leave it out or give --verify FILE";
  constexpr const char *methods[] = {"allgather", "flat-ep", "hier-ep", "hybrid", "hybrid-fused"};
  if (!options.method.empty() &&
      std::find(std::begin(methods), std::end(methods), options.method) == std::end(methods))
    return "--method: there is no dispatch method '" + options.method +
           "'; give allgather, flat-ep, hier-ep, hybrid or hybrid-fused";
  if (options.newTokens < 0)
    options.newTokens = 16;
  if (options.tolerance < 0)
    options.tolerance = 1e-4;
  return "";
}

std::optional<int> mixserve::tools::parseCommandLine(Options &parser, int argc, char **argv,
                                                     RunOptions &options) {
  declare(parser, options);
  std::vector<std::string> artifacts;
  if (auto code = parser.parse(argc, argv, artifacts))
    return code;
  if (artifacts.size() != 1)
    return parser.usageError(artifacts.empty()
                                 ? "which artifact? give its folder"
                                 : "one artifact at a time; unexpected '" + artifacts[1] + "'");
  options.artifact = artifacts[0];
  if (const std::string why = resolve(options); !why.empty())
    return parser.usageError(why);
  return std::nullopt;
}
