//===- Calibrate.cpp - Link constants and layer times of a cluster --------===//
#include "tools/mixserve-bench/Calibrate.h"
#include "tools/mixserve-bench/LayerMemory.h"

#include <algorithm>
#include <cstdio>
#include <sstream>

using namespace mixserve::tools;
using mxs::Status;

namespace {

/// A long size has a turn in every fourth turn of all. Short layers vary most, by what else runs
/// and when ranks wake, and cost least: up to kTurnsPerRound times as many, spread over all the
/// time.
constexpr int64_t kTurnsPerRound = 4;

/// A size's turn is each one that this divides.
int64_t turnsBetween(int64_t tokens) {
  constexpr int64_t kShortest = 16;
  return std::clamp<int64_t>(tokens / kShortest, 1, kTurnsPerRound);
}

/// In the second half of a size's turns only the ways that may be its fastest are measured, more
/// often. The others are known well enough by then, and most of the time went to them.
constexpr double kClose = 1.3;
constexpr int kCloseRounds = 3;

/// A link's constants are what it does when nothing disturbs it: nothing makes it faster.
constexpr double kUndisturbed = 0.25;

/// Everything at one number of tokens: the two stages alone, then the layers.
class SizeRun {
public:
  SizeRun(const LayerShape &shape, const std::vector<LayerMethod> &methods)
      : shape(shape), methods(methods), times(methods.size()), runs(methods.size(), true) {}

  const LayerShape shape;

  /// Warms up: nothing counts.
  Status warmUp(LayerMesh &mesh) { return round(mesh, /*counts=*/false); }

  /// `turn` of all `turns` of this size.
  Status takeTurn(LayerMesh &mesh, int64_t turn, int64_t turns) {
    const int64_t half = (turns + 1) / 2;
    if (turn == half)
      MXS_TRY(keepClose(mesh));
    // The size before has left its own rows in the caches.
    if (turnsBetween(shape.tokens) < kTurnsPerRound)
      MXS_TRY(round(mesh, /*counts=*/false));
    for (int i = 0; i < (turn < half ? 1 : kCloseRounds); ++i)
      MXS_TRY(round(mesh, /*counts=*/true));
    // The stages move what this one has routed; after others' runs one node may start them late.
    MXS_TRY(mesh.run(hybrid(), last));
    MXS_TRY(stage(mesh, &MoeLayer::gatherInNode, intraSeconds, intraBytes));
    return stage(mesh, &MoeLayer::sendToNodes, interSeconds, interBytes);
  }

  /// Adds what was measured to the lists.
  void collect(std::vector<std::pair<double, double>> &inter,
               std::vector<std::pair<double, double>> &intra,
               std::vector<CalibratedLayer> &layers) const {
    const std::vector<RoundTimes::Estimate> estimates = times.estimates();
    for (size_t i = 0; i < methods.size(); ++i)
      layers.push_back({methods[i], shape, estimates[i].seconds, estimates[i].error});
    if (interBytes > 0)
      inter.emplace_back(interBytes, quantileOf(interSeconds, kUndisturbed));
    if (intraBytes > 0)
      intra.emplace_back(intraBytes, quantileOf(intraSeconds, kUndisturbed));
  }

private:
  Status round(LayerMesh &mesh, bool counts) {
    if (counts)
      times.beginRound();
    for (size_t i = 0; i < methods.size(); ++i) {
      const size_t at = (i + rounds) % methods.size(); // another one first in every round
      if (!runs[at])
        continue;
      MXS_TRY(mesh.run(methods[at], last));
      if (counts)
        times.add(at, last.seconds);
    }
    rounds += counts;
    return mxs::okStatus();
  }

  const LayerMethod &hybrid() const {
    return *std::find_if(methods.begin(), methods.end(), [](const LayerMethod &method) {
      return method.kind == LayerMethod::Hybrid;
    });
  }

  Status keepClose(LayerMesh &mesh) {
    std::string kept;
    for (const bool isClose : closeOnes(times.estimates(), kClose))
      kept += isClose ? '1' : '0';
    MXS_TRY(mesh.share(kept));
    if (kept.size() != runs.size())
      return mxs::internalError("node 0 runs another program");
    for (size_t i = 0; i < runs.size(); ++i)
      runs[i] = kept[i] == '1';
    return mxs::okStatus();
  }

  Status stage(LayerMesh &mesh, Status (MoeLayer::*action)(), std::vector<double> &into,
               double &bytes) {
    MXS_TRY(mesh.run(
        hybrid(), [&](MoeLayer &layer) { return (layer.*action)(); }, last));
    into.push_back(last.seconds);
    bytes = std::max(last.interBytes, last.intraBytes);
    return mxs::okStatus();
  }

  const std::vector<LayerMethod> &methods;
  RoundTimes times;
  std::vector<bool> runs; ///< which methods do
  std::vector<double> interSeconds, intraSeconds;
  double interBytes = 0, intraBytes = 0;
  size_t rounds = 0;
  LayerTime last;
};

/// The planner's name of a method, or nothing for one that it does not plan.
const char *plannedName(LayerMethod::Kind kind) {
  switch (kind) {
  case LayerMethod::Sequential:
  case LayerMethod::Fused:
    return nullptr;
  case LayerMethod::Hybrid:
    return "hybrid";
  case LayerMethod::FusedGather:
    return "hybrid-fused";
  case LayerMethod::FlatEp:
    return "flat-ep";
  case LayerMethod::HierEp:
    return "hier-ep";
  case LayerMethod::AllGather:
    return "allgather";
  }
  return nullptr;
}

std::string text(const char *format, double value) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, format, value);
  return buffer;
}

std::string linkText(const LinkFit &link, const char *per) {
  return "{bw: " + text("%.6g", link.bytesPerSecond / 1e6) +
         "MB/s, latency: " + text("%.6g", link.latencySeconds * 1e6) + "us" + per + "}";
}

} // namespace

Status mixserve::tools::calibrate(const CalibrateOptions &options, mxs::MpiProcess *mpi,
                                  Calibrated &result) {
  std::vector<LayerMethod> methods;
  for (const LayerMethod &method : options.bench.methods)
    if (plannedName(method.kind))
      methods.push_back(method);
  std::vector<SizeRun> runs;
  for (double zipf : options.zipfs)
    for (int64_t tokens : options.tokens) {
      LayerShape shape = options.bench.shape;
      shape.tokens = tokens;
      shape.zipf = zipf;
      runs.emplace_back(shape, methods);
    }
  std::vector<LayerShape> shapes; // all are there at once: they take turns
  for (const SizeRun &run : runs)
    shapes.push_back(run.shape);
  MXS_TRY(checkLayerMemory(shapes, methods, mpi ? 1 : options.bench.shape.nodes,
                           memoryForLayers(/*alone=*/!mpi)));
  std::vector<std::unique_ptr<LayerMesh>> meshes;
  for (const SizeRun &run : runs) {
    std::unique_ptr<LayerMesh> mesh;
    MXS_TRY(LayerMesh::create(run.shape, options.bench.links, methods, options.bench.deadlineNs,
                              mpi, meshes.empty() ? nullptr : meshes.front().get(), mesh));
    meshes.push_back(std::move(mesh));
  }
  MXS_TRY(meshes.front()->check(methods));
  for (size_t i = 0; i < runs.size(); ++i)
    for (int64_t warmUp = 0; warmUp < options.bench.warmUps; ++warmUp)
      MXS_TRY(runs[i].warmUp(*meshes[i]));
  // Sizes take turns all the time: a machine that is slow for a while is so to all of them, and
  // what is fitted to sizes does not take it for a size's own.
  const int64_t turns = kTurnsPerRound * options.bench.rounds;
  for (int64_t turn = 0; turn < turns; ++turn)
    for (size_t i = 0; i < runs.size(); ++i)
      if (const int64_t every = turnsBetween(runs[i].shape.tokens); turn % every == 0)
        MXS_TRY(runs[i].takeTurn(*meshes[i], turn / every, (turns + every - 1) / every));
  std::vector<std::pair<double, double>> inter, intra;
  for (const SizeRun &run : runs)
    run.collect(inter, intra, result.layers);
  result.inter = fitLink(inter);
  result.intra = fitLink(intra);
  return mxs::okStatus();
}

MeasuredBlock mixserve::tools::measuredBlock(const CalibrateOptions &options,
                                             const Calibrated &result, const MeasuredHow &how) {
  MeasuredBlock block;
  block.how = how;
  block.wire = wireName(options.bench.shape.wire);
  if (result.inter.bytesPerSecond > 0)
    block.links.push_back("inter: " + linkText(result.inter, ", per: node"));
  if (result.intra.bytesPerSecond > 0)
    block.links.push_back("intra: " + linkText(result.intra, ""));
  for (const CalibratedLayer &layer : result.layers) {
    std::ostringstream out;
    out << "{method: " << plannedName(layer.method.kind) << ", attn_tp: " << layer.method.attnTp
        << ", moe_tp: " << layer.method.moeTp << ", chunks: " << layer.method.chunks
        << ", tokens: " << layer.shape.tokens * layer.shape.nodes
        << ", hidden: " << layer.shape.hidden << ", experts: " << layer.shape.experts
        << ", top_k: " << layer.shape.topK << ", zipf: " << text("%g", layer.shape.zipf)
        << (layer.shape.wire == mxs::WireType::BF16 ? ", wire: bf16" : "")
        << ", time: " << text("%.6g", layer.seconds * 1e6) << "us"
        << (layer.error > 0 ? ", error: " + text("%.2g", layer.error) : "") << "}";
    block.layers.push_back(out.str());
  }
  return block;
}
