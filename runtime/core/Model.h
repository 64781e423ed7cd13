//===- Model.h - An open artifact: its ranks and its scheduler --------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_CORE_MODEL_H
#define MIXSERVE_RUNTIME_CORE_MODEL_H

#include "core/Env.h"
#include "core/NodeRunner.h"
#include "core/RoutingTrace.h"

#include <memory>
#include <string>
#include <vector>

namespace mxs {

/// What mxs_options_t says, with defaults filled in.
struct ModelOptions {
  uint64_t deadlineNs = 0; ///< > 0
  std::string variant;     ///< empty: by the table
  int chunks = 0;          ///< 0: by the table
  int microBatches = 0;    ///< 0: by the table
  uint64_t interNsPerMib = 0, intraNsPerMib = 0, interLatencyNs = 0;
  std::string traceFile, routingFile; ///< empty: none
  bool skipChecksums = false;
  bool launched = false; ///< this process is one node; the others are processes too
  Launch launch;         ///< of this process, if launched
  std::string linearRows; ///< Env::linearRows

  /// `options` may be null. MXS_INVALID_ARGUMENT: wrong size, or a bad environment variable.
  static Status create(const mxs_options_t *options, ModelOptions &out);
};

/// The nodes of this process: all of them, or one of a run of several processes. Node 0 schedules;
/// the ranks of other nodes are reached through control messages only, wherever they live. The
/// process of another node only follows.
///
/// One call at a time. A step that fails on a rank ends the run: later steps are refused.
class Model {
public:
  static Status open(const std::string &folder, const ModelOptions &options,
                     std::unique_ptr<Model> &out);
  /// Ends the ranks if close() was not called; writes no files.
  ~Model();

  /// Node 0 only.
  Status step(const mxs_batch_t &batch, mxs_step_output_t &output);
  /// Other nodes only: takes part until node 0 closes the model. The failure that ended the run.
  Status follow();
  /// Ends the ranks; node 0 also writes the trace and routing files.
  Status close();

  /// The first node that lives in this process.
  int node() const { return firstNode; }
  const Manifest &manifest() const;
  const std::string &manifestText() const;
  /// mixserve.stats/v1.
  std::string stats();

private:
  struct Ranks; // everything that rank threads refer to

  Model() = default;
  /// Opens the artifact; with other processes, compares it with theirs.
  Status openArtifact(const std::string &folder);
  Status createWorld();
  /// Code, rank threads; node 0 waits until all nodes are ready.
  Status start();
  Status startNodes();
  Status awaitReady();
  /// Whether steps of `tokens` are to be cut in halves.
  bool isCut(int64_t tokens) const;
  /// Runs the step, in halves if it is cut; `byHalves` is the plan by which the results come.
  Status runHalves(const StepPlan *&byHalves);
  void chooseMethod(Batch &batch) const;
  Status checkPositions(const Batch &batch) const;
  /// Sends the step, or its halves, to all nodes and collects every rank's result.
  Status runBatch(const Batch &late, const Batch *early);
  /// Allocates what steps work in.
  void reserve();
  /// After a failure: waits for the ranks of this process and picks what tells most.
  Status explain(Status first);
  /// Counts a step, or a half of one, in `bySize`.
  void countSize(const Batch &piece);
  Status shutDown();
  /// The nodes that live in other processes; node 0 only.
  bool isRemote(size_t node) const { return node > 0 && options.launched; }
  /// `status` with where all ranks are, as far as this process can tell, if it is of a wait. After
  /// the local ones ended.
  Status withFlights(const Status &status);
  /// The last words of other nodes that come within half a second.
  void hearFlights(std::vector<RankFlight> &flights);
  /// What node `node` reports; bytes only of remote nodes.
  Status nodeReport(size_t node, NodeReport &out);
  /// How far the clock of `node` is ahead of this one [ns].
  Status clockLead(size_t node, int64_t &leadNs);
  /// The trace of all nodes.
  Status gatherTrace(std::string &json);
  int64_t &cached(const mxs_sequence_t &s);

  ModelOptions options;
  int firstNode = 0, endNode = 0; ///< of this process
  std::unique_ptr<Ranks> ranks;
  RoutingTrace routing;
  StepPlan plan;                     ///< of the running step
  StepPlan latePlan;                 ///< of its late half, if it is cut
  Batch earlyBatch;                  ///< of its early half
  std::vector<RankResult> results;   ///< of every rank
  ByteWriter command;                ///< to the nodes
  std::vector<std::string> replies;  ///< of every node: each has memory of its own size
  std::vector<Pick> picks;           ///< of the last step's sequences
  std::vector<int64_t> cachedTokens; ///< [groups][slots]
  uint64_t steps = 0, tokens = 0;
  /// Steps, or halves of them, of more than 2^(i-1) and at most 2^i tokens, and how many tokens
  /// they had together.
  struct {
    uint64_t steps = 0, tokens = 0;
  } bySize[64];
  Status broken; ///< the failure that ended the run
};

} // namespace mxs

#endif // MIXSERVE_RUNTIME_CORE_MODEL_H
