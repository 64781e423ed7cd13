//===- Model.cpp ----------------------------------------------------------------------------===//
#include "core/ModelRanks.h"

#include "core/Handshake.h"
#include "core/Json.h"
#include "core/MappedFile.h"
#include "core/MicroBatches.h"
#include "kernels/cpu/Engine.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>

using namespace mxs;

/// The methods whose collectives work in chunks.
static bool isChunked(const std::string &variant) {
  return variant == "hybrid-fused" || variant == "hier-ep";
}
/// 11 days: a few deadlines are added up in 64 bits of nanoseconds.
static constexpr uint64_t kMaxDeadlineNs = 1'000'000'000'000'000;

//===----------------------------------------------------------------------===//
// Options
//===----------------------------------------------------------------------===//

Status ModelOptions::create(const mxs_options_t *given, ModelOptions &out) {
  mxs_options_t o{};
  if (given) {
    // A host that was compiled with an older header knows fewer fields.
    if (given->size < sizeof(uint32_t) || given->size > sizeof o)
      return invalidArgument("mxs_options_t::size is " + std::to_string(given->size) +
                             ", expected at most " + std::to_string(sizeof o));
    std::memcpy(&o, given, given->size);
  }
  Env env;
  MXS_TRY(Env::read(env));
  if (o.chunks < 0)
    return invalidArgument("mxs_options_t::chunks is " + std::to_string(o.chunks) +
                           ", expected 0 (by the table) or more");
  if (o.micro_batches < 0 || o.micro_batches > kMaxStreams)
    return invalidArgument("mxs_options_t::micro_batches is " + std::to_string(o.micro_batches) +
                           ", expected 0 (by the table), 1 or 2");
  if (o.deadline_ns > kMaxDeadlineNs)
    return invalidArgument("the deadline is " + std::to_string(o.deadline_ns) +
                           " ns, expected at most " + std::to_string(kMaxDeadlineNs) +
                           " ns (11 days)");
  if (o.launched && env.launch.processes < 2)
    return invalidArgument("mxs_options_t::launched is set, but no launcher started several "
                           "processes; start with mpirun or srun");
  if (o.launched && (o.inter_ns_per_mib || o.inter_latency_ns))
    return invalidArgument("pace and latency between nodes are for nodes of one process; between "
                           "processes the network has its own (test/cluster makes slow ones)");
  ModelOptions options;
  options.launched = o.launched != 0;
  options.launch = env.launch;
  options.linearRows = env.linearRows;
  options.deadlineNs = o.deadline_ns ? o.deadline_ns : env.deadlineNs;
  options.variant = o.variant ? o.variant : "";
  options.chunks = o.chunks;
  options.microBatches = o.micro_batches;
  options.interNsPerMib = o.inter_ns_per_mib;
  options.intraNsPerMib = o.intra_ns_per_mib;
  options.interLatencyNs = o.inter_latency_ns;
  options.traceFile = o.trace_file ? o.trace_file : "";
  options.routingFile = o.routing_file ? o.routing_file : "";
  options.skipChecksums = o.skip_checksums != 0;
  out = std::move(options);
  return okStatus();
}

/// A forced method or chunk count is honoured or refused, never ignored.
static Status checkForced(const ModelOptions &options, const Manifest &manifest) {
  if (!options.variant.empty() && manifest.variantIndex(options.variant) < 0) {
    std::string list;
    for (const std::string &name : manifest.variants)
      list += (list.empty() ? "" : ", ") + name;
    return invalidArgument("the artifact has no dispatch method '" + options.variant +
                           "', it was compiled with: " + list +
                           "; compile it with --moe-comm=" + options.variant);
  }
  if (options.microBatches > 1 && !options.routingFile.empty())
    return invalidArgument("a routing trace is of steps in one piece; ask for it without halves "
                           "(mxs_options_t::micro_batches, --micro-batches)");
  if (options.chunks <= 1)
    return okStatus();
  if (options.chunks > manifest.maxBatchTokens)
    return invalidArgument(std::to_string(options.chunks) + " chunks of at most " +
                           std::to_string(manifest.maxBatchTokens) +
                           " tokens cannot be made; ask for at most " +
                           std::to_string(manifest.maxBatchTokens));
  const bool all = std::all_of(manifest.table.begin(), manifest.table.end(), [&](auto &entry) {
    return isChunked(manifest.variants[static_cast<size_t>(entry.variant)]);
  });
  if (options.variant.empty() ? !all : !isChunked(options.variant))
    return invalidArgument(std::to_string(options.chunks) +
                           " chunks were asked, but only the methods hybrid-fused and hier-ep work "
                           "in chunks; force one of them too");
  return okStatus();
}

//===----------------------------------------------------------------------===//
// Start and end
//===----------------------------------------------------------------------===//

Status Model::open(const std::string &folder, const ModelOptions &options,
                   std::unique_ptr<Model> &out) {
  std::unique_ptr<Model> model(new Model());
  model->options = options;
  model->ranks = std::make_unique<Ranks>();
  MXS_TRY(model->openArtifact(folder));
  MXS_TRY(checkForced(options, model->manifest()));
  MXS_TRY(model->createWorld());
  MXS_TRY(model->start());
  out = std::move(model);
  return okStatus();
}

Status Model::openArtifact(const std::string &folder) {
  Artifact &artifact = ranks->artifact;
  if (!options.launched) {
    MXS_TRY(Artifact::open(folder, artifact));
    MXS_TRY(cpu::Engine::checkEnvironment());
    endNode = artifact.manifest().nodes;
    return okStatus();
  }
  MpiOptions mpi;
  mpi.deadlineNs = options.deadlineNs;
  MXS_TRY(sharedMpi(mpi, ranks->mpi));
  if (ranks->mpi->nodes() != options.launch.processes)
    return mismatch("the launcher started " + std::to_string(options.launch.processes) +
                    " processes (" + options.launch.variable + "), but MPI sees " +
                    std::to_string(ranks->mpi->nodes()) +
                    "; start with the mpirun of the Open MPI that mixserve was built with, or with "
                    "srun --mpi=pmix");
  Status opened = Artifact::open(folder, artifact, /*nodesHere=*/1);
  if (opened.ok()) // here, so that all nodes hear of it
    opened = cpu::Engine::checkEnvironment();
  firstNode = ranks->mpi->node();
  endNode = firstNode + 1;
  std::string warning;
  MXS_TRY(shakeHands(*ranks->mpi, options.deadlineNs,
                     Hello::of(opened, artifact, options.linearRows), warning));
  if (firstNode == 0 && !warning.empty()) // once, not by every process
    std::fprintf(stderr, "mixserve: warning: %s\n", warning.c_str());
  return okStatus();
}

Status Model::createWorld() {
  Ranks &r = *ranks;
  const Manifest &m = r.artifact.manifest();
  Topology topology;
  topology.nodes = m.nodes;
  topology.devices = m.devices;
  topology.attnTp = m.attnTp;
  topology.moeTp = m.moeTp;
  topology.experts = m.experts;
  if (Status status = topology.check(); !status.ok())
    return badArtifact("artifact '" + r.artifact.folder() + "': " + status.message());
  WorldOptions world;
  world.wire = m.hasBf16Wire ? WireType::BF16 : WireType::F32;
  world.deadlineNs = options.deadlineNs;
  world.interNsPerMib = options.interNsPerMib;
  world.intraNsPerMib = options.intraNsPerMib;
  world.interLatencyNs = options.interLatencyNs;
  world.trace = !options.traceFile.empty();
  world.maxTokens = m.maxBatchTokens;
  world.shareBytes = StepSampler::largestShare(m);
  world.hidden = m.hidden;
  world.layers = m.layers;
  world.topK = m.topK;
  world.maxChunks = std::max(1, options.chunks);
  world.streams = std::max(1, options.microBatches);
  for (const TableEntry &entry : m.table) {
    world.maxChunks = std::max(world.maxChunks, entry.chunks);
    if (options.microBatches == 0 && options.routingFile.empty())
      world.streams = std::max(world.streams, entry.microBatches);
  }
  if (!options.launched)
    return World::create(topology, world, r.world);
  std::unique_ptr<Transport> transport;
  MXS_TRY(r.mpi->connect(topology, transport));
  return World::create(topology, world, std::move(transport), firstNode, endNode, r.world);
}

Status Model::start() {
  Status status = startNodes();
  if (status.ok() && firstNode == 0)
    status = awaitReady();
  if (!status.ok()) {
    broken = status;
    // Nobody waits for a node that has no ranks.
    if (ranks->runners.empty())
      ranks->world->abort(status);
    (void)shutDown(); // the first failure is what the caller needs
  }
  return status;
}

Status Model::startNodes() {
  Ranks &r = *ranks;
  const Manifest &m = r.artifact.manifest();
  MXS_TRY(r.code.open(r.artifact.folder() + "/" + kCodeFile));
  // Node 0 speaks to all nodes, another process to its own only.
  for (int node = firstNode; node < (firstNode == 0 ? m.nodes : endNode); ++node)
    r.channels.push_back(std::make_unique<ControlChannel>(*r.world, node));
  for (int node = firstNode; node < endNode; ++node)
    r.runners.push_back(std::make_unique<NodeRunner>(
        r.artifact, *r.world, r.code, *r.channels[static_cast<size_t>(node - firstNode)], node,
        !options.skipChecksums));
  reserve();
  for (const std::unique_ptr<NodeRunner> &runner : r.runners)
    runner->start();
  return okStatus();
}

Status Model::awaitReady() {
  for (size_t node = 0; node < ranks->channels.size(); ++node) {
    std::string planHash;
    MXS_TRY(ranks->channels[node]->receive(Message::Ready, planHash));
    if (planHash != manifest().planHash)
      return mismatch("node " + std::to_string(node) + " opened an artifact with plan " + planHash +
                      ", node 0 one with plan " + manifest().planHash +
                      "; give all nodes the same artifact");
  }
  return okStatus();
}

Status Model::shutDown() {
  if (!ranks)
    return okStatus();
  if (firstNode == 0)
    for (const std::unique_ptr<ControlChannel> &channel : ranks->channels)
      (void)channel->sendCommand(std::string(1, static_cast<char>(Message::Stop)));
  else if (!ranks->runners.empty() && !ranks->runners[0]->hasEnded())
    ranks->world->abort(abortedError("node " + std::to_string(firstNode) + " left the run"));
  // Ranks that wait for each other see the abort; leaders bound everything else by `patience`.
  const std::chrono::nanoseconds bound(4 * options.deadlineNs + 10'000'000'000);
  bool all = true;
  for (const std::unique_ptr<NodeRunner> &runner : ranks->runners)
    all = runner->join(bound) && all;
  if (!all) {
    ranks.release(); // a thread that hangs in the model's code still refers to it
    return timeoutError("a rank did not end; its memory is not freed");
  }
  const Status closed = ranks->world ? ranks->world->close() : okStatus();
  if (!closed.ok())
    ranks.release(); // so does one that hangs in the network's code
  return closed;
}

Model::~Model() { (void)shutDown(); }

Status Model::follow() {
  if (firstNode == 0)
    return invalidArgument("node 0 does not follow: it makes the steps");
  NodeRunner &runner = *ranks->runners[0];
  runner.awaitEnd();
  broken = runner.lastStatus();
  if (broken.ok() && ranks->world->aborted())
    broken = ranks->world->abortStatus().in("waiting for the next step of node 0");
  if (!broken.ok())
    broken = withFlights(broken);
  return broken;
}

Status Model::close() {
  if (!ranks)
    return okStatus();
  const bool writes = firstNode == 0 && broken.ok();
  std::string trace, text;
  Status status;
  if (writes && !options.traceFile.empty())
    status = gatherTrace(trace);
  if (writes && !options.routingFile.empty())
    text = routing.json(manifest());
  if (const Status ended = shutDown(); status.ok())
    status = ended;
  if (status.ok() && !trace.empty())
    status = writeFileAtomically(options.traceFile, trace.data(), trace.size());
  if (status.ok() && !text.empty())
    status = writeFileAtomically(options.routingFile, text.data(), text.size());
  return status;
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

int64_t &Model::cached(const mxs_sequence_t &s) {
  return cachedTokens[static_cast<size_t>(s.group) *
                          static_cast<size_t>(ranks->artifact.manifest().maxSeqs) +
                      static_cast<size_t>(s.slot)];
}

bool Model::isCut(int64_t tokens) const {
  if (ranks->world->options().streams == 1)
    return false;
  const int halves = options.microBatches
                         ? options.microBatches
                         : ranks->artifact.manifest().entryFor(tokens).microBatches;
  return halves > 1;
}

Status Model::runHalves(const StepPlan *&byHalves) {
  byHalves = &plan;
  if (isCut(plan.batch.totalTokens()) && splitBatch(plan.batch, earlyBatch, latePlan.batch)) {
    byHalves = &latePlan;
    chooseMethod(earlyBatch);
    chooseMethod(latePlan.batch);
    MXS_TRY(latePlan.update(ranks->world->topology()));
    return runBatch(latePlan.batch, &earlyBatch);
  }
  return runBatch(plan.batch, nullptr);
}

void Model::chooseMethod(Batch &batch) const {
  const Manifest &m = ranks->artifact.manifest();
  const TableEntry &entry = m.entryFor(batch.totalTokens());
  batch.variant = options.variant.empty() ? entry.variant : m.variantIndex(options.variant);
  const bool chunked = isChunked(m.variants[static_cast<size_t>(batch.variant)]);
  batch.chunks = !chunked ? 1 : options.chunks ? options.chunks : entry.chunks;
}

Status Model::checkPositions(const Batch &batch) const {
  for (size_t i = 0; i < batch.sequences.size(); ++i) {
    const mxs_sequence_t &s = batch.sequences[i];
    const int64_t have = const_cast<Model *>(this)->cached(s);
    if (s.position > have)
      return invalidArgument("sequence " + std::to_string(i) + " starts at position " +
                             std::to_string(s.position) + ", but slot " + std::to_string(s.slot) +
                             " of group " + std::to_string(s.group) + " holds " +
                             std::to_string(have) + " tokens");
  }
  return okStatus();
}

Status Model::explain(Status first) {
  ranks->world->abort(first);
  for (const std::unique_ptr<NodeRunner> &runner : ranks->runners)
    if (runner->awaitIdle(std::chrono::nanoseconds(4 * options.deadlineNs + 10'000'000'000)))
      first = moreTelling(first, runner->lastStatus());
  return withFlights(first);
}

void Model::reserve() {
  const Manifest &m = ranks->artifact.manifest();
  plan.reserve(m, ranks->world->topology());
  latePlan.reserve(m, ranks->world->topology());
  earlyBatch.reserve(m);
  picks.reserve(plan.batch.sequences.capacity());
  results.resize(static_cast<size_t>(m.ranks()));
  replies.resize(static_cast<size_t>(m.nodes));
  for (RankResult &result : results)
    result.reserve(m);
  command.reserve(sizeof(Message) + largestHalvesBytes(m));
  cachedTokens.assign(static_cast<size_t>(m.attnDp) * static_cast<size_t>(m.maxSeqs), 0);
}

Status Model::runBatch(const Batch &late, const Batch *early) {
  command.clear();
  command.put(Message::Step);
  writeHalves(late, early, command);
  // The first runner is node 0's: it runs the step here, once the others have it.
  for (size_t node = 1; node < ranks->runners.size(); ++node)
    ranks->runners[node]->expectWork();
  for (size_t node = 1; node < ranks->channels.size(); ++node)
    MXS_TRY(ranks->channels[node]->sendCommand(command.written()));
  const std::string &here = ranks->runners[0]->stepHere(command.written());
  const size_t devices = static_cast<size_t>(ranks->artifact.manifest().devices);
  for (size_t node = 0; node < ranks->channels.size(); ++node) {
    std::string text;
    Message kind{};
    int32_t code = 0;
    if (node > 0) {
      MXS_TRY_IN("waiting for the results of node " + std::to_string(node),
                 ranks->channels[node]->receiveReply(replies[node]));
    }
    ByteReader reader(node == 0 ? here : replies[node]);
    reader.get(kind);
    reader.get(code);
    reader.getText(text);
    ByteReader payload = reader.getPart();
    if (reader.finished() && code != MXS_OK)
      return Status(static_cast<mxs_status_t>(code), text);
    for (size_t device = 0; device < devices; ++device)
      results[node * devices + device].read(payload);
    if (!reader.finished() || kind != Message::Done || !payload.finished())
      return internalError("node " + std::to_string(node) + " sent a malformed reply");
  }
  return okStatus();
}

/// Writes what the host asked for. MXS_INTERNAL: a sequence has no token, and nobody is told.
static Status handOver(const std::vector<Pick> &picks, mxs_step_output_t &output) {
  Status status;
  for (size_t i = 0; i < picks.size(); ++i) {
    const bool finite = picks[i].token != Pick::kNotFinite;
    if (output.next_tokens)
      output.next_tokens[i] = std::max(picks[i].token, Pick::kElsewhere);
    if (output.logprobs)
      output.logprobs[i] = finite && picks[i].token >= 0 ? picks[i].logprob : NAN;
    if (output.statuses)
      output.statuses[i] = finite ? MXS_OK : MXS_INTERNAL;
    else if (!finite && status.ok())
      status = internalError("the logits of sequence " + std::to_string(i) +
                             " are not numbers (NaN or infinite): weights or inputs are damaged; "
                             "run mixserve-inspect --check on the artifact");
  }
  return status;
}

void Model::countSize(const Batch &piece) {
  const uint64_t size = static_cast<uint64_t>(piece.totalTokens());
  size_t power = 0;
  while ((uint64_t(1) << power) < size)
    ++power;
  ++bySize[power].steps;
  bySize[power].tokens += size;
}

Status Model::step(const mxs_batch_t &given, mxs_step_output_t &output) {
  if (firstNode > 0)
    return invalidArgument("node " + std::to_string(firstNode) +
                           " makes no steps, node 0 does; call mxs_model_follow");
  if (!broken.ok())
    return abortedError("an earlier step failed, open the model again: " + broken.message());
  const Manifest &m = ranks->artifact.manifest();
  Batch &batch = plan.batch;
  MXS_TRY(Batch::create(given, m, batch));
  MXS_TRY(checkPositions(batch));
  chooseMethod(batch);
  const int64_t asked = askedRows(batch);
  if (output.logits && output.logits_rows < asked)
    return invalidArgument("the batch asks logits of " + std::to_string(asked) +
                           " rows, the output has room for " + std::to_string(output.logits_rows));
  batch.wantLogits = output.logits != nullptr;
  batch.wantRouting = !options.routingFile.empty();
  const Topology &topology = ranks->world->topology();
  MXS_TRY(plan.update(topology));
  const StepPlan *byHalves = nullptr;
  Status status = runHalves(byHalves);
  if (status.ok())
    status = checkResults(*byHalves, topology, m, results);
  if (!status.ok())
    return broken = explain(status);
  for (const mxs_sequence_t &s : batch.sequences)
    cached(s) = s.position + s.num_tokens;
  ++steps;
  tokens += static_cast<uint64_t>(batch.totalTokens());
  if (byHalves == &plan) {
    countSize(batch);
  } else {
    countSize(earlyBatch);
    countSize(byHalves->batch);
  }
  if (batch.wantRouting)
    routing.add(plan, m, results);
  if (output.logits)
    mergeLogits(*byHalves, topology, results, m.vocabLocal, output.logits);
  output.logits_rows = asked;
  mergePicks(*byHalves, topology, results, picks);
  return handOver(picks, output);
}

//===----------------------------------------------------------------------===//
// Facts
//===----------------------------------------------------------------------===//

const Manifest &Model::manifest() const { return ranks->artifact.manifest(); }

const std::string &Model::manifestText() const { return ranks->artifact.manifestText(); }
