//===- NodeRunner.cpp -----------------------------------------------------------------------===//
#include "core/NodeRunner.h"

#include "comm/BrokenPipe.h"
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
  for (int device = 0; device < topology.devices; ++device)
    ranks.push_back(std::make_unique<mxs_ctx>(artifact, world, topology.rankOf(node, device)));
  statuses.resize(ranks.size());
  results.resize(ranks.size());
  samplers.resize(ranks.size());
  const Manifest &manifest = artifact.manifest();
  plan.reserve(manifest, topology);
  for (RankResult &result : results)
    result.reserve(manifest);
  message.reserve(ranks.size() * RankResult::largestBytes(manifest) + kReplyHead);
}

NodeRunner::~NodeRunner() = default;

void NodeRunner::start() {
  expectWork();
  for (size_t device = 0; device < ranks.size(); ++device)
    threads.emplace_back([this, device] { rankMain(device); });
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
  const CommTimes comm = world.rank(ranks[static_cast<size_t>(device)]->rank).times();
  const int64_t all = stepNs[static_cast<size_t>(device)].load(std::memory_order_relaxed);
  return {all - comm.total + comm.region, comm.intra(), comm.inter, comm.wait};
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
  std::lock_guard<std::mutex> lock(mutex);
  ++finished;
  changed.notify_all();
}

Status NodeRunner::prepare(size_t device) {
  mxs_ctx &ctx = *ranks[device];
  MXS_TRY(samplers[device].create(ctx.manifest, ctx.topology, ctx.rank));
  // The ranks of a node read the same shared file: one of them checks it.
  return ctx.prepare(verify, verify && device == 0);
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
      std::unique_lock<std::mutex> lock(mutex);
      changed.wait(lock, [&] { return stopping || generation != seen; });
      if (stopping)
        break;
      seen = generation;
    }
    const int64_t begin = steadyNs();
    statuses[device] = guarded([&] { return runStep(device); });
    stepNs[device].fetch_add(steadyNs() - begin, std::memory_order_relaxed);
    if (!statuses[device].ok())
      ctx.fail(statuses[device]);
    rankFinished();
  }
  std::lock_guard<std::mutex> lock(mutex);
  ++ended;
  changed.notify_all();
}

Status NodeRunner::runStep(size_t device) {
  mxs_ctx &ctx = *ranks[device];
  RankResult &result = results[device];
  result.clear();
  // Failures of the model's calls name the rank already.
  const auto where = [&] { return "rank " + std::to_string(ctx.rank); };
  MXS_TRY_IN(where(), ctx.beginStep(plan));
  const int32_t code = this->code.entry()(&ctx, plan.batch.variant);
  if (ctx.failed())
    return ctx.failure();
  if (code != MXS_OK)
    return internalError(where() + ": the model's code returned " + std::to_string(code));
  const int64_t asked = ctx.rows(MXS_ROWS_ASKED);
  if (asked > 0 && !ctx.logits.data)
    return internalError(where() + ": the model's code gave no logits");
  if (plan.batch.wantLogits)
    result.logits.assign(ctx.logits.data, ctx.logits.data + asked * ctx.manifest.vocabLocal);
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
  for (const std::unique_ptr<mxs_ctx> &ctx : ranks) {
    const int call = ctx->current.load(std::memory_order_relaxed);
    where += (where.empty() ? "rank " : ", rank ") + std::to_string(ctx->rank) +
             (call < 0 ? " at its start" : std::string(" after mxs_") + callName(Call(call)));
  }
  return where;
}

Status NodeRunner::awaitRanks() {
  const std::chrono::nanoseconds deadline(world.options().deadlineNs);
  const std::chrono::nanoseconds beat = std::clamp<std::chrono::nanoseconds>(
      deadline / 4, std::chrono::milliseconds(1), std::chrono::seconds(1));
  // Later than the ranks' own deadlines, whose messages say more.
  const auto patience = deadline + deadline / 2 + std::chrono::seconds(1);
  Clock::time_point moved = Clock::now();
  uint64_t lastProgress = 0;
  Status status;
  std::unique_lock<std::mutex> lock(mutex);
  while (!changed.wait_for(lock, beat, [&] { return finished == ranks.size(); })) {
    lock.unlock();
    // A lost heartbeat is no loss: node 0 then times out, or the world is aborted already.
    (void)channel.sendReply(std::string(1, static_cast<char>(Message::Busy)));
    uint64_t progress = 0;
    for (const std::unique_ptr<mxs_ctx> &ctx : ranks)
      progress += ctx->progress.load(std::memory_order_relaxed);
    if (progress != lastProgress) {
      lastProgress = progress;
      moved = Clock::now();
    } else if (Clock::now() - moved > patience) {
      if (!status.ok()) // was told to end, and did not
        return status;
      status = timeoutError("node " + std::to_string(node) + ": no rank made progress for " +
                            std::to_string(patience.count() / 1'000'000) + " ms (" + whereRanksAre() + ")");
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

Status NodeRunner::leadStep(const std::string &command) {
  ByteReader reader(command);
  Message kind{};
  reader.get(kind);
  MXS_TRY(Batch::read(reader, ranks[0]->manifest, plan.batch));
  MXS_TRY(plan.update(world.topology()));
  {
    std::lock_guard<std::mutex> lock(mutex);
    finished = 0;
    ++generation;
  }
  changed.notify_all();
  MXS_TRY(awaitRanks());
  return mergedStatus();
}

std::vector<RankFlight> NodeRunner::flights() const {
  std::vector<RankFlight> flights;
  for (const std::unique_ptr<mxs_ctx> &ctx : ranks)
    flights.push_back(world.rank(ctx->rank).flight());
  return flights;
}

NodeReport NodeRunner::report() const {
  NodeReport report;
  for (size_t device = 0; device < ranks.size(); ++device) {
    report.calls.push_back(ranks[device]->calls.read());
    report.times.push_back(ranks[device]->calls.readTimes());
    report.spent.push_back(times(static_cast<int>(device)));
  }
  return report;
}

template <class Write>
void NodeRunner::finishWork(Message kind, const Status &status, const Write &writePayload) {
  message.clear();
  message.put(kind);
  message.put<int32_t>(status.code());
  message.putText(status.message());
  message.putPart(writePayload);
  (void)channel.sendReply(message.written()); // fails only if the world is aborted
  std::lock_guard<std::mutex> lock(mutex);
  last = status;
  // Only the process of node 0 announces work.
  expected -= expected > 0;
  changed.notify_all();
}

void NodeRunner::serveStep(const std::string &command) {
  const Status status = guarded([&] { return leadStep(command); });
  if (!status.ok())
    world.abort(status);
  finishWork(Message::Done, status, [&](ByteWriter &out) {
    if (status.ok())
      for (const RankResult &result : results)
        result.write(out);
  });
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
  Status started = awaitRanks();
  if (started.ok())
    started = mergedStatus();
  const std::string &planHash = ranks[0]->manifest.planHash;
  finishWork(Message::Ready, started,
             [&](ByteWriter &out) { out.putBytes(planHash.data(), planHash.size()); });
  std::string command;
  command.reserve(sizeof(Message) + Batch::largestBytes(ranks[0]->manifest));
  while (channel.receiveCommand(command).ok() && !command.empty() &&
         static_cast<Message>(command[0]) != Message::Stop) {
    if (static_cast<Message>(command[0]) == Message::Step)
      serveStep(command);
    else
      answer(static_cast<Message>(command[0]));
  }
  std::lock_guard<std::mutex> lock(mutex);
  stopping = leaderEnded = true;
  ++ended;
  changed.notify_all();
}
