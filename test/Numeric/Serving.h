//===- Serving.h - An open model that tests step ------------------*- C++ -*-===//
#ifndef MIXSERVE_TEST_NUMERIC_SERVING_H
#define MIXSERVE_TEST_NUMERIC_SERVING_H

#include "runtime/include/mixserve_rt.h"
#include "mixserve/Pipeline/Compile.h"
#include <string>
#include <vector>

namespace mixserve::test {

/// A folder that goes away with the test.
class TemporaryFolder {
public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder &) = delete;
  TemporaryFolder &operator=(const TemporaryFolder &) = delete;
  std::string operator/(const std::string &name) const { return path + "/" + name; }

private:
  std::string path;
};

/// Writes a cluster file of `nodes` x `devices`.
void writeCluster(const std::string &path, int nodes, int devices);

/// Compiles and returns the diagnostics; empty text means success.
std::string compileOrExplain(const CompileOptions &options);

/// A mesh with a layout and method that tests of batches run on.
struct ServedLayout {
  const char *name;
  int nodes, devices;
  const char *layout, *method;
};
inline const ServedLayout kServedLayouts[] = {
    {"one_rank", 1, 1, "attn_tp=1,attn_dp=1,moe_tp=1,moe_ep=1", "allgather"},
    {"tp4_allgather", 2, 2, "attn_tp=4,attn_dp=1,moe_tp=4,moe_ep=1", "allgather"},
    {"dp_ep_flat", 2, 2, "attn_tp=1,attn_dp=4,moe_tp=1,moe_ep=4", "flat-ep"},
    {"tp_dp_hier", 2, 2, "attn_tp=2,attn_dp=2,moe_tp=1,moe_ep=4", "hier-ep"},
    {"tp_ep_fused", 2, 2, "attn_tp=2,attn_dp=2,moe_tp=2,moe_ep=2", "hybrid-fused"},
    {"tp4_hybrid", 1, 4, "attn_tp=4,attn_dp=1,moe_tp=4,moe_ep=1", "hybrid"}};

/// Compiles `options` for it, into `folder`/artifact; as compileOrExplain.
std::string compileServed(const ServedLayout &served, const TemporaryFolder &folder, CompileOptions options);

/// Index of the first float that differs in a bit; the size if none does.
size_t firstDifference(const std::vector<float> &a, const std::vector<float> &b);

/// What one generation gave.
struct Generated {
  std::vector<float> logits;   ///< of the prefill, [S, V]
  std::vector<int32_t> tokens; ///< greedy
};

/// A sequence of a mixed batch: a prompt whose prefill happens at step `start`.
struct Arrival {
  std::vector<int32_t> prompt;
  int start = 0;
  int tokens = 1; ///< to generate
};

class ServedModel {
public:
  /// Opens or fails the current test. `method` empty: by the artifact's table.
  ServedModel(const std::string &artifact, const std::string &method, int chunks,
              const std::string &routingFile = "", int microBatches = 0);
  ~ServedModel();
  bool isOpen() const { return model != nullptr; }
  /// For steps that the calls below do not make.
  mxs_model_t *handle() { return model; }

  /// One sequence alone, in group 0 or any other.
  Generated generate(const std::vector<int32_t> &prompt, int tokens, int group = 0);
  /// All arrivals together, one step call per tick; groups round-robin.
  std::vector<Generated> generateMixed(const std::vector<Arrival> &arrivals);
  /// Steps of given tokens: each step says how many of which sequences' next tokens are in it.
  /// `prompts`: how long each sequence's prompt is said to be; empty: nothing is said.
  /// Returns the logits of all tokens that were in a step, [tokens, V] of each sequence; opened for
  /// two micro-batches, which cut no step that asks for so many, those of each sequence's last
  /// token of a step, [steps that it is in, V].
  using ForcedStep = std::vector<std::pair<size_t, int>>;
  std::vector<std::vector<float>> force(const std::vector<std::vector<int32_t>> &sequences,
                                        const std::vector<ForcedStep> &schedule,
                                        const std::vector<int32_t> &prompts = {});
  /// mixserve.stats/v1, as text.
  std::string stats();
  int attentionGroups() const { return groups; }
  int64_t vocabulary() const { return vocab; }
  int stepCalls() const { return steps; }
  /// Closes now (files are written) and returns the status.
  mxs_status_t close();

private:
  mxs_model_t *model = nullptr;
  int groups = 1, steps = 0, microBatches = 0;
  int64_t vocab = 0;
};

} // namespace mixserve::test

#endif // MIXSERVE_TEST_NUMERIC_SERVING_H
