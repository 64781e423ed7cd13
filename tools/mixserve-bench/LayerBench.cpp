//===- LayerBench.cpp - Times of a MoE layer by every method --------------===//
#include "tools/mixserve-bench/LayerBench.h"
#include "tools/mixserve-bench/LayerMemory.h"

#include <algorithm>

using namespace mixserve::tools;
using mxs::Status;
using nlohmann::json;

namespace {

struct Measured {
  std::vector<double> seconds, cpu;
  LayerTime last;
  std::vector<TracedOverlap> traced;
};

/// Times of a method's bytes on the links, 0 where a rate is not known. No schedule is faster than
/// the larger one.
struct LinkTimes {
  double inter, intra;
  double bound() const { return std::max(inter, intra); }
  /// Of the shorter one, what a layer of `seconds` hides behind the other one. All else that the
  /// layer does counts as not hidden.
  double hidden(double seconds) const { return (inter + intra - seconds) / std::min(inter, intra); }
};
LinkTimes linkTimes(const LayerLinks &links, const LayerTime &time) {
  return {links.interBytesPerS > 0 ? time.interBytes / links.interBytesPerS : 0,
          links.intraBytesPerS > 0 ? time.intraBytes / links.intraBytesPerS : 0};
}

json methodJson(const LayerMethod &method, const LayerLinks &links, const Measured &measured,
                const Measured *fastestFused) {
  const double median = medianOf(measured.seconds);
  const LinkTimes times = linkTimes(links, measured.last);
  const auto [least, most] = std::minmax_element(measured.seconds.begin(), measured.seconds.end());
  json result = {{"method", method.name},
                 {"layout", {{"attn_tp", method.attnTp}, {"moe_tp", method.moeTp}}},
                 {"median_s", median},
                 {"least_s", *least},
                 {"most_s", *most},
                 {"seconds", measured.seconds},
                 {"cpu_s", medianOf(measured.cpu)},
                 {"inter_bytes", measured.last.interBytes},
                 {"intra_bytes", measured.last.intraBytes}};
  if (method.hasChunks())
    result["chunks"] = method.chunks;
  if (times.bound() > 0) {
    result["bound_s"] = times.bound();
    result["over_bound"] = median / times.bound();
  }
  if (std::min(times.inter, times.intra) > 0)
    result["hidden"] = times.hidden(median);
  if (!measured.traced.empty()) {
    std::vector<double> inter, intra, both, hidden;
    for (const TracedOverlap &run : measured.traced) {
      inter.push_back(run.inter);
      intra.push_back(run.intra);
      both.push_back(run.both);
      hidden.push_back(run.hidden());
    }
    result["traced"] = {{"inter_s", medianOf(inter)},
                        {"intra_s", medianOf(intra)},
                        {"both_s", medianOf(both)},
                        {"hidden", medianOf(hidden)}};
  }
  if (fastestFused) {
    // Round by round: what disturbs a round disturbs both.
    std::vector<double> ratios;
    for (size_t round = 0; round < measured.seconds.size(); ++round)
      ratios.push_back(measured.seconds[round] / fastestFused->seconds[round]);
    result["over_fused"] = medianOf(ratios);
  }
  return result;
}

/// Apart from the timed rounds: a trace takes time itself.
Status traceOverlaps(const LayerBenchOptions &options, LayerMesh &mesh,
                     std::vector<Measured> &measured) {
  mesh.setTraced(true);
  for (int64_t round = 0; round < options.tracedRounds; ++round)
    for (size_t i = 0; i < measured.size(); ++i) {
      if (!options.methods[i].overlaps())
        continue;
      LayerTime time;
      MXS_TRY(mesh.run(options.methods[i], time));
      measured[i].traced.push_back(time.traced);
    }
  mesh.setTraced(false);
  return mxs::okStatus();
}

json conditionsJson(const LayerBenchOptions &options, bool mpi) {
  const LayerShape &shape = options.shape;
  return {{"engine", mpi ? "mpi" : "loopback"},
          {"mesh", {{"nodes", shape.nodes}, {"devices", shape.devices}}},
          {"links",
           {{"inter_bytes_per_s_per_node", options.links.interBytesPerS},
            {"intra_bytes_per_s_per_rank", options.links.intraBytesPerS},
            {"latency_s", static_cast<double>(options.links.latencyNs) * 1e-9}}},
          {"shape",
           {{"tokens_per_node", shape.tokens},
            {"hidden", shape.hidden},
            {"experts", shape.experts},
            {"top_k", shape.topK},
            {"zipf", shape.zipf},
            {"wire", wireName(shape.wire)},
            {"expert_ns_per_row", shape.expertNsPerRow}}},
          {"rounds", options.rounds}};
}

} // namespace

Status mixserve::tools::runLayerBench(const LayerBenchOptions &options, mxs::MpiProcess *mpi,
                                      json &result) {
  std::unique_ptr<LayerMesh> mesh;
  MXS_TRY(checkLayerMemory({options.shape}, options.methods, mpi ? 1 : options.shape.nodes,
                           memoryForLayers(/*alone=*/!mpi)));
  MXS_TRY(LayerMesh::create(options.shape, options.links, options.methods, options.deadlineNs, mpi,
                            /*beside=*/nullptr, mesh));
  MXS_TRY(mesh->check(options.methods));
  std::vector<Measured> measured(options.methods.size());
  for (int64_t round = -options.warmUps; round < options.rounds; ++round)
    for (size_t i = 0; i < measured.size(); ++i) {
      // Another one first in every round.
      const size_t at = (i + static_cast<size_t>(round + options.warmUps)) % measured.size();
      LayerTime time;
      MXS_TRY(mesh->run(options.methods[at], time));
      if (round < 0)
        continue;
      measured[at].seconds.push_back(time.seconds);
      measured[at].cpu.push_back(time.cpuSeconds);
      measured[at].last = time;
    }
  MXS_TRY(traceOverlaps(options, *mesh, measured));
  if (!mesh->isFirst())
    return mxs::okStatus();

  const Measured *fused = nullptr;
  for (size_t i = 0; i < measured.size(); ++i)
    if (options.methods[i].kind == LayerMethod::FusedGather &&
        (!fused || medianOf(measured[i].seconds) < medianOf(fused->seconds)))
      fused = &measured[i];
  result = conditionsJson(options, mpi != nullptr);
  result["methods"] = json::array();
  for (size_t i = 0; i < measured.size(); ++i)
    result["methods"].push_back(methodJson(options.methods[i], options.links, measured[i], fused));
  return mxs::okStatus();
}
