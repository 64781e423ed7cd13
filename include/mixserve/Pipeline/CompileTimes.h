//===- CompileTimes.h - Where a compilation spends time and memory -*- C++ -*-===//
#ifndef MIXSERVE_PIPELINE_COMPILETIMES_H
#define MIXSERVE_PIPELINE_COMPILETIMES_H

#include "mlir/Support/Timing.h"
#include "llvm/Support/JSON.h"
#include <memory>
#include <vector>

namespace mixserve {

/// Collects what MLIR's timing scopes measure, with what they leave out: processor time, which
/// another load on the machine hardly changes, and peak memory. Give a scope of getRootScope() to
/// compileModel(); read after that scope has ended. For one thread.
class CompileTimes : public mlir::TimingManager {
public:
  CompileTimes();
  ~CompileTimes() override;

  /// A line per phase, the steps of a phase (passes, and emit's own) indented below it.
  void printText(llvm::raw_ostream &os) const;
  /// {"schema": "mixserve.compile-times/v1", "cpu_s", "wall_s", "peak_rss_bytes",
  ///  "phases": [{"name", "cpu_s", "wall_s", "peak_rss_bytes", "steps": [the same, ..]}]}: CPU
  ///  seconds of this process
  /// and the programs that it ran (the linker), elapsed seconds, the process's peak resident memory
  /// until then.
  void printJson(llvm::raw_ostream &os) const;

private:
  struct Span;
  std::optional<void *> rootTimer() override;
  void startTimer(void *handle) override;
  void stopTimer(void *handle) override;
  void *nestTimer(void *handle, const void *id,
                  mlir::function_ref<std::string()> nameBuilder) override;
  void hideTimer(void *handle) override;

  void printRow(llvm::raw_ostream &os, const Span &span, unsigned depth) const;
  static void writeJson(llvm::json::OStream &json, const Span &span, llvm::StringRef partsName);

  std::unique_ptr<Span> root;
};

} // namespace mixserve

#endif // MIXSERVE_PIPELINE_COMPILETIMES_H
