//===- Calibrate.h - Link constants and layer times of a cluster --*- C++ -*-===//
#ifndef MIXSERVE_TOOLS_BENCH_CALIBRATE_H
#define MIXSERVE_TOOLS_BENCH_CALIBRATE_H

#include "tools/mixserve-bench/LayerBench.h"
#include "tools/mixserve-bench/LinkFit.h"
#include "tools/mixserve-bench/MeasuredBlock.h"
#include "tools/mixserve-bench/RoundTimes.h"

#include <string>

namespace mixserve::tools {

struct CalibrateOptions {
  LayerBenchOptions bench;     ///< its shape's tokens are not read
  std::vector<int64_t> tokens; ///< per node, one mesh each
  std::vector<double> zipfs = {0};
};

struct CalibratedLayer {
  LayerMethod method;
  LayerShape shape;
  double seconds;
  double error; ///< RoundTimes::Estimate
};
struct Calibrated {
  LinkFit inter; ///< of a node: all its ranks at once
  LinkFit intra; ///< of a rank, while all ranks of the node move
  std::vector<CalibratedLayer> layers;
};

/// Filled on node 0.
mxs::Status calibrate(const CalibrateOptions &options, mxs::MpiProcess *mpi, Calibrated &result);

/// The `measured:` block of a cluster file.
MeasuredBlock measuredBlock(const CalibrateOptions &options, const Calibrated &result,
                            const MeasuredHow &how);

} // namespace mixserve::tools

#endif // MIXSERVE_TOOLS_BENCH_CALIBRATE_H
