//===- MeasuredBlock.h - The `measured:` part of a cluster file ---*- C++ -*-===//
//
// As text, line by line: the rest of the file keeps its comments and its form. The planner reads
// the result (lib/Plan/ClusterFile.cpp), which knows YAML; this file knows what `calibrate` writes.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_TOOLS_BENCH_MEASUREDBLOCK_H
#define MIXSERVE_TOOLS_BENCH_MEASUREDBLOCK_H

#include <string>
#include <vector>

namespace mixserve::tools {

/// When and by what layers were measured.
struct MeasuredHow {
  std::string date, version, engine;
  int nodes = 0, devices = 0;
};

/// What a run found.
struct MeasuredBlock {
  MeasuredHow how;
  std::string wire;                ///< of its layers: "f32" or "bf16"
  std::vector<std::string> links;  ///< "inter: {..}", "intra: {..}"
  std::vector<std::string> layers; ///< "{method: .., time: ..}", of this wire type
  std::string text() const;
};

/// A file with a new block, and what of its old one is still there.
struct MergedMeasured {
  std::string text;
  size_t kept = 0;      ///< layers of the other wire type
  std::string keptDate; ///< of the first one
};

/// `file`, the text of a cluster file, with `block` in place of its own `measured:`. A run measures
/// one wire type: layers of the other one stay, each with its `date:`, if they were measured on as
/// many nodes and devices over the same engine. Layers of its own type go, of all sizes: those of
/// another time would be compared with these. Returns what is wrong with the old block, or nothing;
/// `block` may be empty to learn that before anything is measured.
std::string mergeMeasured(const std::string &file, const MeasuredBlock &block,
                          MergedMeasured &merged);

} // namespace mixserve::tools

#endif // MIXSERVE_TOOLS_BENCH_MEASUREDBLOCK_H
