//===- LayerMesh.cpp - The ranks of this process, in every layout ---------===//
#include "tools/mixserve-bench/LayerMesh.h"

#include "comm/BrokenPipe.h"
#include "comm/Pace.h"
#include "comm/Trace.h"
#include "threads/ThreadPool.h"

#include <algorithm>
#include <cstring>
#include <sys/resource.h>

using namespace mixserve::tools;
using mxs::Status;

static uint64_t nsPerMib(double bytesPerSecond) {
  return bytesPerSecond > 0 ? static_cast<uint64_t>((1 << 20) / bytesPerSecond * 1e9) : 0;
}

static double processSeconds() {
  rusage used = {};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval &t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

LayerMesh::LayerMesh(const LayerShape &shape, const LayerLinks &links)
    : shape(shape), links(links), router(shape) {}

LayerMesh::~LayerMesh() {
  {
    std::lock_guard<std::mutex> lock(mutex);
    stop = true;
  }
  changed.notify_all();
  for (std::thread &thread : threads)
    thread.join();
  if (network)
    network->close();
}

Status LayerMesh::create(const LayerShape &shape, const LayerLinks &links,
                         const std::vector<LayerMethod> &methods, uint64_t deadlineNs,
                         mxs::MpiProcess *mpi, const LayerMesh *beside,
                         std::unique_ptr<LayerMesh> &out) {
  std::unique_ptr<LayerMesh> mesh(new LayerMesh(shape, links));
  mesh->endNode = shape.nodes;
  if (mpi) {
    mesh->firstNode = mpi->node();
    mesh->endNode = mpi->node() + 1;
    mesh->network = beside ? beside->network : nullptr;
  }
  if (mpi && !beside) {
    mxs::Topology topology;
    topology.nodes = shape.nodes;
    topology.devices = shape.devices;
    std::unique_ptr<mxs::Transport> transport;
    MXS_TRY(mpi->connect(topology, transport));
    mesh->network = std::make_shared<SharedTransport>(std::move(transport));
  }
  for (const LayerMethod &method : methods)
    if (mesh->layouts.count({method.attnTp, method.moeTp}) == 0)
      MXS_TRY(mesh->addLayout(method.attnTp, method.moeTp, deadlineNs));
  const size_t ranks = static_cast<size_t>((mesh->endNode - mesh->firstNode) * shape.devices);
  mesh->statuses.resize(ranks);
  for (size_t rank = 0; rank < ranks; ++rank)
    mesh->threads.emplace_back([self = mesh.get(), rank] { self->rankMain(rank); });
  out = std::move(mesh);
  return mxs::okStatus();
}

Status LayerMesh::addLayout(int attnTp, int moeTp, uint64_t deadlineNs) {
  mxs::Topology topology;
  topology.nodes = shape.nodes;
  topology.devices = shape.devices;
  topology.attnTp = attnTp;
  topology.moeTp = moeTp;
  topology.experts = shape.experts;
  MXS_TRY(topology.check());
  // A node's rows are split over its ranks in the same way in every layout that divides them.
  const int64_t all = shape.tokens * shape.nodes;
  std::vector<int64_t> tokens;
  for (int group = 0; group < topology.attnGroups(); ++group)
    tokens.push_back((group + 1) * all / topology.attnGroups() -
                     group * all / topology.attnGroups());
  mxs::RowMap rows;
  MXS_TRY(mxs::RowMap::create(topology, tokens, std::vector<std::vector<uint8_t>>(tokens.size()),
                              rows));
  mxs::WorldOptions options;
  options.deadlineNs = deadlineNs;
  options.intraNsPerMib = nsPerMib(links.intraBytesPerS);
  options.interNsPerMib = nsPerMib(links.interBytesPerS / shape.devices);
  options.interLatencyNs = links.latencyNs;
  options.maxTokens = all;
  options.hidden = shape.hidden;
  options.topK = shape.topK;
  options.wire = shape.wire;
  Layout &layout = layouts[{attnTp, moeTp}];
  if (network)
    MXS_TRY(
        mxs::World::create(topology, options, network->view(), firstNode, endNode, layout.world));
  else
    MXS_TRY(mxs::World::create(topology, options, layout.world));
  for (int rank = topology.rankOf(firstNode, 0); rank < topology.rankOf(endNode, 0); ++rank)
    layout.layers.push_back(
        std::make_unique<MoeLayer>(layout.world->rank(rank), topology, rows, shape, router));
  return mxs::okStatus();
}

//===----------------------------------------------------------------------===//
// Rank threads
//===----------------------------------------------------------------------===//

void LayerMesh::rankMain(size_t rank) {
  mxs::blockBrokenPipe();
  mxs::useFineTimers();
  for (uint64_t seen = 0;;) {
    std::unique_lock<std::mutex> lock(mutex);
    changed.wait(lock, [&] { return stop || generation != seen; });
    if (stop)
      return;
    seen = generation;
    lock.unlock();
    Status status;
    {
      // Only while it works: ranks of other meshes that idle here must not look like more ranks
      // than processors, which changes how ranks wait.
      const mxs::ThreadPool::Caller caller;
      status = (*work)(*current->layers[rank]);
    }
    lock.lock();
    statuses[rank] = std::move(status);
    if (--running == 0)
      changed.notify_all();
  }
}

Status LayerMesh::onAllRanks(Layout &layout, const std::function<Status(MoeLayer &)> &action,
                             double &seconds) {
  std::unique_lock<std::mutex> lock(mutex);
  current = &layout;
  work = &action;
  running = threads.size();
  ++generation;
  const int64_t begin = mxs::steadyNs();
  changed.notify_all();
  changed.wait(lock, [&] { return running == 0; });
  seconds = static_cast<double>(mxs::steadyNs() - begin) * 1e-9;
  // The rank that failed first says more than those it ended.
  for (const Status &status : statuses)
    if (!status.ok() && status.code() != MXS_ABORTED)
      return status;
  for (const Status &status : statuses)
    MXS_TRY(status);
  return mxs::okStatus();
}

//===----------------------------------------------------------------------===//
// Processes
//===----------------------------------------------------------------------===//

Status LayerMesh::meet() {
  mxs::World &world = anyWorld();
  std::string text;
  for (int node = 1; firstNode == 0 && node < shape.nodes; ++node)
    MXS_TRY(world.recvControl(0, node, text));
  for (int node = 1; firstNode == 0 && node < shape.nodes; ++node)
    MXS_TRY(world.sendControl(0, node, "go"));
  if (firstNode == 0)
    return mxs::okStatus();
  MXS_TRY(world.sendControl(firstNode, 0, "here"));
  return world.recvControl(firstNode, 0, text);
}

// Twice: the first meeting wakes the networks, which sleep longer when nothing happens.
Status LayerMesh::barrier() {
  if (!network)
    return mxs::okStatus();
  MXS_TRY(meet());
  return meet();
}

Status LayerMesh::share(std::string &text) {
  if (!network)
    return mxs::okStatus();
  if (firstNode != 0)
    return anyWorld().recvControl(firstNode, 0, text);
  for (int node = 1; node < shape.nodes; ++node)
    MXS_TRY(anyWorld().sendControl(0, node, text));
  return mxs::okStatus();
}

/// Puts the nodes' times together, on node 0.
Status LayerMesh::combine(LayerTime &time) {
  if (!network)
    return mxs::okStatus();
  std::string text(sizeof time, '\0');
  if (firstNode != 0) {
    std::memcpy(text.data(), &time, sizeof time);
    return anyWorld().sendControl(firstNode, 0, text);
  }
  for (int node = 1; node < shape.nodes; ++node) {
    MXS_TRY(anyWorld().recvControl(0, node, text));
    if (text.size() != sizeof time)
      return mxs::internalError("node " + std::to_string(node) + " runs another program");
    LayerTime other;
    std::memcpy(&other, text.data(), sizeof other);
    time.seconds = std::max(time.seconds, other.seconds);
    time.cpuSeconds += other.cpuSeconds;
    time.interBytes = std::max(time.interBytes, other.interBytes);
    time.intraBytes = std::max(time.intraBytes, other.intraBytes);
    time.traced.add(other.traced, 1);
  }
  TracedOverlap mean;
  mean.add(time.traced, 1.0 / shape.nodes);
  time.traced = mean;
  return mxs::okStatus();
}

void LayerMesh::setTraced(bool value) {
  traced = value;
  for (auto &[degrees, layout] : layouts)
    layout.world->trace().enable(value);
  if (network)
    network->trace().enable(value);
}

/// Mean of this process's nodes. The events are gone then.
TracedOverlap LayerMesh::takeTraced(Layout &layout) {
  std::vector<mxs::TraceEvent> events = layout.world->trace().events();
  layout.world->trace().clear();
  if (network) {
    const std::vector<mxs::TraceEvent> messages = network->trace().events();
    network->trace().clear();
    events.insert(events.end(), messages.begin(), messages.end());
  }
  TracedOverlap mean;
  for (int node = firstNode; node < endNode; ++node)
    mean.add(overlapOf(events, node * shape.devices, (node + 1) * shape.devices),
             1.0 / (endNode - firstNode));
  return mean;
}

static void countBytes(const mxs::Topology &topology, const std::vector<mxs::ByteRow> &rows,
                       LayerTime &time) {
  std::map<std::pair<int, mxs::Direction>, double> ofNode, ofRank;
  for (const mxs::ByteRow &row : rows)
    if (row.link == mxs::Link::Inter)
      ofNode[{topology.nodeOf(row.rank), row.direction}] += static_cast<double>(row.bytes);
    else
      ofRank[{row.rank, row.direction}] += static_cast<double>(row.bytes);
  for (const auto &[key, bytes] : ofNode)
    time.interBytes = std::max(time.interBytes, bytes);
  for (const auto &[key, bytes] : ofRank)
    time.intraBytes = std::max(time.intraBytes, bytes);
}

Status LayerMesh::run(const LayerMethod &method, LayerTime &time) {
  return run(
      method, [&](MoeLayer &layer) { return layer.run(method); }, time);
}

Status LayerMesh::run(const LayerMethod &method, const std::function<Status(MoeLayer &)> &action,
                      LayerTime &time) {
  time = LayerTime();
  Layout &layout = layoutOf(method);
  layout.world->counters().clear();
  MXS_TRY(barrier());
  const double before = processSeconds();
  MXS_TRY(onAllRanks(layout, action, time.seconds));
  time.cpuSeconds = processSeconds() - before;
  countBytes(layout.world->topology(), layout.world->counters().rows(), time);
  if (traced)
    time.traced = takeTraced(layout);
  return combine(time);
}

Status LayerMesh::check(const std::vector<LayerMethod> &methods) {
  std::map<LayerMethod::Kind, std::vector<std::vector<float>>> inOnePiece;
  for (const LayerMethod &method : methods) {
    Layout &layout = layoutOf(method);
    for (const auto &layer : layout.layers)
      layer->setChecked(true);
    LayerTime ignored;
    MXS_TRY(run(method, ignored));
    for (size_t i = 0; i < layout.layers.size(); ++i) {
      MoeLayer &layer = *layout.layers[i];
      layer.setChecked(false);
      std::string problem = layer.check();
      std::vector<std::vector<float>> &whole = inOnePiece[method.inOnePiece()];
      if (!method.overlaps())
        whole.push_back(layer.next());
      else if (i < whole.size() && std::memcmp(whole[i].data(), layer.next().data(),
                                               whole[i].size() * sizeof(float)) != 0)
        problem = "its bits differ from those in one piece";
      if (!problem.empty())
        return mxs::internalError("method " + method.name + ", " + std::to_string(method.chunks) +
                                  " chunks: wrong result: " + problem);
    }
  }
  return mxs::okStatus();
}
