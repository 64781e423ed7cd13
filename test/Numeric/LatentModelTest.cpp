//===- LatentModelTest.cpp - A hand-written model with latent attention ----===//
//
// Raised IR, as an import of DeepSeek would make it (queries through a compressed row with a norm of
// its own, rotated parts apart), is compiled and run on one rank and with heads and experts split;
// logits are compared with the formula that makes every head's keys and values, in double precision.
// The experts give zero: they have their own tests.
//
//===----------------------------------------------------------------------===//
#include "test/Numeric/Serving.h"
#include "gtest/gtest.h"
#include <cmath>
#include <fstream>
#include <map>
#include <random>
#include <sstream>

using namespace mixserve;
using namespace mixserve::test;

namespace latent_model {
namespace {

constexpr int64_t kVocab = 96, kHidden = 64, kLayers = 2, kHeads = 4, kNope = 24, kRope = 16, kLatent = 32,
                  kValue = 20, kQueryRank = 48, kExperts = 4, kFfn = 32;
constexpr double kScale = 0.2, kEps = 1e-6;

double frequency(int64_t pair) { return std::pow(10.0, -double(pair) / 4); }

/// Weights in one file, their nn.param and values.
class Weights {
public:
  /// `size`: largest magnitude; 0 is all zero.
  void add(const std::string &name, const std::vector<int64_t> &shape, float size) {
    int64_t count = 1;
    std::string dims, places, sizes, strides;
    for (int64_t dim : shape)
      count *= dim;
    int64_t stride = count;
    for (int64_t dim : shape) {
      stride /= dim;
      dims += std::to_string(dim) + "x";
      places += (places.empty() ? "" : ", ") + std::string("0");
      sizes += (sizes.empty() ? "" : ", ") + std::to_string(dim);
      strides += (strides.empty() ? "" : ", ") + std::to_string(stride);
    }
    params << "nn.param @" << name << " : tensor<" << dims << "f32> from [#nn.box<\"w.data\", offset = "
           << data.size() * sizeof(float) << ", type = f32, at = [" << places << "], shape = [" << sizes
           << "], strides = [" << strides << "]>]\n";
    std::vector<float> &values = all[name];
    std::uniform_real_distribution<float> uniform(-size, size);
    for (int64_t i = 0; i < count; ++i)
      values.push_back(size == 0 ? 0 : uniform(engine));
    data.insert(data.end(), values.begin(), values.end());
  }
  const std::vector<float> &operator[](const std::string &name) const { return all.at(name); }
  std::string text() const { return params.str(); }
  void write(const std::string &path) const {
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char *>(data.data()), std::streamsize(data.size() * sizeof(float)));
  }

private:
  std::mt19937 engine{3};
  std::map<std::string, std::vector<float>> all;
  std::vector<float> data;
  std::ostringstream params;
};

Weights makeWeights() {
  Weights w;
  w.add("embed", {kVocab, kHidden}, 1.0f);
  for (int64_t layer = 0; layer < kLayers; ++layer) {
    const std::string l = "l" + std::to_string(layer) + ".";
    w.add(l + "norm", {kHidden}, 1.0f);
    w.add(l + "q_a", {kQueryRank, kHidden}, 0.3f);
    w.add(l + "q_a_norm", {kQueryRank}, 1.0f);
    w.add(l + "q_nope", {kHeads * kNope, kQueryRank}, 0.3f);
    w.add(l + "q_rope", {kHeads * kRope, kQueryRank}, 0.3f);
    w.add(l + "kv_a", {kLatent, kHidden}, 0.3f);
    w.add(l + "kv_a_norm", {kLatent}, 1.0f);
    w.add(l + "k_rope", {kRope, kHidden}, 0.3f);
    w.add(l + "uk", {kHeads * kLatent, kNope}, 0.3f);
    w.add(l + "uv", {kHeads * kValue, kLatent}, 0.3f);
    w.add(l + "o", {kHidden, kHeads * kValue}, 0.3f);
    w.add(l + "router", {kExperts, kHidden}, 1.0f);
    w.add(l + "gate", {kExperts, kFfn, kHidden}, 0.3f);
    w.add(l + "up", {kExperts, kFfn, kHidden}, 0.3f);
    w.add(l + "down", {kExperts, kHidden, kFfn}, 0.0f);
  }
  w.add("head", {kVocab, kHidden}, 0.3f);
  return w;
}

//===----------------------------------------------------------------------===//
// IR
//===----------------------------------------------------------------------===//

std::string rows(int64_t width) { return "tensor<?x" + std::to_string(width) + "xf32>"; }
std::string matrix(int64_t n, int64_t k) {
  return "tensor<" + std::to_string(n) + "x" + std::to_string(k) + "xf32>";
}

/// Writes ops of one layer; values are named after what they hold.
struct LayerText {
  std::ostringstream &out;
  const std::string l, attr;
  LayerText(std::ostringstream &out, int64_t layer)
      : out(out), l("l" + std::to_string(layer)), attr("nn.layer = " + std::to_string(layer) + " : i64") {}

  std::string param(const std::string &name, const std::string &type) {
    out << "%" << l << "_" << name << " = nn.param_ref @" << l << "." << name << " {" << attr << "} : " << type << "\n";
    return "%" + l + "_" + name;
  }
  std::string linear(const std::string &to, const std::string &x, int64_t n, int64_t k) {
    const std::string weight = param(to, matrix(n, k)), y = "%" + l + "_" + to + "_y";
    out << y << " = nn.linear " << x << ", " << weight << " {" << attr << "} : " << rows(k) << ", " << matrix(n, k)
        << " -> " << rows(n) << "\n";
    return y;
  }
  std::string norm(const std::string &name, const std::string &x, int64_t width) {
    const std::string type = "tensor<" + std::to_string(width) + "xf32>", weight = param(name, type);
    out << weight << "_y = nn.rms_norm " << x << ", " << weight << " eps 1.0e-6 {" << attr << "} : " << rows(width)
        << ", " << type << "\n";
    return weight + "_y";
  }
  std::string rope(const std::string &x, int64_t width) {
    out << x << "_r = nn.rope " << x << ", %b {head_dim = " << kRope << " : i64, inv_freq = array<f64: ";
    for (int64_t i = 0; i < kRope / 2; ++i)
      out << (i ? ", " : "") << std::scientific << frequency(i);
    out << ">, scale = 1.0 : f64, " << attr << "} : " << rows(width) << "\n";
    return x + "_r";
  }
};

std::string writeLayer(std::ostringstream &out, int64_t layer, const std::string &x) {
  LayerText t(out, layer);
  out.precision(17);
  const std::string h = t.norm("norm", x, kHidden);
  const std::string qa = t.norm("q_a_norm", t.linear("q_a", h, kQueryRank, kHidden), kQueryRank);
  const std::string qn = t.linear("q_nope", qa, kHeads * kNope, kQueryRank);
  const std::string qr = t.rope(t.linear("q_rope", qa, kHeads * kRope, kQueryRank), kHeads * kRope);
  const std::string c = t.norm("kv_a_norm", t.linear("kv_a", h, kLatent, kHidden), kLatent);
  const std::string r = t.rope(t.linear("k_rope", h, kRope, kHidden), kRope);
  const std::string ukType = matrix(kHeads * kLatent, kNope), uvType = matrix(kHeads * kValue, kLatent);
  const std::string uk = t.param("uk", ukType), uv = t.param("uv", uvType);
  out << "%" << t.l << "_a = nn.latent_attention " << qn << ", " << qr << ", " << c << ", " << r << ", " << uk << ", "
      << uv << ", %b {cache = " << layer << " : i64, heads = " << kHeads << " : i64, scale = " << kScale << " : f64, "
      << t.attr << "} : (" << rows(kHeads * kNope) << ", " << rows(kHeads * kRope) << ", " << rows(kLatent) << ", "
      << rows(kRope) << ", " << ukType << ", " << uvType << ") -> " << rows(kHeads * kValue) << "\n";
  const std::string o = t.linear("o", "%" + t.l + "_a", kHidden, kHeads * kValue);
  const std::string x1 = "%" + t.l + "_x1", x2 = "%" + t.l + "_x2";
  out << x1 << " = arith.addf " << x << ", " << o << " {" << t.attr << "} : " << rows(kHidden) << "\n";
  const std::string scores = t.linear("router", x1, kExperts, kHidden);
  out << "%" << t.l << "_w, %" << t.l << "_ids = moe.route " << scores
      << " router <score = softmax, normalize = true, scale = 1.0 : f64> top_k 2 {" << t.attr
      << "} : " << rows(kExperts) << " -> tensor<?x2xf32>, tensor<?x2xi32>\n";
  const std::string in = "tensor<4x32x64xf32>", back = "tensor<4x64x32xf32>";
  const std::string gate = t.param("gate", in), up = t.param("up", in), down = t.param("down", back);
  out << "%" << t.l << "_y = moe.experts " << x1 << ", %" << t.l << "_w, %" << t.l << "_ids experts(" << gate << ", "
      << up << ", " << down << ") swiglu {" << t.attr << "} : " << rows(kHidden)
      << ", tensor<?x2xf32>, tensor<?x2xi32> experts(" << in << ", " << in << ", " << back << ") -> " << rows(kHidden)
      << "\n";
  out << x2 << " = arith.addf " << x1 << ", %" << t.l << "_y {" << t.attr << "} : " << rows(kHidden) << "\n";
  return x2;
}

void writeModel(const std::string &folder, const Weights &weights) {
  std::ostringstream out;
  out << "module attributes {nn.source_folder = \"" << folder << "\"} {\n" << weights.text();
  out << "func.func @step(%b: !nn.batch) -> " << rows(kVocab) << " {\n%ids = nn.tokens %b : tensor<?xi32>\n";
  out << "%embed = nn.param_ref @embed : " << matrix(kVocab, kHidden) << "\n";
  out << "%x = nn.embedding %ids, %embed : tensor<?xi32>, " << matrix(kVocab, kHidden) << " -> " << rows(kHidden)
      << "\n";
  std::string x = "%x";
  for (int64_t layer = 0; layer < kLayers; ++layer)
    x = writeLayer(out, layer, x);
  out << "%s = nn.select_rows " << x << ", %b : " << rows(kHidden) << " -> " << rows(kHidden) << "\n";
  out << "%head = nn.param_ref @head : " << matrix(kVocab, kHidden) << "\n";
  out << "%logits = nn.linear %s, %head : " << rows(kHidden) << ", " << matrix(kVocab, kHidden) << " -> "
      << rows(kVocab) << "\nreturn %logits : " << rows(kVocab) << "\n}\n}\n";
  std::ofstream(folder + "/model.mlir") << out.str();
  weights.write(folder + "/w.data");
}

//===----------------------------------------------------------------------===//
// What it should give
//===----------------------------------------------------------------------===//

using Row = std::vector<double>;

Row times(const std::vector<float> &w, const Row &x, size_t first, size_t n) {
  Row y(n, 0.0);
  for (size_t i = 0; i < n; ++i)
    for (size_t k = 0; k < x.size(); ++k)
      y[i] += double(w[(first + i) * x.size() + k]) * x[k];
  return y;
}

Row normed(const std::vector<float> &w, const Row &x) {
  double sum = 0;
  for (double value : x)
    sum += value * value;
  Row y;
  for (size_t i = 0; i < x.size(); ++i)
    y.push_back(x[i] / std::sqrt(sum / double(x.size()) + kEps) * double(w[i]));
  return y;
}

Row rotated(Row x, int64_t position) {
  for (size_t head = 0; head < x.size(); head += kRope)
    for (int64_t i = 0; i < kRope / 2; ++i) {
      double &a = x[head + size_t(i)], &b = x[head + size_t(i + kRope / 2)];
      const double angle = double(position) * frequency(i), low = a, high = b;
      a = low * std::cos(angle) - high * std::sin(angle);
      b = high * std::cos(angle) + low * std::sin(angle);
    }
  return x;
}

/// The layer's rows x, changed by attention; keys and values of every head are made.
void attend(const Weights &w, const std::string &l, std::vector<Row> &x) {
  std::vector<Row> queriesNope, queriesRope, latent, rope;
  for (size_t t = 0; t < x.size(); ++t) {
    const Row h = normed(w[l + "norm"], x[t]);
    const Row qa = normed(w[l + "q_a_norm"], times(w[l + "q_a"], h, 0, kQueryRank));
    queriesNope.push_back(times(w[l + "q_nope"], qa, 0, kHeads * kNope));
    queriesRope.push_back(rotated(times(w[l + "q_rope"], qa, 0, kHeads * kRope), int64_t(t)));
    latent.push_back(normed(w[l + "kv_a_norm"], times(w[l + "kv_a"], h, 0, kLatent)));
    rope.push_back(rotated(times(w[l + "k_rope"], h, 0, kRope), int64_t(t)));
  }
  for (size_t t = 0; t < x.size(); ++t) {
    Row out;
    for (size_t head = 0; head < kHeads; ++head) {
      Row sum(kValue, 0.0);
      double total = 0;
      for (size_t p = 0; p <= t; ++p) {
        double score = 0;
        for (size_t d = 0; d < kNope; ++d) {
          double key = 0;
          for (size_t i = 0; i < kLatent; ++i)
            key += double(w[l + "uk"][(head * kLatent + i) * kNope + d]) * latent[p][i];
          score += key * queriesNope[t][head * kNope + d];
        }
        for (size_t d = 0; d < kRope; ++d)
          score += queriesRope[t][head * kRope + d] * rope[p][d];
        const double weight = std::exp(kScale * score);
        const Row value = times(w[l + "uv"], latent[p], head * kValue, kValue);
        total += weight;
        for (size_t v = 0; v < kValue; ++v)
          sum[v] += weight * value[v];
      }
      for (double value : sum)
        out.push_back(value / total);
    }
    const Row o = times(w[l + "o"], out, 0, kHidden);
    for (size_t i = 0; i < kHidden; ++i)
      x[t][i] += o[i];
  }
}

std::vector<Row> expectedLogits(const Weights &w, const std::vector<int32_t> &tokens) {
  std::vector<Row> x, logits;
  for (int32_t token : tokens)
    x.emplace_back(w["embed"].begin() + token * kHidden, w["embed"].begin() + (token + 1) * kHidden);
  for (int64_t layer = 0; layer < kLayers; ++layer)
    attend(w, "l" + std::to_string(layer) + ".", x);
  for (const Row &row : x)
    logits.push_back(times(w["head"], row, 0, kVocab));
  return logits;
}

/// Weights of the model, which `folder`/artifact is compiled from.
Weights compileLatent(const TemporaryFolder &folder, int devices, const std::string &layout, const std::string &cache) {
  Weights weights = makeWeights();
  writeModel(folder / "", weights);
  writeCluster(folder / "cluster.yaml", 1, devices);
  CompileOptions options;
  options.model = folder / "model.mlir";
  options.cluster = folder / "cluster.yaml";
  options.output = folder / "artifact";
  options.workload = "prompt=12,output=16,concurrency=2";
  options.layout = layout;
  options.kvCache = cache;
  options.maxBatchTokens = 128, options.maxSeqs = 4, options.maxContext = 128;
  EXPECT_EQ(compileOrExplain(options), "");
  return weights;
}

const char *const kTwoRanks = "attn_tp=2,attn_dp=1,moe_tp=1,moe_ep=2";

void check(int devices, const std::string &layout, const std::string &cache, double tolerance) {
  TemporaryFolder folder;
  const Weights weights = compileLatent(folder, devices, layout, cache);
  ServedModel served(folder / "artifact", "", 1);
  ASSERT_TRUE(served.isOpen());
  std::vector<std::vector<int32_t>> sequences(2);
  for (int32_t i = 0; i < 20; ++i)
    sequences[size_t(i % 2)].push_back(i * 31 % kVocab);
  // Without a known prompt all rows are absorbed, else those of the prompts are expanded.
  for (const std::vector<int32_t> &prompts : {std::vector<int32_t>{}, std::vector<int32_t>{5, 7}}) {
    // A prompt beside a decoding sequence, then both decode.
    const auto logits =
        served.force(sequences, {{{0, 4}}, {{0, 1}, {1, 7}}, {{0, 1}, {1, 1}}, {{0, 3}, {1, 1}}, {{0, 1}, {1, 1}}},
                     prompts);
    for (size_t s = 0; s < sequences.size(); ++s) {
      ASSERT_EQ(logits[s].size(), 10u * kVocab);
      const std::vector<Row> expected = expectedLogits(weights, sequences[s]);
      for (size_t i = 0; i < logits[s].size(); ++i)
        ASSERT_NEAR(logits[s][i], expected[i / kVocab][i % kVocab], tolerance) << "sequence " << s << ", logit " << i;
    }
  }
  EXPECT_NE(served.stats().find("latent_attention"), std::string::npos);
}

TEST(LatentModel, OneRank) { check(1, "", "f32", 1e-4); }
TEST(LatentModel, HeadsSplitOverTwoRanks) { check(2, kTwoRanks, "f32", 1e-4); }
TEST(LatentModel, ACacheInBFloat16IsNear) { check(1, "", "bf16", 5e-2); }

// Rows of a prompt are expanded and those behind it absorbed, however the prompt is cut and whatever
// shares the steps (BatchInvarianceTest.cpp has the same for keys and values).
TEST(LatentModel, BitsOfASequenceAreItsOwn) {
  TemporaryFolder folder;
  compileLatent(folder, 2, kTwoRanks, "f32");
  ServedModel served(folder / "artifact", "", 1);
  ASSERT_TRUE(served.isOpen());
  std::vector<std::vector<int32_t>> tokens(3);
  for (int32_t i = 0; i < 300; ++i)
    tokens[size_t(i % 3)].push_back(i * 47 % kVocab);
  const std::vector<int32_t> prompts = {90, 60, 99};
  const auto bits = [&](const std::vector<ServedModel::ForcedStep> &schedule, const std::vector<int32_t> &known) {
    return served.force(tokens, schedule, known)[0];
  };
  const auto alone = bits({{{0, 90}}, {{0, 1}}, {{0, 1}}, {{0, 1}}, {{0, 1}}}, prompts);
  const auto chunked = bits({{{0, 7}}, {{0, 1}}, {{0, 70}}, {{0, 13}}, {{0, 3}}}, prompts);
  const auto together = bits({{{1, 50}, {2, 30}},
                              {{0, 40}, {1, 10}, {2, 20}},
                              {{0, 1}, {1, 1}, {2, 49}},
                              {{0, 49}, {1, 1}},
                              {{0, 1}, {1, 1}, {2, 1}},
                              {{0, 3}, {1, 2}}},
                             prompts);
  ASSERT_EQ(alone.size(), size_t(94 * kVocab));
  EXPECT_EQ(firstDifference(chunked, alone), alone.size());
  EXPECT_EQ(firstDifference(together, alone), alone.size());
  // In halves, the last token of each step.
  ServedModel halves(folder / "artifact", "", 1, "", /*microBatches=*/2);
  ASSERT_TRUE(halves.isOpen());
  const auto cut = halves.force(
      tokens, {{{1, 50}, {2, 30}}, {{0, 60}, {1, 10}, {2, 20}}, {{0, 30}, {2, 3}}, {{0, 4}}},
      prompts)[0];
  for (const auto &[row, position] : {std::pair{0, 59}, {1, 89}, {2, 93}}) {
    const auto got = cut.begin() + row * kVocab;
    const auto whole = alone.begin() + position * kVocab;
    EXPECT_EQ(firstDifference({got, got + kVocab}, {whole, whole + kVocab}), size_t(kVocab))
        << position;
  }
  const auto absorbed = bits({{{0, 90}}, {{0, 4}}}, {});
  EXPECT_LT(firstDifference(absorbed, alone), alone.size()) << "no prompt was expanded";
}

} // namespace
} // namespace latent_model
