//===- NodeRunner.cpp -----------------------------------------------------------------------===//
#include "core/NodeRunner.h"

#include "comm/BrokenPipe.h"
#include "core/MicroBatches.h"
#include "threads/ThreadPool.h"

#include <algorithm>
#include <exception>

using namespace mxs;
using Clock = std::chrono::steady_clock;

/// Bytes of a reply before its payload, without a failure's text.
static constexpr size_t kReplyHead = sizeof(Message) + sizeof(int32_t) + 2 * sizeof(uint64_t);

NodeRunner::NodeRunner(const Artifact &artifact, World &world, const CodeLibrary &code,
                       ControlChannel &channel, int node, bool verify)
    : world(world), code(code), channel(channel), node(node), verify(verify),
      stepNs(static_cast<size_t>(world.topology().devices)) {
  const Topology &topology = world.topology();
  const bool isCut = world.options().streams > 1;
  for (int device = 0; device < topology.devices; ++device) {
    const int rank = topology.rankOf(node, device);
    RankMemory &memory = *memories.emplace_back(std::make_unique<RankMemory>());
    ranks.push_back(std::make_unique<mxs_ctx>(artifact, world, memory, rank, kLateStream));
    if (isCut)
      earlyHalves.push_back(std::make_unique<mxs_ctx>(artifact, world, memory, rank, kEarlyStream));
  }
  statuses.resize(ranks.size() + earlyHalves.size());
  expectedRanks = ranks.size();
  results.resize(ranks.size());
  samplers.resize(ranks.size());
  const Manifest &manifest = artifact.manifest();
  plan.reserve(manifest, topology);
  earlyPlan.reserve(manifest, topology);
  for (RankResult &result : results)
    result.reserve(manifest);
  message.reserve(ranks.size() * RankResult::largestBytes(manifest) + kReplyHead);
}

NodeRunner::~NodeRunner() = default;

void NodeRunner::start() {
  expectWork();
  for (size_t device = 0; device < ranks.size(); ++device)
    threads.emplace_back([this, device] { rankMain(device); });
  for (size_t device = 0; device < earlyHalves.size(); ++device)
    threads.emplace_back([this, device] { earlyMain(device); });
  threads.emplace_back([this] { leaderMain(); });
}

void NodeRunner::expectWork() {
  std::lock_guard<std::mutex> lock(mutex);
  ++expected;
}

bool NodeRunner::awaitIdle(std::chrono::nanoseconds bound) {
  std::unique_lock<std::mutex> lock(mutex);
  return changed.wait_for(lock, bound, [&] { return expected == 0 || leaderEnded; });
}

void NodeRunner::awaitEnd() {
  std::unique_lock<std::mutex> lock(mutex);
  changed.wait(lock, [&] { return leaderEnded; });
}

bool NodeRunner::hasEnded() const {
  std::lock_guard<std::mutex> lock(mutex);
  return leaderEnded;
}

Status NodeRunner::lastStatus() const {
  std::lock_guard<std::mutex> lock(mutex);
  return last;
}

bool NodeRunner::join(std::chrono::nanoseconds bound) {
  if (threads.empty())
    return true;
  bool all = false;
  {
    std::unique_lock<std::mutex> lock(mutex);
    all = changed.wait_for(lock, bound, [&] { return ended == threads.size(); });
  }
  for (std::thread &thread : threads) {
    if (all)
      thread.join();
    else
      thread.detach();
  }
  threads.clear();
  return all;
}

RankTimes NodeRunner::times(int device) const {
  RankTimes sum;
  sum.compute = stepNs[static_cast<size_t>(device)].load(std::memory_order_relaxed);
  for (int stream = 0; stream < world.options().streams; ++stream) {
    const CommTimes comm = world.rank(ranks[static_cast<size_t>(device)]->rank, stream).times();
    sum.compute -= comm.total - comm.region;
    sum.intra += comm.intra();
    sum.inter += comm.inter;
    sum.wait += comm.wait;
  }
  return sum;
}

//===----------------------------------------------------------------------===//
// Rank threads
//===----------------------------------------------------------------------===//

/// Runs `body` (returns a Status); exceptions of the library become a status.
template <class Body> static Status guarded(const Body &body) {
  try {
    return body();
  } catch (const std::bad_alloc &) {
    return resourceExhausted("out of memory");
  } catch (const std::exception &error) {
    return internalError(error.what());
  }
}

void NodeRunner::rankFinished() {
  {
    std::lock_guard<std::mutex> lock(mutex);
    if (++finished < expectedRanks) // nobody waits for less
      return;
  }
  changed.notify_all(); // without the mutex: who is woken takes it
}

void NodeRunner::threadEnded() {
  std::lock_guard<std::mutex> lock(mutex);
  ++ended;
  changed.notify_all();
}

Status NodeRunner::prepare(size_t device) {
  mxs_ctx &ctx = *ranks[device];
  MXS_TRY(samplers[device].create(ctx.manifest, ctx.topology, ctx.rank));
  // The ranks of a node read the same shared file: one of them checks it.
  MXS_TRY(ctx.prepareRank(verify, verify && device == 0));
  if (!earlyHalves.empty())
    MXS_TRY(earlyHalves[device]->prepare());
  return ctx.prepare();
}

bool NodeRunner::awaitStep(const std::atomic<uint64_t> &counter, uint64_t &seen) {
  std::unique_lock<std::mutex> lock(mutex);
  begun.wait(lock, [&] { return stopping || counter != seen; });
  seen = counter;
  return !stopping;
}

void NodeRunner::rankMain(size_t device) {
  mxs_ctx &ctx = *ranks[device];
  const ThreadPool::Caller caller;
  blockBrokenPipe();
  statuses[device] = guarded([&] { return prepare(device); });
  rankFinished();
  for (uint64_t seen = 0;;) {
    {
      // Other ranks may still be at the last step.
      const ThreadPool::Waiting waiting(ThreadPool::process());
      ThreadPool::process().assist([&] { return stopping || generation != seen; });
      if (!awaitStep(generation, seen))
        break;
    }
    const int64_t begin = steadyNs();
    statuses[device] = guarded([&] { return runStep(device); });
    stepNs[device].fetch_add(steadyNs() - begin, std::memory_order_relaxed);
    if (!statuses[device].ok())
      ctx.fail(statuses[device]);
    rankFinished();
  }
  threadEnded();
}

void NodeRunner::earlyMain(size_t device) {
  mxs_ctx &ctx = *earlyHalves[device];
  Status &status = statuses[ranks.size() + device];
  blockBrokenPipe();
  for (uint64_t seen = 0; awaitStep(earlyGeneration, seen);) {
    // Only now does it need a core: steps of one piece know nothing of this thread.
    const ThreadPool::Caller caller;
    const int64_t begin = steadyNs();
    status = guarded([&] {
      MXS_TRY_IN("rank " + std::to_string(ctx.rank), ctx.beginStep(earlyPlan));
      return runCode(ctx, earlyPlan);
    });
    stepNs[device].fetch_add(steadyNs() - begin, std::memory_order_relaxed);
    if (!status.ok())
      ctx.fail(status);
    rankFinished();
  }
  threadEnded();
}

Status NodeRunner::runCode(mxs_ctx &ctx, const StepPlan &of) {
  const int32_t result = code.entry()(&ctx, of.batch.variant);
  // Failures of the model's calls name the rank already.
  if (ctx.failed())
    return ctx.failure();
  if (result != MXS_OK)
    return internalError("rank " + std::to_string(ctx.rank) + ": the model's code returned " +
                         std::to_string(result));
  return okStatus();
}

Status NodeRunner::runStep(size_t device) {
  mxs_ctx &ctx = *ranks[device];
  RankResult &result = results[device];
  result.clear();
  const auto where = [&] { return "rank " + std::to_string(ctx.rank); };
  MXS_TRY_IN(where(), ctx.beginStep(plan, hasEarly ? earlyHalves[device].get() : nullptr));
  MXS_TRY(runCode(ctx, plan));
  const int64_t asked = ctx.rows(MXS_ROWS_ASKED);
  if (asked > 0 && !ctx.logits.data)
    return internalError(where() + ": the model's code gave no logits");
  if (plan.batch.wantLogits)
    result.logits.assign(ctx.logits.data, ctx.logits.data + asked * ctx.manifest.vocabLocal);
  if (hasEarly)
    samplers[device].record(earlyPlan, ctx.group);
  MXS_TRY_IN(where(), samplers[device].run(ctx, result.picks));
  if (plan.batch.wantRouting)
    result.routing = ctx.routing;
  return okStatus();
}

//===----------------------------------------------------------------------===//
// Leader thread
//===----------------------------------------------------------------------===//

std::string NodeRunner::whereRanksAre() const {
  std::string where;
  const auto add = [&](const char *who, const mxs_ctx &ctx) {
    const int call = ctx.current.load(std::memory_order_relaxed);
    where += (where.empty() ? "" : ", ") + std::string(who) + std::to_string(ctx.rank) +
             (call < 0 ? " at its start" : std::string(" after mxs_") + callName(Call(call)));
  };
  for (const std::unique_ptr<mxs_ctx> &ctx : ranks)
    add("rank ", *ctx);
  for (size_t i = 0; hasEarly && i < earlyHalves.size(); ++i)
    add("the early half of rank ", *earlyHalves[i]);
  return where;
}

Status NodeRunner::awaitRanks(Lead lead) {
  const std::chrono::nanoseconds deadline(world.options().deadlineNs);
  const std::chrono::nanoseconds beat = std::clamp<std::chrono::nanoseconds>(
      deadline / 4, std::chrono::milliseconds(1), std::chrono::seconds(1));
  // Later than the ranks' own deadlines, whose messages say more.
  const auto patience = deadline + deadline / 2 + std::chrono::seconds(1);
  Clock::time_point moved = Clock::now();
  uint64_t lastProgress = 0;
  Status status;
  std::unique_lock<std::mutex> lock(mutex);
  while (!changed.wait_for(lock, beat, [&] { return finished == expectedRanks; })) {
    lock.unlock();
    // A lost heartbeat is no loss: node 0 then times out, or the world is aborted already.
    if (lead == Lead::Leader)
      (void)channel.sendReply(std::string(1, static_cast<char>(Message::Busy)));
    uint64_t progress = 0;
    for (const auto *streams : {&ranks, &earlyHalves})
      for (const std::unique_ptr<mxs_ctx> &ctx : *streams)
        progress += ctx->progress.load(std::memory_order_relaxed);
    if (progress != lastProgress) {
      lastProgress = progress;
      moved = Clock::now();
    } else if (Clock::now() - moved > patience) {
      if (!status.ok()) // was told to end, and did not
        return status;
      status = timeoutError("node " + std::to_string(node) + ": no rank made progress for " +
                            std::to_string(patience.count() / 1'000'000) + " ms (" +
                            whereRanksAre() + ")");
      world.abort(status);
      moved = Clock::now();
    }
    lock.lock();
  }
  return status;
}

Status NodeRunner::mergedStatus() const {
  Status merged;
  for (const Status &status : statuses)
    merged = moreTelling(merged, status);
  return merged;
}

Status NodeRunner::leadStep(const std::string &command, Lead lead) {
  ByteReader reader(command);
  Message kind{};
  reader.get(kind);
  MXS_TRY(readHalves(reader, ranks[0]->manifest, plan.batch, earlyPlan.batch, hasEarly));
  if (hasEarly && earlyHalves.empty())
    return internalError("node 0 cut a step in halves, which this node was not opened for");
  MXS_TRY(plan.update(world.topology()));
  if (hasEarly)
    MXS_TRY(earlyPlan.update(world.topology()));
  for (const auto *streams : {&ranks, &earlyHalves})
    for (const std::unique_ptr<mxs_ctx> &ctx : *streams)
      ctx->resetAttended();
  std::fill(statuses.begin(), statuses.end(), okStatus());
  {
    std::lock_guard<std::mutex> lock(mutex);
    expectedRanks = ranks.size() + (hasEarly ? earlyHalves.size() : 0);
    finished = 0;
    ++generation;
    earlyGeneration += hasEarly;
  }
  begun.notify_all();
  MXS_TRY(awaitRanks(lead));
  return mergedStatus();
}

std::vector<RankFlight> NodeRunner::flights() const {
  std::vector<RankFlight> flights;
  for (const std::unique_ptr<mxs_ctx> &ctx : ranks)
    for (int stream = 0; stream < world.options().streams; ++stream)
      flights.push_back(world.rank(ctx->rank, stream).flight());
  return flights;
}

static void addCounts(CallCounts &to, const CallCounts &counts) {
  for (size_t i = 0; i < kCallCount; ++i)
    to[i] += counts[i];
}

NodeReport NodeRunner::report() const {
  NodeReport report;
  for (size_t device = 0; device < ranks.size(); ++device) {
    report.calls.push_back(ranks[device]->calls.read());
    report.times.push_back(ranks[device]->calls.readTimes());
    if (!earlyHalves.empty()) {
      const CallCounter &early = earlyHalves[device]->calls;
      addCounts(report.calls.back(), early.read());
      addCounts(report.times.back(), early.readTimes());
    }
    report.spent.push_back(times(static_cast<int>(device)));
  }
  return report;
}

template <class Write>
void NodeRunner::writeOutcome(Message kind, const Status &status, const Write &writePayload) {
  message.clear();
  message.put(kind);
  message.put<int32_t>(status.code());
  message.putText(status.message());
  message.putPart(writePayload);
}

void NodeRunner::finishWork(const Status &status) {
  std::lock_guard<std::mutex> lock(mutex);
  last = status;
  // Only the process of node 0 announces work.
  expected -= expected > 0;
  changed.notify_all();
}

Status NodeRunner::serveStep(const std::string &command, Lead lead) {
  const Status status = guarded([&] { return leadStep(command, lead); });
  if (!status.ok())
    world.abort(status);
  writeOutcome(Message::Done, status, [&](ByteWriter &out) {
    if (status.ok())
      for (const RankResult &result : results)
        result.write(out);
  });
  return status;
}

const std::string &NodeRunner::stepHere(const std::string &command) {
  expectWork();
  const Status status = serveStep(command, Lead::Host);
  finishWork(status);
  return message.written();
}

void NodeRunner::answer(Message question) {
  Reply reply;
  reply.kind = question;
  if (question == Message::Report) {
    NodeReport all = report();
    all.bytes = world.counters().rows();
    reply.payload = all.written();
  } else if (question == Message::Events) {
    reply.payload = writeEvents(world.trace().events());
  } else {
    ByteWriter now;
    now.put(steadyNs());
    reply.payload = now.take();
  }
  (void)channel.sendReply(reply.written());
}

void NodeRunner::leaderMain() {
  Status started = awaitRanks(Lead::Leader);
  if (started.ok())
    started = mergedStatus();
  const std::string &planHash = ranks[0]->manifest.planHash;
  writeOutcome(Message::Ready, started,
               [&](ByteWriter &out) { out.putBytes(planHash.data(), planHash.size()); });
  std::string command; // before the reply: steps may follow it at once, and none allocates
  command.reserve(sizeof(Message) + largestHalvesBytes(ranks[0]->manifest));
  finishWork(started); // first: node 0's host leads a step as soon as it has the reply
  (void)channel.sendReply(message.written()); // fails only if the world is aborted
  while (channel.receiveCommand(command).ok() && !command.empty() &&
         static_cast<Message>(command[0]) != Message::Stop) {
    if (static_cast<Message>(command[0]) != Message::Step) {
      answer(static_cast<Message>(command[0]));
      continue;
    }
    const Status status = serveStep(command, Lead::Leader);
    (void)channel.sendReply(message.written());
    finishWork(status);
  }
  std::lock_guard<std::mutex> lock(mutex);
  stopping = leaderEnded = true;
  ++ended;
  changed.notify_all();
  begun.notify_all();
}
