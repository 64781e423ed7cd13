//===- Contents.cpp - What an artifact says of itself -----------------------===//
#include "tools/mixserve-inspect/Contents.h"
#include "core/MappedFile.h"
#include "dialects/coll/CollDialect.h"
#include "dialects/nn/WeightPacking.h"
#include "mixserve/Pipeline/Compile.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdio>
#include <filesystem>

using namespace mixserve;
using namespace mixserve::tools;
using nlohmann::json;

template <typename T> static std::string textOf(T value) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  stream << value;
  return text;
}

static bool readJson(const std::string &path, json &value, std::string &error) {
  std::string text;
  constexpr size_t most = size_t(1) << 30; // as much as the runtime reads
  if (const mxs::Status status = mxs::readFile(path, most, text); !status.ok()) {
    error = status.message() + "; is this the folder that mixserve-compile wrote?";
    return false;
  }
  value = json::parse(text, nullptr, false);
  if (!value.is_object()) {
    error = "'" + path +
            "' is no JSON object: it is damaged; copy the artifact anew or compile the model again";
    return false;
  }
  return true;
}

/// Everything that is read of a manifest below is there, and of the right kind, when the runtime
/// would take it.
static bool isWellFormed(const std::string &folder, const json &manifest, mxs::Manifest &checked,
                         std::string &error) {
  int abi = 0;
  const mxs::Status status = mxs::Manifest::parse(manifest.dump(), checked, abi);
  if (!status.ok())
    error = "'" + folder + "/manifest.json': " + status.message() +
            "; copy the artifact anew or compile the model again";
  return status.ok();
}

/// The collectives of one step function, fused or not.
static void collect(mlir::func::FuncOp function, std::vector<CollectiveFact> &collectives) {
  auto method = function->getAttrOfType<plan::MethodAttr>(plan::kMethodAttr);
  if (!method)
    return;
  function.walk([&](mlir::Operation *op) {
    if (op->getName().getDialectNamespace() != "coll" || mlir::isa<coll::YieldOp>(op))
      return;
    CollectiveFact fact;
    fact.method = plan::methodOption(method.getValue());
    auto layer = op->getAttrOfType<mlir::IntegerAttr>(nn::kLayerAttr);
    fact.layer = layer ? layer.getInt() : -1;
    fact.op = op->getName().getStringRef().str();
    if (auto site = op->getAttrOfType<coll::SiteAttr>("site"))
      fact.site = coll::stringifySite(site.getValue()).str();
    if (auto bytes = op->getAttrOfType<plan::BytesAttr>(plan::kBytesAttr)) {
      fact.intra = bytes.getIntra();
      fact.inter = bytes.getInter();
      fact.tokens = bytes.getTokens();
    }
    collectives.push_back(fact);
  });
}

bool mixserve::tools::readContents(const std::string &folder, Contents &contents,
                                   std::string &error) {
  if (!std::filesystem::is_directory(folder)) {
    error = "'" + folder + "' is no folder; give the one that mixserve-compile -o wrote";
    return false;
  }
  if (!readJson(folder + "/manifest.json", contents.manifest, error) ||
      !isWellFormed(folder, contents.manifest, contents.checked, error) ||
      !readJson(folder + "/plan.json", contents.plan, error))
    return false;
  mlir::DialectRegistry registry;
  registerPipelineDialects(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  mlir::ScopedDiagnosticHandler quiet(&context, [&](mlir::Diagnostic &diagnostic) {
    if (error.empty())
      error = "'" + folder + "/ir.mlir': " + diagnostic.str() +
              "; copy the artifact anew or compile the model again";
  });
  auto module = mlir::parseSourceFile<mlir::ModuleOp>(folder + "/ir.mlir", &context);
  if (!module)
    return false;
  for (mlir::NamedAttribute attribute : module.get()->getDiscardableAttrs())
    if (attribute.getName().getValue().starts_with("plan."))
      contents.planAttributes[attribute.getName().str()] = textOf(attribute.getValue());
  for (auto param : module->getOps<nn::ParamOp>()) {
    auto chosenBy = param->getAttrOfType<mlir::StringAttr>(plan::kChosenByAttr);
    const std::optional<nn::Packing> packing = nn::packingOf(param);
    contents.params.push_back({param.getSymName().str(), textOf(param.getTensorType()),
                               param.getShardingAttr() ? textOf(param.getShardingAttr()) : "",
                               chosenBy ? chosenBy.str() : "", packing ? packing->str() : ""});
  }
  for (auto function : module->getOps<mlir::func::FuncOp>())
    collect(function, contents.collectives);
  return true;
}

int64_t mixserve::tools::weightBytes(const Contents &contents, int64_t rank) {
  char own[64];
  std::snprintf(own, sizeof own, "weights/rank-%04lld.safetensors", static_cast<long long>(rank));
  int64_t bytes = 0;
  for (const json &file : contents.manifest.value("files", json::array())) {
    const std::string path = file.value("path", "");
    if (path == own || path == "weights/shared.safetensors")
      bytes += file.value("bytes", int64_t(0));
  }
  return bytes;
}

/// Bytes of the KV cache of one rank: per layer keys and values, or latent rows.
static int64_t cacheBytes(const Contents &contents) {
  const json limits = contents.manifest.value("limits", json::object());
  int64_t perPosition = 0;
  for (const json &cache : contents.manifest.value("cache", json::array()))
    perPosition += (cache.value("element", "") == "bf16" ? 2 : 4) *
                   (2 * cache.value("kv_heads", int64_t(0)) * cache.value("head_dim", int64_t(0)) +
                    cache.value("latent_dim", int64_t(0)) + cache.value("rope_dim", int64_t(0)));
  return perPosition * limits.value("max_seqs", int64_t(0)) *
         limits.value("max_context", int64_t(0));
}

static double mebibytes(int64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

void mixserve::tools::printContents(const std::string &folder, const Contents &contents) {
  const json &manifest = contents.manifest;
  auto line = [](const char *name, const std::string &value) {
    std::printf("%-12s %s\n", name, value.c_str());
  };
  line("artifact", folder);
  line("producer", manifest.value("producer", "?"));
  line("target", manifest.value("target", json::object()).dump());
  line("model", manifest.value("model", json::object()).dump());
  line("mesh", manifest.value("mesh", json::object()).dump());
  line("layout", manifest.value("layout", json::object()).dump());
  line("wire", manifest.value("wire", "f32") + " rows between nodes");
  line("limits", manifest.value("limits", json::object()).dump());
  line("weights", manifest.value("weight_types", json::array()).dump());
  for (const char *name : {"plan.workload", "plan.cost"})
    if (auto found = contents.planAttributes.find(name); found != contents.planAttributes.end())
      line(name + 5, found->second);
  std::printf("\nmethod by tokens per step\n");
  for (const json &entry : manifest.value("table", json::array()))
    std::printf("  up to %6lld: %s, %lld chunk(s)%s\n",
                static_cast<long long>(entry.value("max_tokens", int64_t(0))),
                manifest.at("variants").at(entry.value("variant", 0)).get<std::string>().c_str(),
                static_cast<long long>(entry.value("chunks", int64_t(1))),
                entry.value("micro_batches", 1) > 1 ? ", prompts in halves" : "");
  std::printf("\nmemory of rank 0: %.2f MiB weights, %.2f MiB activations, %.2f MiB cache\n",
              mebibytes(weightBytes(contents, 0)),
              mebibytes(manifest.value("arena_bytes", int64_t(0))),
              mebibytes(cacheBytes(contents)));
  std::printf("\n%-28s %-24s %-12s %-40s %s\n", "parameter", "type", "stored as", "sharding",
              "chosen by");
  for (const ParamFact &param : contents.params)
    std::printf("%-28s %-24s %-12s %-40s %s\n", param.name.c_str(), param.type.c_str(),
                param.pack.c_str(), param.sharding.c_str(), param.chosenBy.c_str());
  std::printf("\n%-14s %-6s %-22s %-12s %14s %14s\n", "method", "layer", "collective", "site",
              "intra bytes", "inter bytes");
  for (const CollectiveFact &fact : contents.collectives)
    std::printf("%-14s %-6s %-22s %-12s %14s %14s\n", fact.method.c_str(),
                fact.layer < 0 ? "-" : std::to_string(fact.layer).c_str(), fact.op.c_str(),
                fact.site.c_str(), fact.intra < 0 ? "-" : std::to_string(fact.intra).c_str(),
                fact.inter < 0 ? "-" : std::to_string(fact.inter).c_str());
}

json mixserve::tools::contentsAsJson(const Contents &contents) {
  json params = json::array(), collectives = json::array();
  for (const ParamFact &param : contents.params)
    params.push_back({{"name", param.name},
                      {"type", param.type},
                      {"stored_as", param.pack},
                      {"sharding", param.sharding},
                      {"chosen_by", param.chosenBy}});
  for (const CollectiveFact &fact : contents.collectives)
    collectives.push_back({{"method", fact.method},
                           {"layer", fact.layer},
                           {"op", fact.op},
                           {"site", fact.site},
                           {"intra", fact.intra},
                           {"inter", fact.inter},
                           {"tokens", fact.tokens}});
  return {{"manifest", contents.manifest},
          {"plan", contents.plan},
          {"params", params},
          {"collectives", collectives},
          {"plan_attributes", contents.planAttributes}};
}
