//===- CompileTimes.cpp - Where a compilation spends time and memory --------===//
#include "mixserve/Pipeline/CompileTimes.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <chrono>
#include <cstdio>
#include <fstream>
#include <sys/resource.h>

using namespace mixserve;

/// A phase or a step: sums over all its starts and stops.
struct CompileTimes::Span {
  const void *id = nullptr;
  std::string name;
  double cpu = 0, wall = 0; ///< [s]; while it runs: minus the time of its start
  int64_t peak = 0;         ///< [byte] when it stopped last
  bool hidden = false;      ///< only its parts are shown
  std::vector<std::unique_ptr<Span>> parts;
};

static double cpuSeconds() {
  double seconds = 0;
  for (int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage usage{};
    if (getrusage(who, &usage) != 0)
      continue;
    for (const timeval &time : {usage.ru_utime, usage.ru_stime})
      seconds += double(time.tv_sec) + 1e-6 * double(time.tv_usec);
  }
  return seconds;
}

static double wallSeconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// getrusage would count what the program that started us had in memory, too.
static int64_t peakBytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (long long kib = 0; std::sscanf(line.c_str(), "VmHWM: %lld kB", &kib) == 1)
      return kib * 1024;
  return 0;
}

CompileTimes::CompileTimes() : root(std::make_unique<Span>()) { root->name = "total"; }
CompileTimes::~CompileTimes() = default;

std::optional<void *> CompileTimes::rootTimer() { return root.get(); }

void CompileTimes::startTimer(void *handle) {
  auto &span = *static_cast<Span *>(handle);
  span.cpu -= cpuSeconds();
  span.wall -= wallSeconds();
}

void CompileTimes::stopTimer(void *handle) {
  auto &span = *static_cast<Span *>(handle);
  span.cpu += cpuSeconds();
  span.wall += wallSeconds();
  span.peak = peakBytes();
}

void *CompileTimes::nestTimer(void *handle, const void *id,
                              mlir::function_ref<std::string()> nameBuilder) {
  auto &span = *static_cast<Span *>(handle);
  for (const std::unique_ptr<Span> &part : span.parts)
    if (part->id == id)
      return part.get();
  span.parts.push_back(std::make_unique<Span>());
  span.parts.back()->id = id;
  span.parts.back()->name = nameBuilder();
  return span.parts.back().get();
}

void CompileTimes::hideTimer(void *handle) { static_cast<Span *>(handle)->hidden = true; }

void CompileTimes::printRow(llvm::raw_ostream &os, const Span &span, unsigned depth) const {
  if (!span.hidden)
    os << llvm::format("%10.3f  %10.3f  %12.1f  ", span.cpu, span.wall, double(span.peak) / 1e6)
       << std::string(2 * depth, ' ') << span.name << "\n";
  for (const std::unique_ptr<Span> &part : span.parts)
    printRow(os, *part, depth + (span.hidden ? 0 : 1));
}

void CompileTimes::printText(llvm::raw_ostream &os) const {
  os << "   CPU [s]    wall [s]   peak RSS [MB]  phase\n";
  for (const std::unique_ptr<Span> &phase : root->parts)
    printRow(os, *phase, 0);
  os << llvm::format("%10.3f  %10.3f  %12.1f  ", root->cpu, root->wall, double(root->peak) / 1e6)
     << root->name << "\n";
}

void CompileTimes::writeJson(llvm::json::OStream &json, const Span &span,
                             llvm::StringRef partsName) {
  json.attribute("cpu_s", span.cpu);
  json.attribute("wall_s", span.wall);
  json.attribute("peak_rss_bytes", span.peak);
  if (span.parts.empty())
    return;
  json.attributeArray(partsName, [&] {
    for (const std::unique_ptr<Span> &part : span.parts)
      json.object([&] {
        json.attribute("name", part->name);
        writeJson(json, *part, "steps");
      });
  });
}

void CompileTimes::printJson(llvm::raw_ostream &os) const {
  llvm::json::OStream json(os, 2);
  json.object([&] {
    json.attribute("schema", "mixserve.compile-times/v1");
    writeJson(json, *root, "phases");
  });
  os << "\n";
}
