//===- ManifestText.cpp - manifest.json -------------------------------------===//
#include "ArtifactTexts.h"
#include "runtime/include/mixserve_rt.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mixserve;
using JsonStream = llvm::json::OStream;

LogicalResult mixserve::checkPlan(ModuleOp fused) {
  auto mesh = fused->getAttrOfType<plan::MeshAttr>(plan::kMeshAttr);
  auto layout = fused->getAttrOfType<plan::LayoutAttr>(plan::kLayoutAttr);
  auto limits = fused->getAttrOfType<plan::LimitsAttr>(plan::kLimitsAttr);
  auto table = fused->getAttrOfType<ArrayAttr>(plan::kTableAttr);
  if (!mesh || !layout || !limits || !table)
    return fused.emitError("an artifact needs '") << (!mesh     ? plan::kMeshAttr
                                                      : !layout ? plan::kLayoutAttr
                                                      : !limits ? plan::kLimitsAttr
                                                                : plan::kTableAttr)
                                                  << "'; run the phase plan first";
  if (mesh.getAxisSize("node") * mesh.getAxisSize("device") != mesh.getNumRanks())
    return fused.emitError("an artifact's mesh has the axes node and device, got ") << mesh;
  if (layout.getPp() != 1)
    return fused.emitError("pipeline parallelism is not compiled yet, the plan asks for pp = ") << layout.getPp();
  if (layout.getAttnTp() * layout.getAttnDp() != mesh.getNumRanks())
    return fused.emitError("the layout is for ") << layout.getAttnTp() * layout.getAttnDp() << " ranks, the mesh has "
                                                 << mesh.getNumRanks();
  int64_t reached = 0;
  for (Attribute attr : table) {
    auto entry = dyn_cast<plan::EntryAttr>(attr);
    if (!entry || entry.getMaxTokens() <= reached)
      return fused.emitError("'") << plan::kTableAttr << "' must have entries of ascending max_tokens, got " << attr;
    reached = entry.getMaxTokens();
  }
  if (reached < limits.getMaxBatchTokens())
    return fused.emitError("'") << plan::kTableAttr << "' ends at " << reached << " tokens, below max_batch_tokens = "
                                << limits.getMaxBatchTokens();
  return success();
}

static void writeModel(JsonStream &json, const ModelFacts &facts) {
  json.attributeObject("model", [&] {
    json.attribute("vocab", facts.vocab);
    json.attribute("hidden", facts.hidden);
    json.attribute("layers", facts.layers);
    json.attribute("experts", facts.experts);
    json.attribute("top_k", facts.topK);
    json.attributeArray("moe_layers", [&] {
      for (int64_t layer : facts.moeLayers)
        json.value(layer);
    });
    if (!facts.eos.empty())
      json.attributeArray("eos", [&] {
        for (int64_t id : facts.eos)
          json.value(id);
      });
    json.attribute("heads", facts.heads);
    json.attribute("kv_heads", facts.kvHeads);
    json.attribute("head_dim", facts.headDim);
  });
}

static void writeLayout(JsonStream &json, ModuleOp fused) {
  auto mesh = fused->getAttrOfType<plan::MeshAttr>(plan::kMeshAttr);
  auto layout = fused->getAttrOfType<plan::LayoutAttr>(plan::kLayoutAttr);
  json.attributeObject("mesh", [&] {
    json.attribute("nodes", mesh.getAxisSize("node"));
    json.attribute("devices", mesh.getAxisSize("device"));
  });
  json.attributeObject("layout", [&] {
    json.attribute("attn_tp", layout.getAttnTp());
    json.attribute("attn_dp", layout.getAttnDp());
    json.attribute("moe_tp", layout.getMoeTp());
    json.attribute("moe_ep", layout.getMoeEp());
    json.attribute("pp", layout.getPp());
  });
}

static void writeTable(JsonStream &json, ModuleOp fused, ArrayRef<Variant> variants) {
  json.attributeArray("variants", [&] {
    for (const Variant &variant : variants)
      json.value(plan::methodOption(variant.method));
  });
  json.attributeArray("table", [&] {
    for (auto entry : fused->getAttrOfType<ArrayAttr>(plan::kTableAttr).getAsRange<plan::EntryAttr>()) {
      const Variant *variant =
          llvm::find_if(variants, [&](const Variant &v) { return v.method == entry.getMethod(); });
      json.object([&] {
        json.attribute("max_tokens", entry.getMaxTokens());
        json.attribute("variant", static_cast<int64_t>(variant - variants.begin()));
        json.attribute("chunks", entry.getChunks());
        if (entry.getMicroBatches() > 1)
          json.attribute("micro_batches", entry.getMicroBatches());
      });
    }
  });
  auto limits = fused->getAttrOfType<plan::LimitsAttr>(plan::kLimitsAttr);
  json.attributeObject("limits", [&] {
    json.attribute("max_batch_tokens", limits.getMaxBatchTokens());
    json.attribute("max_seqs", limits.getMaxSeqs());
    json.attribute("max_context", limits.getMaxContext());
  });
}

/// Element types that occur, in the order of their numbers.
static void writeWeightTypes(JsonStream &json, ArrayRef<ParamEntry> params) {
  json.attributeArray("weight_types", [&] {
    for (int type = 0; type < nn::kWeightTypes; ++type)
      if (llvm::any_of(params, [&](const ParamEntry &entry) {
            return static_cast<int>(entry.packing.element) == type;
          }))
        json.value(nn::stringifyWeightType(static_cast<nn::WeightType>(type)));
  });
}

static void writeBuffers(JsonStream &json, const ManifestInput &input) {
  json.attribute("arena_bytes", input.arenaBytes);
  json.attributeArray("cache", [&] {
    for (const CacheFacts &cache : input.facts.caches)
      json.object([&] {
        json.attribute("layer", cache.layer);
        if (cache.latentDim > 0) {
          json.attribute("latent_dim", cache.latentDim);
          json.attribute("rope_dim", cache.ropeDim);
          json.attribute("heads", cache.heads);
          json.attribute("nope_dim", cache.nopeDim);
          json.attribute("value_dim", cache.valueDim);
        } else {
          json.attribute("kv_heads", cache.kvHeads);
          json.attribute("head_dim", cache.headDim);
        }
        json.attribute("element", cache.element);
      });
  });
  json.attribute("vocab_local", input.facts.vocabLocal);
  auto mesh = input.fused->getAttrOfType<plan::MeshAttr>(plan::kMeshAttr);
  writeWeightTypes(json, input.params);
  json.attributeArray("params", [&] {
    for (const ParamEntry &entry : input.params)
      json.object([&] {
        nn::ParamOp param = entry.param;
        json.attribute("name", param.getSymName());
        json.attribute("file", entry.isShared ? "shared" : "rank");
        writePacking(json, entry);
        if (entry.packing.layout == nn::Pack::Plain && !entry.isTable)
          return;
        // Only the number of experts may differ between ranks.
        const ParamSlice slice = sliceOf(param, mesh, 0);
        const size_t rank = slice.size.size();
        json.attribute("n", slice.size[rank - 2]);
        json.attribute("k", slice.size[rank - 1]);
        if (rank == 3)
          json.attribute("experts", param.getTensorType().getDimSize(0));
      });
  });
}

static void writeFiles(JsonStream &json, ArrayRef<FileRecord> files) {
  json.attributeArray("files", [&] {
    for (const FileRecord &file : files)
      json.object([&] {
        json.attribute("path", file.path);
        json.attribute("bytes", file.bytes);
        json.attribute("sha256", file.sha256);
        if (file.blocks.empty())
          return;
        json.attribute("block_bytes", kBlockBytes);
        json.attributeArray("blocks", [&] {
          for (const std::string &block : file.blocks)
            json.value(block);
        });
      });
  });
}

std::string mixserve::manifestText(const ManifestInput &input) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  JsonStream json(stream, /*IndentSize=*/1);
  json.object([&] {
    json.attribute("schema", "mixserve.artifact/v1");
    json.attribute("abi", MXS_ABI_VERSION);
    json.attribute("producer", "mixserve " MIXSERVE_VERSION);
    json.attributeObject("target", [&] {
      json.attribute("triple", input.target.triple);
      json.attribute("features", input.target.cpu);
    });
    writeModel(json, input.facts);
    writeLayout(json, input.fused);
    json.attribute("wire", plan::stringifyWireType(plan::wireOf(input.fused)));
    writeTable(json, input.fused, input.variants);
    writeBuffers(json, input);
    json.attribute("plan_hash", input.planHash);
    writeFiles(json, input.files);
  });
  return text + "\n";
}
