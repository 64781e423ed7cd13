//===- Soak.cpp - Are results right, and memory constant, without end? ------------------------===//
//
// Results are compared with Conformance.h. Every node says why it ends with 1; "grown" is since the
// first tenth. The end prints what each process held after the first tenth, in the middle and then.
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
#include <thread>

namespace mxs::test {
namespace {

struct Options {
  int64_t collectives = 1'000'000;
  double seconds = 7200; ///< whichever of the two ends first
  int nodes = 2, devices = 2;
  int batches = 300; ///< of a world
  unsigned seed = 1;
  bool mpi = false, quiet = false;
};

/// What a process holds that must not grow.
struct Holdings {
  int64_t kib = 0, threads = 0, files = 0; ///< kib: without pages of files, which come and go

  static Holdings now() {
    Holdings result;
    std::ifstream status("/proc/self/status");
    for (std::string key; status >> key;)
      if (key == "RssAnon:" || key == "RssShmem:") {
        int64_t kib = 0;
        status >> kib;
        result.kib += kib;
      } else if (key == "Threads:")
        status >> result.threads;
    for ([[maybe_unused]] const auto &file : std::filesystem::directory_iterator("/proc/self/fd"))
      ++result.files;
    return result;
  }

  /// The least of what is held within five seconds, or what is not above `limit`: the kernel counts
  /// a thread that was joined until it has come to its end, on a busy machine for a while.
  static Holdings settled(const Holdings &limit) {
    Holdings least = now();
    for (int look = 0; look < 500 && !(least <= limit); ++look) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      const Holdings next = now();
      least = {std::min(least.kib, next.kib), std::min(least.threads, next.threads),
               std::min(least.files, next.files)};
    }
    return least;
  }

  bool operator<=(const Holdings &limit) const {
    return kib <= limit.kib && threads <= limit.threads && files <= limit.files;
  }
  std::string text() const {
    return std::to_string(kib) + " KiB, " + std::to_string(threads) + " threads, " +
           std::to_string(files) + " files";
  }
};

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
    const Status status = soak();
    if (!status.ok())
      std::fprintf(stderr, "node %d: after %lld collectives, %.1f s: %s\n", self(),
                   static_cast<long long>(done), seconds(), status.message().c_str());
    else
      summarize();
    const Status finished = process ? process->finish() : okStatus();
    if (!finished.ok())
      std::fprintf(stderr, "node %d: %s\n", self(), finished.message().c_str());
    return status.ok() && finished.ok() ? 0 : 1;
  }

private:
  int self() const { return process ? process->node() : 0; }

  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }

  Status soak() {
    // Every process draws the same numbers, so that all make the same worlds.
    const std::vector<Topology> layouts = layoutsOf(options.nodes, options.devices);
    Status grown;
    for (int world = 0; done < options.collectives; ++world) {
      bool stop = false;
      MXS_TRY(agree(grown, stop));
      if (stop)
        break;
      MXS_TRY(oneWorld(layouts[random() % layouts.size()]));
      grown = look(world);
    }
    return grown;
  }

  Status look(int world) {
    const bool warming = done < options.collectives / 10 || world < 3;
    const Holdings limit = {warm.kib + kSlackKib, warm.threads, warm.files};
    const Holdings now = warming ? Holdings::now() : Holdings::settled(limit);
    if (self() == 0 && !options.quiet)
      std::printf("%9lld collectives %7.1f s %s\n", static_cast<long long>(done), seconds(),
                  now.text().c_str());
    std::fflush(stdout);
    history.push_back({done, now.kib});
    if (warming)
      warm = {std::max(warm.kib, now.kib), std::max(warm.threads, now.threads),
              std::max(warm.files, now.files)};
    else if (!(now <= limit))
      return internalError("node " + std::to_string(self()) + " grew: " + now.text() +
                           "; in the first tenth at most " + warm.text() + " (" +
                           std::to_string(kSlackKib) + " KiB more are let pass)");
    return okStatus();
  }

  void summarize() const {
    if (history.empty())
      return;
    auto kibAt = [&](int64_t collectives) {
      for (const auto &[when, kib] : history)
        if (when >= collectives)
          return static_cast<long long>(kib);
      return static_cast<long long>(history.back().second);
    };
    std::printf("node %d: %lld collectives right, %.0f a second; %lld KiB after a tenth, %lld in "
                "the middle, %lld at the end\n",
                self(), static_cast<long long>(done), static_cast<double>(done) / seconds(),
                kibAt(done / 10), kibAt(done / 2), kibAt(done));
    std::fflush(stdout);
  }

  Status clusterOf(const Topology &topo, std::unique_ptr<Cluster> &out,
                   WireType wire = WireType::F32) {
    WorldOptions world = optionsFor(kMostTokens, 8, 3);
    world.wire = wire;
    if (process) {
      std::unique_ptr<Transport> transport;
      MXS_TRY(process->connect(topo, transport));
      out = std::make_unique<Cluster>(topo, world, std::move(transport), process->node());
    } else {
      out = std::make_unique<Cluster>(topo, world);
    }
    return out->created;
  }

  Status oneWorld(const Topology &topo) {
    std::unique_ptr<Cluster> cluster;
    MXS_TRY(clusterOf(topo, cluster, random() % 2 ? WireType::BF16 : WireType::F32));
    for (int batch = 0; batch < options.batches; ++batch) {
      std::vector<int64_t> tokens(topo.attnGroups());
      for (int64_t &count : tokens)
        count = random() % 3 == 0 ? 0 : random() % (kMostTokens / topo.attnGroups() + 1);
      const auto routing = static_cast<Routing>(random() % 3);
      const int64_t topK = 1 + random() % 3;
      const Scenario scenario(topo, tokens, routing, topK, random());
      const std::vector<int> chunks = {1 + static_cast<int>(random() % 5)};
      std::string problems;
      for (const std::string &problem : checkScenario(*cluster, scenario, chunks))
        problems += "\n  " + problem;
      if (!problems.empty()) {
        const Status why = internalError(scenario.name() + problems);
        cluster->world->abort(why); // the other nodes wait for this one
        return why;
      }
      done += collectivesOf(topo, chunks);
    }
    return okStatus();
  }

  /// Every node says how it is; node 0's clock decides, so that none waits for one that has ended.
  Status agree(const Status &own, bool &stop) {
    const std::string said = !own.ok()                                    ? own.message()
                             : self() == 0 && seconds() > options.seconds ? "stop"
                                                                          : "go on";
    if (!process) {
      stop = said == "stop";
      return own;
    }
    Topology topo;
    topo.nodes = process->nodes();
    std::unique_ptr<Cluster> cluster;
    MXS_TRY(clusterOf(topo, cluster));
    for (int node = 0; node < topo.nodes; ++node)
      MXS_TRY(cluster->world->sendControl(self(), node, said));
    for (int node = 0; node < topo.nodes; ++node) {
      std::string heard;
      MXS_TRY(cluster->world->recvControl(self(), node, heard));
      stop |= heard == "stop";
      if (heard != "stop" && heard != "go on")
        return internalError(heard);
    }
    return okStatus();
  }

  const Options options;
  const std::unique_ptr<MpiProcess> process;
  const std::chrono::steady_clock::time_point begin = std::chrono::steady_clock::now();
  std::mt19937 random;
  int64_t done = 0;
  Holdings warm;
  std::vector<std::pair<int64_t, int64_t>> history; ///< collectives, KiB; after every world
};

} // namespace
} // namespace mxs::test

static const char kUsage[] =
    R"(usage: comm-soak [options]

Random layouts, batches and routing, every result compared with the reference, in one short world
after the other. Ends with 1 at the first difference or failure, or when memory, threads or open
files have grown.

  --collectives N    how many (default 1000000)
  --seconds N        or this long, whichever ends first (default 7200)
  --nodes N          in this process (default 2; with --mpi: the processes)
  --devices N        ranks per node (default 2)
  --batches N        of collectives in a world (default 300)
  --seed N           which ones (default 1)
  --mpi              between the processes that mpirun started
  --quiet            print the end alone, not a line per world

example:
  hosts with 2 --rate 1000 -- sh -c 'hosts mpirun $HOSTS_PREFIX build/bin/comm-soak --mpi --quiet'
)";

int main(int argc, char **argv) {
  using namespace mxs;
  test::Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--help" || name == "-h") {
      std::fputs(kUsage, stdout);
      return 0;
    }
    if (name.rfind("--", 0) != 0 ||
        std::string(kUsage).find("\n  " + name + " ") == std::string::npos) {
      std::fprintf(stderr,
                   "comm-soak: unknown option '%s'; run 'comm-soak --help' for the options\n",
                   name.c_str());
      return 1;
    }
    if (name == "--mpi" || name == "--quiet") {
      (name == "--mpi" ? options.mpi : options.quiet) = true;
      continue;
    }
    char *end = nullptr;
    const long long value = i + 1 < argc ? std::strtoll(argv[++i], &end, 10) : -1;
    if (!end || *end || value < 1) {
      std::fprintf(stderr, "comm-soak: %s wants a positive number\n", name.c_str());
      return 1;
    }
    if (name == "--collectives")
      options.collectives = value;
    else if (name == "--seconds")
      options.seconds = static_cast<double>(value);
    else if (name == "--nodes")
      options.nodes = static_cast<int>(value);
    else if (name == "--devices")
      options.devices = static_cast<int>(value);
    else if (name == "--batches")
      options.batches = static_cast<int>(value);
    else // --seed
      options.seed = static_cast<unsigned>(value);
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
