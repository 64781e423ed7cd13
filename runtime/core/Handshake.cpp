//===- Handshake.cpp ------------------------------------------------------------------------===//
#include "core/Handshake.h"

#include "comm/World.h"
#include "core/Checksum.h"
#include "core/Wire.h"
#include "kernels/cpu/Engine.h"

#include <algorithm>
#include <map>

using namespace mxs;

Hello Hello::of(const Status &status, const Artifact &artifact, const std::string &linearRows) {
  Hello hello;
  hello.status = status;
  hello.linearRows = linearRows;
  if (!status.ok())
    return hello;
  hello.identity = sha256Hex(artifact.manifestText().data(), artifact.manifestText().size());
  hello.planHash = artifact.manifest().planHash;
  hello.nodes = artifact.manifest().nodes;
  hello.kernels = cpu::isaName(cpu::Engine::process().isa());
  return hello;
}

/// "node 1", "nodes 1, 4".
static std::string listed(const std::vector<size_t> &nodes) {
  std::string text = nodes.size() == 1 ? "node " : "nodes ";
  for (size_t i = 0; i < nodes.size(); ++i)
    text += (i ? ", " : "") + std::to_string(nodes[i]);
  return text;
}

/// Splits nodes by what `key` says of them, the largest party first, of equal ones that with the
/// lowest node.
template <class Key>
static std::vector<std::vector<size_t>> parties(const std::vector<Hello> &hellos, Key key) {
  std::map<std::string, std::vector<size_t>> byKey;
  for (size_t node = 0; node < hellos.size(); ++node)
    byKey[key(hellos[node])].push_back(node);
  std::vector<std::vector<size_t>> result;
  for (auto &[ignored, nodes] : byKey)
    result.push_back(std::move(nodes));
  std::sort(result.begin(), result.end(), [](const auto &a, const auto &b) {
    return a.size() != b.size() ? a.size() > b.size() : a[0] < b[0];
  });
  return result;
}

static Status judgeRuntimes(const std::vector<Hello> &hellos) {
  const auto split = parties(hellos, [](const Hello &hello) { return std::to_string(hello.abi); });
  if (split.size() == 1)
    return okStatus();
  return mismatch(listed(split[1]) + " run a runtime with ABI " +
                  std::to_string(hellos[split[1][0]].abi) + ", " + listed(split[0]) +
                  " one with ABI " + std::to_string(hellos[split[0][0]].abi) +
                  "; install the same version of mixserve on all hosts");
}

static Status judgeArtifacts(const std::vector<Hello> &hellos) {
  for (size_t node = 0; node < hellos.size(); ++node)
    if (!hellos[node].status.ok())
      return hellos[node].status.in("node " + std::to_string(node));
  const auto split = parties(hellos, [](const Hello &hello) { return hello.identity; });
  if (split.size() == 1)
    return okStatus();
  std::string text = "different artifacts: ";
  for (size_t i = 0; i < split.size(); ++i) {
    const Hello &hello = hellos[split[i][0]];
    text += (i ? "; " : "") + listed(split[i]) + " opened one with manifest " +
            hello.identity.substr(0, 12) + " and plan " + hello.planHash.substr(0, 12);
  }
  return mismatch(text + "; copy the same artifact to all hosts");
}

/// Ranks that round otherwise would route the same row to different experts.
static Status judgeSettings(const std::vector<Hello> &hellos) {
  const auto split = parties(hellos, [](const Hello &hello) { return hello.linearRows; });
  if (split.size() == 1)
    return okStatus();
  return mismatch("MXS_LINEAR_ROWS is " + hellos[split[0][0]].linearRows + " on " + listed(split[0]) +
                  ", " + hellos[split[1][0]].linearRows + " on " + listed(split[1]) +
                  "; set it alike on all hosts (mpirun -x MXS_LINEAR_ROWS)");
}

Status mxs::judge(const std::vector<Hello> &hellos) {
  MXS_TRY(judgeRuntimes(hellos));
  MXS_TRY(judgeArtifacts(hellos));
  MXS_TRY(judgeSettings(hellos));
  const int nodes = hellos[0].nodes, processes = static_cast<int>(hellos.size());
  if (nodes == processes)
    return okStatus();
  return mismatch("the artifact is for " + std::to_string(nodes) +
                  (nodes == 1 ? " node" : " nodes") + ", but " + std::to_string(processes) +
                  " processes were started; start one process per node (mpirun -n " +
                  std::to_string(nodes) +
                  "), or without mpirun one process that runs all nodes, or compile for a cluster "
                  "of " +
                  std::to_string(processes) + " nodes");
}

/// The least set that a node uses; all others have it, for each includes those before it.
static std::string commonKernels(const std::vector<Hello> &hellos) {
  cpu::Isa common = *std::rbegin(cpu::kAllIsas);
  for (const Hello &hello : hellos)
    if (cpu::Isa isa{}; cpu::parseIsa(hello.kernels, isa))
      common = std::min(common, isa);
  return cpu::isaName(common);
}

std::string mxs::warningOn(const std::vector<Hello> &hellos) {
  const auto split = parties(hellos, [](const Hello &hello) { return hello.kernels; });
  if (split.size() == 1)
    return "";
  std::string text = "kernels of different instruction sets: ";
  for (size_t i = 0; i < split.size(); ++i)
    text += (i ? ", " : "") + hellos[split[i][0]].kernels + " on " + listed(split[i]);
  return text +
         "; they may add in different orders, so the bits of a sequence, and tokens whose logits "
         "nearly tie, may depend on which nodes compute it; for the same ones everywhere set "
         "MXS_ISA=" +
         commonKernels(hellos) +
         " on all hosts (mpirun -x MXS_ISA), or unset it where somebody has set it";
}

static std::string written(const Hello &hello) {
  ByteWriter out;
  out.put<int32_t>(hello.abi);
  out.put<int32_t>(hello.status.code());
  out.putText(hello.status.message());
  out.putText(hello.identity);
  out.putText(hello.planHash);
  out.put(hello.nodes);
  out.putText(hello.linearRows);
  out.putText(hello.kernels);
  return out.take();
}

/// Of another ABI only that number is read. A runtime of this ABI that says more or less is refused
/// by its length: the ABI is also the artifacts', which need not be compiled again for it.
static bool read(const std::string &message, Hello &hello) {
  ByteReader in(message);
  int32_t code = 0;
  std::string text;
  in.get(hello.abi);
  if (!in.ok() || hello.abi != MXS_ABI_VERSION)
    return in.ok();
  in.get(code);
  in.getText(text);
  in.getText(hello.identity);
  in.getText(hello.planHash);
  in.get(hello.nodes);
  in.getText(hello.linearRows);
  in.getText(hello.kernels);
  if (code != MXS_OK)
    hello.status = Status(static_cast<mxs_status_t>(code), text);
  return in.finished();
}

Status mxs::shakeHands(MpiProcess &mpi, uint64_t deadlineNs, const Hello &own,
                       std::string &warning) {
  // A world without rows: only its control messages are used.
  Topology topology;
  topology.nodes = mpi.nodes();
  WorldOptions options;
  options.deadlineNs = deadlineNs;
  options.hidden = 1;
  std::unique_ptr<Transport> transport;
  std::unique_ptr<World> world;
  MXS_TRY(mpi.connect(topology, transport));
  MXS_TRY(
      World::create(topology, options, std::move(transport), mpi.node(), mpi.node() + 1, world));
  for (int node = 0; node < mpi.nodes(); ++node)
    MXS_TRY(world->sendControl(mpi.node(), node, written(own)));
  std::vector<Hello> hellos(static_cast<size_t>(mpi.nodes()));
  for (int node = 0; node < mpi.nodes(); ++node) {
    std::string message;
    MXS_TRY(world->recvControl(mpi.node(), node, message));
    if (!read(message, hellos[static_cast<size_t>(node)]))
      return mismatch("node " + std::to_string(node) +
                      " said something that this version does not understand; install the same "
                      "version of mixserve on all hosts");
  }
  MXS_TRY(judge(hellos));
  warning = warningOn(hellos);
  return okStatus();
}
