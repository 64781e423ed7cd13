//===- LayerMesh.h - The ranks of this process, in every layout ---*- C++ -*-===//
//
// All nodes in this process over the loopback, or one node per process under mpirun. Layouts are
// worlds of their own over one network. Every process makes the same calls in the same order.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_TOOLS_BENCH_LAYERMESH_H
#define MIXSERVE_TOOLS_BENCH_LAYERMESH_H

#include "comm/MpiEngine.h"
#include "tools/mixserve-bench/MoeLayer.h"
#include "tools/mixserve-bench/SharedTransport.h"
#include "tools/mixserve-bench/TracedOverlap.h"

#include <condition_variable>
#include <functional>
#include <map>
#include <thread>

namespace mixserve::tools {

/// Speeds; 0: as fast as it goes. Over MPI the links between nodes are what they are.
struct LayerLinks {
  double interBytesPerS = 0; ///< of a node, per direction
  double intraBytesPerS = 0; ///< of a rank, per direction
  uint64_t latencyNs = 0;    ///< loopback
};

/// Of one run: the slowest node, the busiest rank or node.
struct LayerTime {
  double seconds = 0;
  double cpuSeconds = 0; ///< of all processes
  double interBytes = 0; ///< of the busiest node, the larger direction
  double intraBytes = 0; ///< of the busiest rank, the larger direction
  TracedOverlap traced;  ///< mean of all nodes; of fused methods while runs are traced
};

class LayerMesh {
public:
  /// `mpi`: this process's MPI, which must outlive the mesh; null: all nodes are in this process.
  /// `beside`: a mesh of the same nodes whose network this one shares, since MPI allows one at a
  /// time; null: it connects its own. Meshes that share one run in turn, and the first one to be
  /// destroyed ends it for all.
  static mxs::Status create(const LayerShape &shape, const LayerLinks &links,
                            const std::vector<LayerMethod> &methods, uint64_t deadlineNs,
                            mxs::MpiProcess *mpi, const LayerMesh *beside,
                            std::unique_ptr<LayerMesh> &out);
  ~LayerMesh();

  /// Runs the layer once on all ranks.
  mxs::Status run(const LayerMethod &method, LayerTime &time);
  /// The same for `action` in the layout of `method`.
  mxs::Status run(const LayerMethod &method, const std::function<mxs::Status(MoeLayer &)> &action,
                  LayerTime &time);
  /// Whether runs are traced from now on.
  void setTraced(bool value);
  /// Runs all methods once and compares with a plain computation; hybrid-fused with hybrid bitwise.
  mxs::Status check(const std::vector<LayerMethod> &methods);
  bool isFirst() const { return firstNode == 0; }
  /// Gives all processes the text that node 0 has. Times are known there alone, and all must decide
  /// alike what they run next.
  mxs::Status share(std::string &text);

private:
  struct Layout {
    std::unique_ptr<mxs::World> world;
    std::vector<std::unique_ptr<MoeLayer>> layers; ///< of this process's ranks
  };

  LayerMesh(const LayerShape &shape, const LayerLinks &links);
  mxs::Status addLayout(int attnTp, int moeTp, uint64_t deadlineNs);
  Layout &layoutOf(const LayerMethod &method) { return layouts.at({method.attnTp, method.moeTp}); }
  mxs::World &anyWorld() { return *layouts.begin()->second.world; }
  /// Every rank's thread does `work` on its layer; the time until the last one is done.
  mxs::Status onAllRanks(Layout &layout, const std::function<mxs::Status(MoeLayer &)> &work,
                         double &seconds);
  void rankMain(size_t rank);
  mxs::Status barrier();
  mxs::Status meet();
  TracedOverlap takeTraced(Layout &layout);
  mxs::Status combine(LayerTime &time);

  const LayerShape shape;
  const LayerLinks links;
  LayerRouter router;
  int firstNode = 0, endNode = 0;
  bool traced = false;
  std::shared_ptr<SharedTransport> network; ///< null: every world has a loopback of its own
  std::map<std::pair<int, int>, Layout> layouts;

  std::mutex mutex;
  std::condition_variable changed;
  uint64_t generation = 0;
  size_t running = 0;
  bool stop = false;
  Layout *current = nullptr;
  const std::function<mxs::Status(MoeLayer &)> *work = nullptr;
  std::vector<mxs::Status> statuses;
  std::vector<std::thread> threads;
};

} // namespace mixserve::tools

#endif // MIXSERVE_TOOLS_BENCH_LAYERMESH_H
