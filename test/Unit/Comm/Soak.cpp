//===- Soak.cpp - Collectives without end: do results stay right and memory constant? -----------===//
//
//   comm-soak [--collectives N] [--seconds S] [--nodes N] [--devices D] [--seed X] [--quiet]
//   mpirun -n N comm-soak --mpi ...             one process per node
//
// Random layouts, batches and routing, every result compared with the reference (Conformance.h); a
// new world every few hundred batches. Ends with 1 at the first difference, or when memory, threads
// or open files have grown since the first tenth. Prints a line per world, and at the end what each
// process held after the first tenth, in the middle and at the end.
//
//===----------------------------------------------------------------------===//

#include "Conformance.h"
#include "comm/MpiEngine.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>

namespace mxs::test {
namespace {

struct Options {
  int64_t collectives = 1'000'000;
  double seconds = 7200; ///< whichever of the two ends first
  int nodes = 2, devices = 2;
  unsigned seed = 1;
  bool mpi = false, quiet = false;
};

/// What a process holds that must not grow.
struct Holdings {
  int64_t kib = 0, threads = 0, files = 0;

  static Holdings now() {
    Holdings result;
    std::ifstream status("/proc/self/status");
    for (std::string key; status >> key;)
      if (key == "VmRSS:")
        status >> result.kib;
      else if (key == "Threads:")
        status >> result.threads;
    for ([[maybe_unused]] const auto &file : std::filesystem::directory_iterator("/proc/self/fd"))
      ++result.files;
    return result;
  }
};

constexpr int kBatchesPerWorld = 300;
constexpr int64_t kMostTokens = 96;
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define MXS_SANITIZER // keeps what was freed, or what threads did that have ended
#endif
#endif
#if defined(MXS_SANITIZER) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int64_t kSlackKib = int64_t(1) << 40;
#else
/// The allocator's own drift; a leak of one float per collective is more within 10^6.
constexpr int64_t kSlackKib = 3 * 1024;
#endif

class Soak {
public:
  Soak(const Options &options, std::unique_ptr<MpiProcess> process)
      : options(options), process(std::move(process)), random(options.seed) {}

  int run() {
    // Every process draws the same numbers, so that all make the same worlds.
    const std::vector<Topology> layouts = layoutsOf(options.nodes, options.devices);
    const auto begin = std::chrono::steady_clock::now();
    for (int world = 0; done < options.collectives; ++world) {
      const double seconds =
          std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
      if (allAgreeToStop(seconds > options.seconds))
        break;
      if (!oneWorld(layouts[random() % layouts.size()]))
        return 1;
      const Holdings now = Holdings::now();
      if (self() == 0 && !options.quiet)
        std::printf("%9lld collectives %7.1f s %7lld KiB %lld threads %lld files\n",
                    static_cast<long long>(done), seconds, static_cast<long long>(now.kib),
                    static_cast<long long>(now.threads), static_cast<long long>(now.files));
      std::fflush(stdout);
      history.push_back({done, now.kib});
      if (done < options.collectives / 10 || world < 3) {
        warm.kib = std::max(warm.kib, now.kib);
        warm.threads = std::max(warm.threads, now.threads);
        warm.files = std::max(warm.files, now.files);
      } else if (now.kib > warm.kib + kSlackKib || now.threads > warm.threads ||
                 now.files > warm.files) {
        std::fprintf(stderr, "node %d grew from %lld KiB, %lld threads, %lld files\n", self(),
                     static_cast<long long>(warm.kib), static_cast<long long>(warm.threads),
                     static_cast<long long>(warm.files));
        return 1;
      }
    }
    summarize(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    if (!process)
      return 0;
    const Status finished = process->finish();
    if (!finished.ok())
      std::fprintf(stderr, "%s\n", finished.message().c_str());
    return finished.ok() ? 0 : 1;
  }

private:
  int self() const { return process ? process->node() : 0; }

  void summarize(double seconds) const {
    if (history.empty())
      return;
    auto kibAt = [&](int64_t collectives) {
      for (const auto &[when, kib] : history)
        if (when >= collectives)
          return static_cast<long long>(kib);
      return static_cast<long long>(history.back().second);
    };
    std::printf("node %d: %lld collectives right, %.0f a second; resident %lld KiB after a tenth, "
                "%lld in the middle, %lld at the end\n",
                self(), static_cast<long long>(done), static_cast<double>(done) / seconds,
                kibAt(done / 10), kibAt(done / 2), kibAt(done));
    std::fflush(stdout);
  }

  std::unique_ptr<Cluster> clusterOf(const Topology &topo) {
    WorldOptions world = optionsFor(kMostTokens, 8, 3);
    if (!process)
      return std::make_unique<Cluster>(topo, world);
    std::unique_ptr<Transport> transport;
    const Status status = process->connect(topo, transport);
    if (!status.ok()) {
      std::fprintf(stderr, "%s\n", status.message().c_str());
      return nullptr;
    }
    return std::make_unique<Cluster>(topo, world, std::move(transport), process->node());
  }

  bool oneWorld(const Topology &topo) {
    const auto cluster = clusterOf(topo);
    if (!cluster || !cluster->created.ok())
      return false;
    for (int batch = 0; batch < kBatchesPerWorld; ++batch) {
      std::vector<int64_t> tokens(topo.attnGroups());
      for (int64_t &count : tokens)
        count = random() % 3 == 0 ? 0 : random() % (kMostTokens / topo.attnGroups() + 1);
      const auto routing = static_cast<Routing>(random() % 3);
      const int64_t topK = 1 + random() % 3;
      const Scenario scenario(topo, tokens, routing, topK, random());
      const std::vector<int> chunks = {1 + static_cast<int>(random() % 5)};
      for (const std::string &problem : checkScenario(*cluster, scenario, chunks)) {
        std::fprintf(stderr, "node %d, after %lld collectives, %s: %s\n", self(),
                     static_cast<long long>(done), scenario.name().c_str(), problem.c_str());
        return false;
      }
      done += collectivesOf(topo, chunks);
    }
    return true;
  }

  /// Node 0's clock decides, so that no process waits for one that has ended.
  bool allAgreeToStop(bool late) {
    if (!process)
      return late;
    Topology topo;
    topo.nodes = process->nodes();
    const auto cluster = clusterOf(topo);
    if (!cluster)
      return true;
    std::string said = late ? "stop" : "go on";
    for (int node = 0; self() == 0 && node < topo.nodes; ++node)
      if (!cluster->world->sendControl(0, node, said).ok())
        return true;
    return !cluster->world->recvControl(self(), 0, said).ok() || said == "stop";
  }

  const Options options;
  const std::unique_ptr<MpiProcess> process;
  std::mt19937 random;
  int64_t done = 0;
  Holdings warm;
  std::vector<std::pair<int64_t, int64_t>> history; ///< collectives, KiB; after every world
};

} // namespace
} // namespace mxs::test

int main(int argc, char **argv) {
  using namespace mxs;
  test::Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--mpi" || name == "--quiet") {
      (name == "--mpi" ? options.mpi : options.quiet) = true;
      continue;
    }
    char *end = nullptr;
    const long long value = i + 1 < argc ? std::strtoll(argv[++i], &end, 10) : -1;
    if (!end || *end || value < 1) {
      std::fprintf(stderr, "comm-soak: %s wants a positive number\n", name.c_str());
      return 2;
    }
    if (name == "--collectives")
      options.collectives = value;
    else if (name == "--seconds")
      options.seconds = static_cast<double>(value);
    else if (name == "--nodes")
      options.nodes = static_cast<int>(value);
    else if (name == "--devices")
      options.devices = static_cast<int>(value);
    else if (name == "--seed")
      options.seed = static_cast<unsigned>(value);
    else {
      std::fprintf(stderr, "comm-soak: unknown option %s\n", name.c_str());
      return 2;
    }
  }
  std::unique_ptr<MpiProcess> process;
  if (options.mpi) {
    const Status status = startMpi({}, process);
    if (!status.ok()) {
      std::fprintf(stderr, "%s\n", status.message().c_str());
      return 2;
    }
    options.nodes = process->nodes();
  }
  return test::Soak(options, std::move(process)).run();
}
