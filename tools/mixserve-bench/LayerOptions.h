//===- LayerOptions.h - Options of layer and calibrate ------------*- C++ -*-===//
#ifndef MIXSERVE_TOOLS_BENCH_LAYEROPTIONS_H
#define MIXSERVE_TOOLS_BENCH_LAYEROPTIONS_H

#include "tools/mixserve-bench/LayerBench.h"
#include "tools/options/Options.h"

namespace mixserve::tools {

/// Options as they were given; defaults are set before addLayerOptions.
struct LayerWords {
  std::string methods, chunks = "1,2,4,8,16", engine = "auto", wire = "f32";
  int64_t nodes = 0, devices = 4;
  double interMbit = 1000, ratio = 9;
};

void addLayerOptions(Options &parser, LayerWords &words, LayerBenchOptions &options);

/// After parsing: fills shape, links and methods of `options`, and whether MPI is used. Returns
/// what is wrong, or nothing.
std::string resolveLayer(LayerWords &words, LayerBenchOptions &options, bool &mpi);

} // namespace mixserve::tools

#endif // MIXSERVE_TOOLS_BENCH_LAYEROPTIONS_H
