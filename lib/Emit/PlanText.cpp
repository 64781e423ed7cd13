//===- PlanText.cpp - plan.json and cluster.json ----------------------------===//
#include "ArtifactTexts.h"
#include "dialects/coll/CollDialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mixserve;
using JsonStream = llvm::json::OStream;

static double number(FloatAttr attr) { return attr.getValueAsDouble(); }

static std::string textOf(Attribute attr) {
  std::string text;
  llvm::raw_string_ostream(text) << attr;
  return text;
}

static void writeMesh(JsonStream &json, plan::MeshAttr mesh) {
  json.attributeArray("mesh", [&] {
    for (size_t i = 0; i < mesh.getNames().size(); ++i)
      json.object([&] {
        json.attribute("axis", mesh.getNames()[i].getValue());
        json.attribute("size", mesh.getSizes()[i]);
      });
  });
}

static void writeChoice(JsonStream &json, ModuleOp fused) {
  auto layout = fused->getAttrOfType<plan::LayoutAttr>(plan::kLayoutAttr);
  json.attributeObject("layout", [&] {
    json.attribute("attn_tp", layout.getAttnTp());
    json.attribute("attn_dp", layout.getAttnDp());
    json.attribute("moe_tp", layout.getMoeTp());
    json.attribute("moe_ep", layout.getMoeEp());
    json.attribute("pp", layout.getPp());
  });
  json.attribute("wire", plan::stringifyWireType(plan::wireOf(fused)));
  json.attributeArray("table", [&] {
    for (auto entry :
         fused->getAttrOfType<ArrayAttr>(plan::kTableAttr).getAsRange<plan::EntryAttr>())
      json.object([&] {
        json.attribute("max_tokens", entry.getMaxTokens());
        json.attribute("method", plan::methodOption(entry.getMethod()));
        json.attribute("chunks", entry.getChunks());
        if (entry.getMicroBatches() > 1)
          json.attribute("micro_batches", entry.getMicroBatches());
      });
  });
  auto limits = fused->getAttrOfType<plan::LimitsAttr>(plan::kLimitsAttr);
  json.attributeObject("limits", [&] {
    json.attribute("max_batch_tokens", limits.getMaxBatchTokens());
    json.attribute("max_seqs", limits.getMaxSeqs());
    json.attribute("max_context", limits.getMaxContext());
  });
  if (auto workload = fused->getAttrOfType<plan::WorkloadAttr>(plan::kWorkloadAttr))
    json.attributeObject("workload", [&] {
      json.attribute("prompt_tokens", workload.getPrompt());
      json.attribute("output_tokens", workload.getOutput());
      json.attribute("concurrency", workload.getConcurrency());
      json.attribute("requests_per_s", number(workload.getRate()));
    });
  if (auto cost = fused->getAttrOfType<plan::CostAttr>(plan::kCostAttr))
    json.attributeObject("cost", [&] {
      json.attribute("ttft_us", number(cost.getTtftUs()));
      json.attribute("itl_us", number(cost.getItlUs()));
      json.attribute("tokens_per_s", number(cost.getTokensPerS()));
      json.attribute("source", cost.getSource());
    });
}

/// {tokens, method, chunks, ns: {site or fused op: time of all its collectives in a step}}.
static void writePredicted(JsonStream &json, ModuleOp fused) {
  auto predicted = fused->getAttrOfType<ArrayAttr>(plan::kPredictedAttr);
  if (!predicted)
    return;
  json.attributeArray("predicted", [&] {
    for (auto step : predicted.getAsRange<plan::TimesAttr>())
      json.object([&] {
        json.attribute("tokens", step.getTokens());
        json.attribute("method", plan::methodOption(step.getMethod()));
        json.attribute("chunks", step.getChunks());
        json.attributeObject("ns", [&] {
          for (auto [name, ns] : step.getNamedTimes())
            if (ns > 0)
              json.attribute(name, ns);
        });
      });
  });
}

static void writeShape(JsonStream &json, ArrayRef<int64_t> shape) {
  for (int64_t size : shape)
    json.value(size);
}

void mixserve::writePacking(JsonStream &json, const ParamEntry &entry) {
  json.attribute("pack", entry.isTable ? "rows" : nn::stringifyPack(entry.packing.layout));
  json.attribute("type", nn::stringifyWeightType(entry.packing.element));
  if (entry.packing.group)
    json.attribute("group", entry.packing.group);
}

static void writeParam(JsonStream &json, const ParamEntry &entry, plan::MeshAttr mesh) {
  nn::ParamOp param = entry.param;
  json.object([&] {
    json.attribute("name", param.getSymName());
    json.attributeArray("shape", [&] { writeShape(json, param.getTensorType().getShape()); });
    plan::ShardingAttr sharding = param.getShardingAttrOrNull();
    json.attribute("sharding", sharding ? textOf(sharding) : "");
    if (auto chosenBy = param->getAttrOfType<StringAttr>(plan::kChosenByAttr))
      json.attribute("chosen_by", chosenBy.getValue());
    writePacking(json, entry);
    const ParamSlice first = sliceOf(param, mesh, 0);
    json.attributeArray("local_shape", [&] { writeShape(json, first.size); });
    bool isUneven = false;
    for (int64_t rank = 0; rank < mesh.getNumRanks(); ++rank)
      isUneven |= sliceOf(param, mesh, rank).size != first.size;
    if (isUneven)
      json.attributeArray("local_shape_by_rank", [&] {
        for (int64_t rank = 0; rank < mesh.getNumRanks(); ++rank)
          json.array([&] { writeShape(json, sliceOf(param, mesh, rank).size); });
      });
  });
}

static void writeCollective(JsonStream &json, Operation *op) {
  json.object([&] {
    auto layer = op->getAttrOfType<IntegerAttr>(nn::kLayerAttr);
    json.attribute("layer", layer ? layer.getInt() : -1);
    json.attribute("op", op->getName().stripDialect());
    if (auto site = op->getAttrOfType<coll::SiteAttr>("site"))
      json.attribute("site", coll::stringifySite(site.getValue()));
    for (StringRef name : {"over", "reduce_over", "lanes", "gather"})
      if (auto axes = op->getAttrOfType<plan::AxesAttr>(name))
        json.attribute(name, textOf(axes));
    if (auto bytes = op->getAttrOfType<plan::BytesAttr>(plan::kBytesAttr))
      json.attributeObject("bytes", [&] {
        json.attribute("tokens", bytes.getTokens());
        json.attribute("intra", bytes.getIntra());
        json.attribute("inter", bytes.getInter());
      });
  });
}

std::string mixserve::planText(ModuleOp fused, ArrayRef<ParamEntry> params,
                               ArrayRef<Variant> variants) {
  auto mesh = fused->getAttrOfType<plan::MeshAttr>(plan::kMeshAttr);
  std::string text;
  llvm::raw_string_ostream stream(text);
  JsonStream json(stream, /*IndentSize=*/1);
  json.object([&] {
    json.attribute("schema", "mixserve.plan/v1");
    writeMesh(json, mesh);
    writeChoice(json, fused);
    writePredicted(json, fused);
    json.attributeArray("params", [&] {
      for (const ParamEntry &entry : params)
        writeParam(json, entry, mesh);
    });
    json.attributeArray("variants", [&] {
      for (const Variant &variant : variants)
        json.object([&] {
          json.attribute("method", plan::methodOption(variant.method));
          json.attributeArray("collectives", [&] {
            fused.lookupSymbol(variant.function)->walk([&](Operation *op) {
              if (isa_and_present<coll::CollDialect>(op->getDialect()) && !isa<coll::YieldOp>(op))
                writeCollective(json, op);
            });
          });
        });
    });
  });
  return text + "\n";
}

std::string mixserve::clusterText(ModuleOp fused) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  JsonStream json(stream, /*IndentSize=*/1);
  auto mesh = fused->getAttrOfType<plan::MeshAttr>(plan::kMeshAttr);
  auto hardware = fused->getAttrOfType<plan::HardwareAttr>(plan::kHardwareAttr);
  json.object([&] {
    json.attribute("schema", "mixserve.cluster/v1");
    if (!hardware)
      return writeMesh(json, mesh);
    // Of the file's path only the name: an artifact is the same wherever it was made.
    json.attribute("source", llvm::sys::path::filename(hardware.getSource()));
    json.attributeArray("levels", [&] {
      for (plan::LevelAttr level : hardware.getLevels())
        json.object([&] {
          json.attribute("name", level.getName());
          json.attribute("count", level.getCount());
          json.attribute("bw_gb_s", number(level.getBwGbS()));
          json.attribute("latency_ns", number(level.getLatencyNs()));
          json.attribute("per", level.getPerNode() ? "node" : "device");
        });
    });
    json.attributeObject("device", [&] {
      json.attribute("memory_bytes", hardware.getMemory());
      json.attribute("memory_bw_gb_s", number(hardware.getMemoryBwGbS()));
      json.attribute("flops", number(hardware.getFlops()));
    });
  });
  return text + "\n";
}
