//===- HandMadeArtifact.cpp -----------------------------------------------------------------===//
#include "HandMadeArtifact.h"
#include "HandMadeShape.h"

#include "core/Checksum.h"
#include "core/Manifest.h"
#include "core/Safetensors.h"
#include "mixserve_weights.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <random>
#include <unistd.h>

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr int kHeadColumns = HM_HEADS * HM_HEAD_DIM, kKvColumns = HM_KV_HEADS * HM_HEAD_DIM;

std::vector<float> randomMatrix(std::mt19937 &engine, int64_t rows, int64_t columns) {
  std::uniform_real_distribution<float> uniform(-0.5f, 0.5f);
  std::vector<float> values(static_cast<size_t>(rows * columns));
  for (float &value : values)
    value = uniform(engine);
  return values;
}

/// Rows [begin, end) of w [*, k].
std::vector<float> rowsOf(const std::vector<float> &w, int64_t begin, int64_t end, int64_t k) {
  return {w.begin() + begin * k, w.begin() + end * k};
}

std::vector<float> columnsOf(const std::vector<float> &w, int64_t begin, int64_t end, int64_t k) {
  std::vector<float> part;
  for (size_t row = 0; row * size_t(k) < w.size(); ++row)
    part.insert(part.end(), w.begin() + int64_t(row) * k + begin,
                w.begin() + int64_t(row) * k + end);
  return part;
}

/// Packed n64: [ceil(N/64)][K][64], zero beyond N.
std::vector<float> packed(const std::vector<float> &w, int64_t k) {
  constexpr int64_t columns = MXS_WEIGHT_COLUMNS;
  const int64_t n = int64_t(w.size()) / k;
  std::vector<float> result(static_cast<size_t>((n + columns - 1) / columns * columns * k));
  for (int64_t row = 0; row < n; ++row)
    for (int64_t i = 0; i < k; ++i)
      result[size_t((row / columns * k + i) * columns + row % columns)] = w[size_t(row * k + i)];
  return result;
}

/// The matrices [*, k] of experts [first, end), each packed, one after another.
std::vector<float> packedExperts(const std::vector<std::vector<float>> &matrices, int64_t first,
                                 int64_t end, int64_t k) {
  std::vector<float> all;
  for (int64_t e = first; e < end; ++e) {
    const std::vector<float> one = packed(matrices[size_t(e)], k);
    all.insert(all.end(), one.begin(), one.end());
  }
  return all;
}

void addTensor(mxs::SafetensorsWriter &file, const std::string &name,
               const std::vector<float> &values) {
  file.add(name, {int64_t(values.size())}, values);
}

void writeText(const fs::path &path, const std::string &text) {
  std::ofstream(path, std::ios::binary) << text;
}

std::string readText(const fs::path &path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string rankWeights(const handmade::Mesh &mesh, int rank) {
  const handmade::Weights &w = handmade::weights();
  const int64_t tp = mesh.attnTp, a = rank % tp, ranks = mesh.ranks();
  auto share = [&](int64_t n) { return std::pair(a * n / tp, (a + 1) * n / tp); };
  const auto [v0, v1] = share(HM_VOCAB);
  const auto [h0, h1] = share(kHeadColumns);
  const auto [k0, k1] = share(kKvColumns);
  mxs::SafetensorsWriter file;
  addTensor(file, "embed", rowsOf(w.embed, v0, v1, HM_HIDDEN));
  addTensor(file, "q", packed(rowsOf(w.q, h0, h1, HM_HIDDEN), HM_HIDDEN));
  addTensor(file, "k", packed(rowsOf(w.k, k0, k1, HM_HIDDEN), HM_HIDDEN));
  addTensor(file, "v", packed(rowsOf(w.v, k0, k1, HM_HIDDEN), HM_HIDDEN));
  addTensor(file, "o", packed(columnsOf(w.o, h0, h1, kHeadColumns), h1 - h0));
  addTensor(file, "head", packed(rowsOf(w.head, v0, v1, HM_HIDDEN), HM_HIDDEN));
  const int64_t e0 = rank * HM_EXPERTS / ranks, e1 = (rank + 1) * HM_EXPERTS / ranks;
  addTensor(file, "gate", packedExperts(w.gate, e0, e1, HM_HIDDEN));
  addTensor(file, "up", packedExperts(w.up, e0, e1, HM_HIDDEN));
  addTensor(file, "down", packedExperts(w.down, e0, e1, HM_FFN));
  return file.bytes();
}

/// A rank's part [n, k] of a parameter, in float32.
json param(const std::string &name, int64_t n, int64_t k, int64_t experts = 0) {
  json entry = {{"name", name},
                {"file", name == "router" ? "shared" : "rank"},
                {"pack", name == "embed" ? "rows" : "n64"},
                {"type", "f32"},
                {"n", n},
                {"k", k}};
  if (experts > 0)
    entry["experts"] = experts;
  return entry;
}

json fileEntry(const fs::path &folder, const std::string &path) {
  const std::string bytes = readText(folder / path);
  json entry = {{"path", path},
                {"bytes", bytes.size()},
                {"sha256", mxs::sha256Hex(bytes.data(), bytes.size())}};
  if (path.compare(0, 8, "weights/") != 0)
    return entry;
  constexpr size_t block = 1024;
  entry["block_bytes"] = block;
  entry["blocks"] = json::array();
  for (size_t at = 0; at < bytes.size(); at += block)
    entry["blocks"].push_back(mxs::xxh3Hex(bytes.data() + at, std::min(block, bytes.size() - at)));
  return entry;
}

void writeManifest(const fs::path &folder, const json &manifest) {
  const std::string text = manifest.dump(1) + "\n";
  writeText(folder / "manifest.json", text);
  writeText(folder / "manifest.sha256",
            mxs::sha256Hex(text.data(), text.size()) + "  manifest.json\n");
}

} // namespace

const handmade::Weights &handmade::weights() {
  static const Weights all = [] {
    std::mt19937 engine(7);
    Weights w;
    w.embed = randomMatrix(engine, HM_VOCAB, HM_HIDDEN);
    w.q = randomMatrix(engine, kHeadColumns, HM_HIDDEN);
    w.k = randomMatrix(engine, kKvColumns, HM_HIDDEN);
    w.v = randomMatrix(engine, kKvColumns, HM_HIDDEN);
    w.o = randomMatrix(engine, HM_HIDDEN, kHeadColumns);
    w.router = randomMatrix(engine, HM_EXPERTS, HM_HIDDEN);
    w.head = randomMatrix(engine, HM_VOCAB, HM_HIDDEN);
    for (int e = 0; e < HM_EXPERTS; ++e) {
      w.gate.push_back(randomMatrix(engine, HM_FFN, HM_HIDDEN));
      w.up.push_back(randomMatrix(engine, HM_FFN, HM_HIDDEN));
      w.down.push_back(randomMatrix(engine, HM_HIDDEN, HM_FFN));
    }
    return w;
  }();
  return all;
}

namespace {
/// A folder for everything that a test program writes, removed when it ends.
struct TestFolder {
  fs::path path = fs::temp_directory_path() / ("mixserve-test-" + std::to_string(getpid()));
  TestFolder() {
    fs::remove_all(path);
    fs::create_directories(path);
  }
  ~TestFolder() { fs::remove_all(path); }
};
} // namespace

std::string handmade::freshFolder() {
  static const TestFolder all;
  static int counter = 0;
  return (all.path / std::to_string(counter++)).string();
}

void handmade::writeArtifact(const std::string &path, const Mesh &mesh, const Edit &edit) {
  const fs::path folder = path;
  fs::create_directories(folder / "code");
  fs::create_directories(folder / "weights");
  const char *code = mesh.ranks() == 1   ? HM_CODE_SINGLE
                     : mesh.ranks() == 4 ? HM_CODE_FOUR
                                         : HM_CODE_EIGHT;
  fs::copy_file(code, folder / "code/model.so");
  writeText(folder / "plan.json", "{}\n");
  mxs::SafetensorsWriter shared;
  addTensor(shared, "router", packed(weights().router, HM_HIDDEN));
  writeText(folder / mxs::kSharedWeights, shared.bytes());
  std::vector<std::string> files = {mxs::kCodeFile, mxs::kPlanFile, mxs::kSharedWeights};
  for (int rank = 0; rank < mesh.ranks(); ++rank) {
    files.push_back(mxs::rankWeightsFile(rank));
    writeText(folder / files.back(), rankWeights(mesh, rank));
  }
  json m;
  m["schema"] = "mixserve.artifact/v1";
  m["abi"] = MXS_ABI_VERSION;
  m["producer"] = "test";
#if defined(__x86_64__)
  m["target"] = {{"triple", "x86_64-unknown-linux-gnu"}, {"features", "x86-64"}};
#else
  m["target"] = {{"triple", "aarch64-unknown-linux-gnu"}, {"features", "generic"}};
#endif
  m["model"] = {{"vocab", HM_VOCAB},     {"hidden", HM_HIDDEN},     {"layers", 1},
                {"experts", HM_EXPERTS}, {"top_k", HM_TOP_K},       {"moe_layers", {0}},
                {"heads", HM_HEADS},     {"kv_heads", HM_KV_HEADS}, {"head_dim", HM_HEAD_DIM}};
  m["mesh"] = {{"nodes", mesh.nodes}, {"devices", mesh.devices}};
  m["layout"] = {{"attn_tp", mesh.attnTp},
                 {"attn_dp", mesh.ranks() / mesh.attnTp},
                 {"moe_tp", 1},
                 {"moe_ep", mesh.ranks()},
                 {"pp", 1}};
  m["variants"] = {"allgather"};
  m["table"] = {{{"max_tokens", HM_MAX_TOKENS}, {"variant", 0}, {"chunks", 1}}};
  m["limits"] = {{"max_batch_tokens", HM_MAX_TOKENS},
                 {"max_seqs", HM_MAX_SEQS},
                 {"max_context", HM_MAX_CONTEXT}};
  m["arena_bytes"] = 4 * HM_MAX_TOKENS * (6 * HM_HIDDEN + 4 * kHeadColumns + HM_VOCAB + 256);
  m["cache"] = {{{"layer", 0}, {"kv_heads", HM_KV_HEADS / mesh.attnTp}, {"head_dim", HM_HEAD_DIM}, {"element", "f32"}}};
  const int tp = mesh.attnTp;
  m["params"] = {param("embed", HM_VOCAB / tp, HM_HIDDEN), param("q", kHeadColumns / tp, HM_HIDDEN),
                 param("k", kKvColumns / tp, HM_HIDDEN),   param("v", kKvColumns / tp, HM_HIDDEN),
                 param("o", HM_HIDDEN, kHeadColumns / tp), param("router", HM_EXPERTS, HM_HIDDEN),
                 param("gate", HM_FFN, HM_HIDDEN, HM_EXPERTS), param("up", HM_FFN, HM_HIDDEN, HM_EXPERTS),
                 param("down", HM_HIDDEN, HM_FFN, HM_EXPERTS), param("head", HM_VOCAB / tp, HM_HIDDEN)};
  m["vocab_local"] = HM_VOCAB / mesh.attnTp;
  for (const std::string &file : files)
    m["files"].push_back(fileEntry(folder, file));
  m["plan_hash"] = m["files"][1]["sha256"];
  if (edit)
    edit(m);
  writeManifest(folder, m);
}

void handmade::editManifest(const std::string &folder, const Edit &edit) {
  json manifest = json::parse(readText(fs::path(folder) / "manifest.json"));
  edit(manifest);
  writeManifest(folder, manifest);
}

//===----------------------------------------------------------------------===//
// Reference
//===----------------------------------------------------------------------===//

using Row = std::vector<double>;

static Row multiply(const std::vector<float> &w, const Row &x) {
  Row y(w.size() / x.size(), 0.0);
  for (size_t n = 0; n < y.size(); ++n)
    for (size_t k = 0; k < x.size(); ++k)
      y[n] += w[n * x.size() + k] * x[k];
  return y;
}

static Row softmax(Row x) {
  const double largest = *std::max_element(x.begin(), x.end());
  double sum = 0;
  for (double &value : x)
    sum += value = std::exp(value - largest);
  for (double &value : x)
    value /= sum;
  return x;
}

static Row attend(const Row &q, const std::vector<Row> &keys, const std::vector<Row> &values) {
  Row out(kHeadColumns, 0.0);
  for (size_t head = 0; head < HM_HEADS; ++head) {
    const size_t kv = head / (HM_HEADS / HM_KV_HEADS) * HM_HEAD_DIM, at = head * HM_HEAD_DIM;
    Row scores(keys.size(), 0.0);
    for (size_t i = 0; i < keys.size(); ++i)
      for (size_t d = 0; d < HM_HEAD_DIM; ++d)
        scores[i] += HM_SCALE * q[at + d] * keys[i][kv + d];
    scores = softmax(scores);
    for (size_t i = 0; i < keys.size(); ++i)
      for (size_t d = 0; d < HM_HEAD_DIM; ++d)
        out[at + d] += scores[i] * values[i][kv + d];
  }
  return out;
}

static Row moe(const Row &x) {
  const handmade::Weights &w = handmade::weights();
  const Row scores = softmax(multiply(w.router, x));
  std::vector<size_t> order(HM_EXPERTS);
  for (size_t e = 0; e < order.size(); ++e)
    order[e] = e;
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return scores[a] > scores[b] || (scores[a] == scores[b] && a < b);
  });
  double sum = 0;
  Row out(x.size(), 0.0);
  for (size_t k = 0; k < HM_TOP_K; ++k)
    sum += scores[order[k]];
  for (size_t k = 0; k < HM_TOP_K; ++k) {
    Row inner = multiply(w.gate[order[k]], x);
    const Row up = multiply(w.up[order[k]], x);
    for (size_t f = 0; f < inner.size(); ++f)
      inner[f] = inner[f] / (1 + std::exp(-inner[f])) * up[f];
    const Row y = multiply(w.down[order[k]], inner);
    for (size_t h = 0; h < y.size(); ++h)
      out[h] += scores[order[k]] / sum * y[h];
  }
  return out;
}

std::vector<double> handmade::referenceLogits(const std::vector<int32_t> &tokens) {
  const Weights &w = weights();
  std::vector<Row> keys, values;
  std::vector<double> logits;
  for (int32_t token : tokens) {
    Row x(w.embed.begin() + token * HM_HIDDEN, w.embed.begin() + (token + 1) * HM_HIDDEN);
    keys.push_back(multiply(w.k, x));
    values.push_back(multiply(w.v, x));
    const Row o = multiply(w.o, attend(multiply(w.q, x), keys, values));
    for (size_t h = 0; h < x.size(); ++h)
      x[h] += o[h];
    const Row y = moe(x);
    for (size_t h = 0; h < x.size(); ++h)
      x[h] += y[h];
    const Row row = multiply(w.head, x);
    logits.insert(logits.end(), row.begin(), row.end());
  }
  return logits;
}
