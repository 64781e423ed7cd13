//===- PlanAttributes.cpp - The planner's structs as attributes -----------===//
#include "PlanAttributes.h"

#include "mixserve/Plan/CollectiveTimes.h"

#include "mlir/IR/Builders.h"
#include "llvm/Support/Path.h"

#include <algorithm>
#include <array>
#include <cmath>

using namespace mlir;

namespace mixserve {
namespace {

plan::HardwareAttr hardwareAttr(Builder &builder, const planner::PlanRequest &request) {
  const planner::Cluster &cluster = request.cluster;
  SmallVector<plan::LevelAttr> levels;
  auto add = [&](StringRef name, int64_t count, const planner::LinkSpec &link) {
    levels.push_back(plan::LevelAttr::get(builder.getContext(), name, count,
                                          builder.getF64FloatAttr(link.bytesPerNs),
                                          builder.getF64FloatAttr(link.latencyNs), link.perNode));
  };
  if (cluster.hasNodeLevel)
    add("node", cluster.mesh.nodes, cluster.inter);
  if (cluster.hasDeviceLevel)
    add("device", cluster.mesh.devices, cluster.intra);
  auto flops = cluster.device.flopsPerNs.find(request.model.dtype);
  // The attribute is about one device: of what a node's devices share it has its part.
  const double sharers = cluster.device.perNode ? double(cluster.mesh.devices) : 1;
  const double flopsPerSecond =
      flops == cluster.device.flopsPerNs.end() ? 0 : flops->second * 1e9 / sharers;
  // Only the file's name: the same input must give the same artifact in every folder.
  return plan::HardwareAttr::get(builder.getContext(), levels, int64_t(cluster.device.memoryBytes),
                                 builder.getF64FloatAttr(cluster.device.memoryBytesPerNs / sharers),
                                 builder.getF64FloatAttr(flopsPerSecond),
                                 llvm::sys::path::filename(cluster.path));
}

plan::MeshAttr meshAttr(Builder &builder, const planner::Mesh &mesh) {
  return plan::MeshAttr::get(builder.getContext(),
                             {builder.getStringAttr("node"), builder.getStringAttr("device")},
                             {mesh.nodes, mesh.devices});
}

ArrayAttr tableAttr(Builder &builder, const std::vector<planner::TableEntry> &table) {
  SmallVector<Attribute> entries;
  for (const planner::TableEntry &entry : table)
    entries.push_back(plan::EntryAttr::get(builder.getContext(), entry.maxTokens,
                                           toDialect(entry.method), entry.chunks,
                                           entry.microBatches));
  return builder.getArrayAttr(entries);
}

/// Steps of 1, 2, 4, .. and of the most tokens, by the plan's own table.
ArrayAttr predictedAttr(Builder &builder, const planner::PlanRequest &request,
                        const planner::Plan &chosen) {
  const planner::PlanContext context{request.cluster, request.model, request.routing,
                                     request.workload, chosen.limits};
  SmallVector<Attribute> predicted;
  const int64_t most = chosen.limits.maxBatchTokens;
  for (int64_t tokens = 1; tokens < 2 * most; tokens *= 2) {
    const int64_t size = std::min(tokens, most);
    const planner::TableEntry &entry = planner::entryFor(chosen.table, size);
    const planner::CollectiveTimes times =
        planner::collectiveTimes(context, chosen.layout, entry.method, entry.chunks,
                                 planner::typicalLoad(request.workload, size));
    std::array<int64_t, planner::kTimedOps.size()> ns;
    std::transform(times.begin(), times.end(), ns.begin(),
                   [](double time) { return std::llround(time); });
    predicted.push_back(plan::TimesAttr::get(builder.getContext(), size, toDialect(entry.method),
                                             entry.chunks, ns[0], ns[1], ns[2], ns[3], ns[4], ns[5],
                                             ns[6], ns[7], ns[8], ns[9]));
  }
  return builder.getArrayAttr(predicted);
}

/// The attribute `name` of kind `Attr`, or null after an error.
template <class Attr> Attr need(ModuleOp module, StringRef name, StringRef kind) {
  auto attr = module->getAttrOfType<Attr>(name);
  if (!attr)
    emitError(module.getLoc(), "module attribute ")
        << name << " is missing or is no " << kind << ": run the plan phase first";
  return attr;
}

bool readTable(ModuleOp module, std::vector<planner::TableEntry> &table) {
  auto entries = need<ArrayAttr>(module, plan::kTableAttr, "array of #plan.entry");
  if (!entries)
    return false;
  for (Attribute attr : entries) {
    auto entry = dyn_cast<plan::EntryAttr>(attr);
    if (!entry) {
      emitError(module.getLoc(), plan::kTableAttr)
          << " must hold #plan.entry attributes, got " << attr;
      return false;
    }
    table.push_back({entry.getMaxTokens(), toPlanner(entry.getMethod()), entry.getChunks(),
                     entry.getMicroBatches()});
  }
  return true;
}

} // namespace

planner::Method toPlanner(plan::Method method) {
  switch (method) {
  case plan::Method::AllGather:
    return planner::Method::AllGather;
  case plan::Method::FlatEP:
    return planner::Method::FlatEp;
  case plan::Method::HierEP:
    return planner::Method::HierEp;
  case plan::Method::Hybrid:
    return planner::Method::Hybrid;
  case plan::Method::HybridFused:
    return planner::Method::HybridFused;
  }
  llvm_unreachable("unknown method");
}

plan::Method toDialect(planner::Method method) {
  switch (method) {
  case planner::Method::AllGather:
    return plan::Method::AllGather;
  case planner::Method::FlatEp:
    return plan::Method::FlatEP;
  case planner::Method::HierEp:
    return plan::Method::HierEP;
  case planner::Method::Hybrid:
    return plan::Method::Hybrid;
  case planner::Method::HybridFused:
    return plan::Method::HybridFused;
  }
  llvm_unreachable("unknown method");
}

void setPlanAttributes(ModuleOp module, const planner::PlanRequest &request,
                       const planner::Plan &chosen) {
  Builder builder(module.getContext());
  MLIRContext *context = module.getContext();
  const planner::Workload &work = request.workload;
  const planner::Layout &layout = chosen.layout;
  module->setAttr(plan::kMeshAttr, meshAttr(builder, request.cluster.mesh));
  module->setAttr(plan::kHardwareAttr, hardwareAttr(builder, request));
  module->setAttr(plan::kWorkloadAttr,
                  plan::WorkloadAttr::get(context, work.prompt, work.output, work.concurrency,
                                          builder.getF64FloatAttr(work.rate)));
  module->setAttr(plan::kLimitsAttr,
                  plan::LimitsAttr::get(context, chosen.limits.maxBatchTokens,
                                        chosen.limits.maxSeqs, chosen.limits.maxContext));
  module->setAttr(plan::kLayoutAttr, plan::LayoutAttr::get(context, layout.attnTp, layout.attnDp,
                                                           layout.moeTp, layout.moeEp, /*pp=*/1));
  module->setAttr(plan::kTableAttr, tableAttr(builder, chosen.table));
  module->setAttr(plan::kWireAttr,
                  plan::WireTypeAttr::get(context, request.model.wire == planner::WireType::BF16
                                                       ? plan::WireType::BF16
                                                       : plan::WireType::F32));
  module->setAttr(plan::kPredictedAttr, predictedAttr(builder, request, chosen));
  module->setAttr(plan::kCostAttr,
                  plan::CostAttr::get(context, builder.getF64FloatAttr(chosen.cost.ttftNs / 1e3),
                                      builder.getF64FloatAttr(chosen.cost.itlNs / 1e3),
                                      builder.getF64FloatAttr(chosen.cost.tokensPerSecond),
                                      planner::name(request.cluster.linkSource)));
}

std::optional<PlanFacts> readPlanAttributes(ModuleOp module) {
  auto mesh = need<plan::MeshAttr>(module, plan::kMeshAttr, "#plan.mesh");
  auto layout = need<plan::LayoutAttr>(module, plan::kLayoutAttr, "#plan.layout");
  auto workload = need<plan::WorkloadAttr>(module, plan::kWorkloadAttr, "#plan.workload");
  auto limits = need<plan::LimitsAttr>(module, plan::kLimitsAttr, "#plan.limits");
  PlanFacts facts;
  if (!mesh || !layout || !workload || !limits || !readTable(module, facts.table))
    return std::nullopt;
  if (module->hasAttr(plan::kWireAttr) &&
      !need<plan::WireTypeAttr>(module, plan::kWireAttr, "#plan.wire"))
    return std::nullopt;
  facts.wire = plan::wireOf(module) == plan::WireType::BF16 ? planner::WireType::BF16
                                                            : planner::WireType::F32;
  facts.mesh = {mesh.getAxisSize("node"), mesh.getAxisSize("device")};
  if (facts.mesh.ranks() == 0 || facts.mesh.ranks() != mesh.getNumRanks()) {
    emitError(module.getLoc(), "plan.mesh must have the axes \"node\" and \"device\", got ")
        << mesh;
    return std::nullopt;
  }
  facts.layout = {layout.getAttnTp(), layout.getAttnDp(), layout.getMoeTp(), layout.getMoeEp()};
  facts.workload = {workload.getPrompt(), workload.getOutput(), workload.getConcurrency(),
                    workload.getRate().getValueAsDouble()};
  facts.limits = {limits.getMaxBatchTokens(), limits.getMaxSeqs(), limits.getMaxContext()};
  return facts;
}

} // namespace mixserve
