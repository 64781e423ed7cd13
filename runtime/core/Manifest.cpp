//===- Manifest.cpp -------------------------------------------------------------------------===//
#include "core/Manifest.h"

#include "comm/Transport.h"
#include "core/Json.h"

#include <algorithm>
#include <cstdio>

using namespace mxs;

// Bounds that keep products of manifest numbers inside 64 bits; far above any real model.
static constexpr int64_t kMaxCount = 1 << 20, kMaxSize = int64_t(1) << 40;

std::string mxs::rankWeightsFile(int rank) {
  char name[64];
  std::snprintf(name, sizeof name, "weights/rank-%04d.safetensors", rank);
  return name;
}

const FileEntry *Manifest::file(const std::string &path) const {
  for (const FileEntry &entry : files)
    if (entry.path == path)
      return &entry;
  return nullptr;
}

int Manifest::variantIndex(const std::string &name) const {
  const auto found = std::find(variants.begin(), variants.end(), name);
  return found == variants.end() ? -1 : static_cast<int>(found - variants.begin());
}

const TableEntry &Manifest::entryFor(int64_t tokens) const {
  for (const TableEntry &entry : table)
    if (tokens <= entry.maxTokens)
      return entry;
  return table.back();
}

static Status parseModel(const JsonObject &root, Manifest &m) {
  JsonObject model;
  MXS_TRY(root.object("model", model));
  MXS_TRY(model.integer("vocab", 1, INT32_MAX, m.vocab));
  MXS_TRY(model.integer("hidden", 1, kMaxCount, m.hidden));
  MXS_TRY(model.integer("layers", 0, kMaxCount, m.layers));
  MXS_TRY(model.integer("experts", 1, kMaxCount, m.experts));
  MXS_TRY(model.integer("top_k", 1, m.experts, m.topK));
  MXS_TRY(model.integers("moe_layers", 0, kMaxCount, m.moeLayers));
  return model.has("eos") ? model.integers("eos", 0, m.vocab - 1, m.eosTokens) : okStatus();
}

static Status parseLayout(const JsonObject &root, Manifest &m) {
  JsonObject mesh, layout;
  MXS_TRY(root.object("mesh", mesh));
  MXS_TRY(mesh.integer("nodes", 1, kMaxCount, m.nodes));
  MXS_TRY(mesh.integer("devices", 1, kMaxCount / m.nodes, m.devices));
  MXS_TRY(root.object("layout", layout));
  MXS_TRY(layout.integer("attn_tp", 1, m.ranks(), m.attnTp));
  MXS_TRY(layout.integer("attn_dp", 1, m.ranks(), m.attnDp));
  MXS_TRY(layout.integer("moe_tp", 1, m.ranks(), m.moeTp));
  MXS_TRY(layout.integer("moe_ep", 1, m.ranks(), m.moeEp));
  if (int64_t(m.attnTp) * m.attnDp != m.ranks() || int64_t(m.moeTp) * m.moeEp != m.ranks())
    return badArtifact("layout: attn_tp x attn_dp and moe_tp x moe_ep must both be the " +
                       std::to_string(m.ranks()) + " ranks of the mesh");
  return okStatus();
}

/// "wire", absent in artifacts from before it: f32.
static Status parseWire(const JsonObject &root, Manifest &m) {
  if (!root.has("wire"))
    return okStatus();
  std::string name;
  MXS_TRY(root.text("wire", name));
  if (name != "f32" && name != "bf16")
    return badArtifact("wire must be \"f32\" or \"bf16\", got \"" + name + "\"");
  m.hasBf16Wire = name == "bf16";
  return okStatus();
}

static Status parseTable(const JsonObject &root, Manifest &m) {
  JsonObject limits;
  MXS_TRY(root.object("limits", limits));
  MXS_TRY(limits.integer("max_batch_tokens", 1, kMaxCount * 16, m.maxBatchTokens));
  MXS_TRY(limits.integer("max_seqs", 1, kMaxCount, m.maxSeqs));
  MXS_TRY(limits.integer("max_context", 1, kMaxCount * 16, m.maxContext));
  MXS_TRY(root.texts("variants", m.variants));
  if (m.variants.empty())
    return badArtifact("variants must not be empty");
  std::vector<JsonObject> rows;
  MXS_TRY(root.objects("table", rows));
  for (const JsonObject &row : rows) {
    TableEntry &entry = m.table.emplace_back();
    MXS_TRY(row.integer("max_tokens", 1, kMaxSize, entry.maxTokens));
    MXS_TRY(row.integer("variant", 0, int64_t(m.variants.size()) - 1, entry.variant));
    MXS_TRY(row.integer("chunks", 1, kMaxCount, entry.chunks));
    if (row.has("micro_batches")) // absent in artifacts from before it
      MXS_TRY(row.integer("micro_batches", 1, kMaxStreams, entry.microBatches));
    if (m.table.size() > 1 && m.table[m.table.size() - 2].maxTokens >= entry.maxTokens)
      return badArtifact(row.where() + ".max_tokens must ascend");
  }
  if (m.table.empty() || m.table.back().maxTokens < m.maxBatchTokens)
    return badArtifact("the last entry of table must reach limits.max_batch_tokens = " +
                       std::to_string(m.maxBatchTokens));
  return okStatus();
}

/// "type" by name, among `allowed`.
static Status parseType(const JsonObject &row, std::initializer_list<mxs_weight_type_t> allowed,
                        mxs_weight_type_t &out) {
  std::string name;
  MXS_TRY(row.text("type", name));
  for (mxs_weight_type_t type : allowed)
    if (name == mxs_weight_type_name(type)) {
      out = type;
      return okStatus();
    }
  return badArtifact(row.where() + ".type '" + name + "' is not one that its pack allows");
}

static Status parseParam(const JsonObject &row, ParamEntry &entry) {
  std::string file, pack;
  MXS_TRY(row.text("name", entry.name));
  MXS_TRY(row.text("file", file));
  if (file != "rank" && file != "shared")
    return badArtifact(row.where() + ".file must be \"rank\" or \"shared\", got \"" + file + "\"");
  entry.shared = file == "shared";
  MXS_TRY(row.text("pack", pack));
  if (pack == "plain") {
    entry.layout = WeightLayout::Plain;
    return parseType(row, {MXS_WEIGHT_F32}, entry.type);
  }
  MXS_TRY(row.integer("n", 1, INT32_MAX, entry.n));
  MXS_TRY(row.integer("k", 1, INT32_MAX, entry.k));
  if (pack == "rows") {
    entry.layout = WeightLayout::Rows;
    return parseType(row, {MXS_WEIGHT_F32, MXS_WEIGHT_BF16}, entry.type);
  }
  if (pack != "n64")
    return badArtifact(row.where() + ".pack '" + pack + "' is none that this runtime reads");
  entry.layout = WeightLayout::N64;
  entry.hasExperts = row.has("experts");
  MXS_TRY(
      parseType(row, {MXS_WEIGHT_F32, MXS_WEIGHT_BF16, MXS_WEIGHT_I8, MXS_WEIGHT_I4}, entry.type));
  if (!mxs_weight_has_scales(entry.type))
    return okStatus();
  MXS_TRY(row.integer("group", 1, INT32_MAX, entry.group));
  if (entry.group != 32 && entry.group != 128)
    return badArtifact(row.where() + ".group must be 32 or 128");
  return okStatus();
}

static Status parseBuffers(const JsonObject &root, Manifest &m) {
  MXS_TRY(root.integer("arena_bytes", 0, kMaxSize, m.arenaBytes));
  MXS_TRY(root.integer("vocab_local", 1, m.vocab, m.vocabLocal));
  if (m.vocabLocal * m.attnTp != m.vocab)
    return badArtifact("vocab_local x attn_tp must be the vocabulary of " +
                       std::to_string(m.vocab));
  std::vector<JsonObject> rows;
  MXS_TRY(root.objects("cache", rows));
  for (const JsonObject &row : rows) {
    CacheEntry &entry = m.caches.emplace_back();
    MXS_TRY(row.integer("layer", 0, kMaxCount, entry.layer));
    if (row.has("latent_dim")) {
      MXS_TRY(row.integer("latent_dim", 1, 65536, entry.latentDim));
      MXS_TRY(row.integer("rope_dim", 1, 65536, entry.ropeDim));
      MXS_TRY(row.integer("heads", 1, 65536, entry.heads));
      MXS_TRY(row.integer("nope_dim", 1, 65536, entry.nopeDim));
      MXS_TRY(row.integer("value_dim", 1, 65536, entry.valueDim));
    } else {
      MXS_TRY(row.integer("kv_heads", 1, 65536, entry.kvHeads));
      MXS_TRY(row.integer("head_dim", 1, 65536, entry.headDim));
    }
    std::string element;
    MXS_TRY(row.text("element", element));
    if (element != "f32" && element != "bf16")
      return badArtifact("cache: element '" + element + "' is neither f32 nor bf16");
    entry.isBf16 = element == "bf16";
  }
  MXS_TRY(root.objects("params", rows));
  for (const JsonObject &row : rows)
    MXS_TRY(parseParam(row, m.params.emplace_back()));
  return okStatus();
}

/// A path that names something inside the artifact: relative, no "." or ".." part.
static bool staysInside(const std::string &path) {
  if (path.empty() || path.find('\0') != std::string::npos)
    return false;
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    const std::string part = path.substr(begin, end - begin);
    if (part.empty() || part == "." || part == "..")
      return false;
    begin = end + 1;
  }
  return true;
}

static Status parseFiles(const JsonObject &root, Manifest &m) {
  std::vector<JsonObject> rows;
  MXS_TRY(root.objects("files", rows));
  for (const JsonObject &row : rows) {
    FileEntry entry;
    MXS_TRY(row.text("path", entry.path));
    if (!staysInside(entry.path))
      return badArtifact(row.where() + ".path '" + entry.path + "' leads out of the artifact");
    if (m.file(entry.path))
      return badArtifact(row.where() + ": '" + entry.path + "' is listed twice");
    MXS_TRY(row.integer("bytes", 0, INT64_MAX, entry.bytes));
    MXS_TRY(row.text("sha256", entry.sha256));
    if (row.has("blocks")) {
      MXS_TRY(row.integer("block_bytes", 1, kMaxSize, entry.blockBytes));
      MXS_TRY(row.texts("blocks", entry.blocks));
      const int64_t expected =
          entry.bytes / entry.blockBytes + (entry.bytes % entry.blockBytes > 0);
      if (int64_t(entry.blocks.size()) != expected)
        return badArtifact(row.where() + " needs " + std::to_string(expected) +
                           " block checksums, has " + std::to_string(entry.blocks.size()));
    }
    m.files.push_back(std::move(entry));
  }
  std::vector<std::string> needed = {kCodeFile, kPlanFile, kSharedWeights};
  for (int rank = 0; rank < m.ranks(); ++rank)
    needed.push_back(rankWeightsFile(rank));
  for (const std::string &path : needed) {
    const FileEntry *entry = m.file(path);
    if (!entry)
      return badArtifact("files does not list '" + path + "'");
    if (path.compare(0, 8, "weights/") == 0 && entry->blockBytes == 0)
      return badArtifact("files: '" + path + "' has no block checksums");
  }
  return okStatus();
}

Status Manifest::parse(const std::string &text, Manifest &out, int &abi) {
  Json document;
  JsonObject root, target;
  MXS_TRY(parseJson(text, document));
  if (!document.is_object())
    return badArtifact("must be an object");
  MXS_TRY(JsonObject::create(document, "", root));
  std::string schema;
  MXS_TRY(root.text("schema", schema));
  if (schema != kArtifactSchema)
    return badArtifact("schema is '" + schema + "', this runtime reads '" + kArtifactSchema +
                       "'; compile the model again");
  Manifest m;
  MXS_TRY(root.integer("abi", 0, INT32_MAX, abi));
  MXS_TRY(root.text("producer", m.producer));
  MXS_TRY(root.object("target", target));
  MXS_TRY(target.text("triple", m.triple));
  MXS_TRY(target.text("features", m.features));
  MXS_TRY(root.text("plan_hash", m.planHash));
  MXS_TRY(parseModel(root, m));
  MXS_TRY(parseLayout(root, m));
  MXS_TRY(parseWire(root, m));
  MXS_TRY(parseTable(root, m));
  MXS_TRY(parseBuffers(root, m));
  MXS_TRY(parseFiles(root, m));
  out = std::move(m);
  return okStatus();
}
