//===- Qwen3Moe.cpp - a Qwen3-MoE decoder of any size ---------------------===//
#include "test/Generate/Qwen3Moe.h"
#include "test/Generate/Random.h"

#include <cmath>

namespace mixserve::generate {
namespace {

const Dim kBatch = "batch", kSequence = "sequence_len", kTotal = "past_seq_len + seq_len";

class Decoder {
public:
  explicit Decoder(const Qwen3Moe &size) : size(size), graph("qwen3moe/model") {}

  OnnxGraph build();

private:
  struct Rotary {
    std::string cos, sin;
  };

  /// Elements uniform in centre +- spread.
  std::function<float(uint64_t)> random(double centre, double spread);
  std::string norm(const std::string &scope, const std::string &x, const Shape &shape,
                   int64_t width);
  /// x @ W with W [rows, columns], spread so that results keep the size of x.
  std::string linear(const std::string &scope, const std::string &x, int64_t rows, int64_t columns);
  std::string rotaryTable(const char *name, double (*function)(double));
  std::string mask();
  std::string attention(const std::string &scope, const std::string &x, int64_t layer);
  std::string headNorm(const std::string &scope, const char *name, const std::string &x,
                       int64_t heads);
  std::string expert(const std::string &scope, const std::string &x);
  std::string experts(const std::string &scope, const std::string &x);
  std::string hiddenOp(const char *op, const std::string &scope,
                       const std::vector<std::string> &operands, int64_t width,
                       const std::vector<Attribute> &attributes = {}) {
    return graph.apply(op, scope, operands, Float, rows(width), attributes);
  }
  Shape rows(int64_t width) const { return {kBatch, kSequence, width}; }

  Qwen3Moe size;
  OnnxGraph graph;
  uint64_t streams = 0;
  std::string one, two, last, splitHeads, joinHeads, chosen;
  std::vector<std::string> expertIds;
  std::string additiveMask;
  Rotary rotary;
};

std::function<float(uint64_t)> Decoder::random(double centre, double spread) {
  uint64_t stream = mix(size.seed ^ mix(streams++));
  return [=](uint64_t i) {
    double unit = double(mix(stream + i) >> 11) * 0x1p-53;
    return float(centre + spread * (2 * unit - 1));
  };
}

std::string Decoder::norm(const std::string &scope, const std::string &x, const Shape &shape,
                          int64_t width) {
  std::string weight = graph.weight({scope + ".weight", {width}, random(1, 0.3), false});
  return graph.apply("RMSNormalization", scope, {x, weight}, Float, shape,
                     {with("epsilon", 1e-6f), with("axis", int64_t(-1))});
}

std::string Decoder::linear(const std::string &scope, const std::string &x, int64_t rowCount,
                            int64_t columns) {
  std::string weight = graph.weight({scope + ".weight_t",
                                     {rowCount, columns},
                                     random(0, std::sqrt(3.0 / double(rowCount))),
                                     true});
  return hiddenOp("MatMul", scope, {x, weight}, columns);
}

/// Row p, column i: f(p * theta^(-2i/D)), in float as exporters compute it.
std::string Decoder::rotaryTable(const char *name, double (*function)(double)) {
  int64_t half = size.headDim / 2;
  double theta = size.ropeTheta, dim = double(size.headDim);
  return graph.weight({std::string("model.rotary_emb.") + name + "_cache",
                       {size.positions, half},
                       [=](uint64_t i) {
                         float inverse =
                             float(1 / std::pow(theta, 2 * double(i % uint64_t(half)) / dim));
                         return float(function(double(float(i / uint64_t(half)) * inverse)));
                       },
                       false});
}

/// 0 where a query may look, the least float where it may not: padding and the future.
std::string Decoder::mask() {
  const std::string m = "model";
  const Dim d0 = "_d0", d1 = "_d1", unit = int64_t(1);
  std::string axis = graph.integers("const_1_i64", {1}, true);
  std::string sum = graph.apply("CumSum", m, {"attention_mask", axis}, Int64, {kBatch, kTotal});
  std::string keys = graph.apply("Unsqueeze", m, {sum, one}, Int64, {kBatch, unit, kTotal});
  std::vector<Attribute> second = {with("end", int64_t(2)), with("start", int64_t(1))};
  std::string length = graph.apply("Shape", m, {"input_ids"}, Int64, {unit}, second);
  std::string total = graph.apply("Shape", m, {"attention_mask"}, Int64, {unit}, second);
  std::string past = graph.apply("Sub", m, {total, length}, Int64, {unit});
  std::string own = graph.apply("Slice", m, {sum, past, total, one}, Int64, {d0, d1});
  std::string queries = graph.apply("Unsqueeze", m, {own, two}, Int64, {d0, d1, unit});
  std::string causal = graph.apply("GreaterOrEqual", m, {queries, keys}, Bool, {d0, d1, kTotal});
  std::string wide =
      graph.apply("Unsqueeze", m, {"attention_mask", one}, Int64, {kBatch, unit, kTotal});
  std::string real =
      graph.apply("Cast", m, {wide}, Bool, {kBatch, unit, kTotal}, {with("to", int64_t(Bool))});
  std::string both = graph.apply("And", m, {real, causal}, Bool, {kBatch, d1, kTotal});
  std::string zero = graph.scalar("const_0.0_f32", 0);
  std::string least = graph.scalar("const_-3.4028234663852886e+38_f32", -3.4028234663852886e+38f);
  std::string bias = graph.apply("Where", m, {both, zero, least}, Float, {kBatch, d1, kTotal});
  return graph.apply("Unsqueeze", m, {bias, one}, Float, {kBatch, unit, d1, kTotal});
}

/// Each head normalised alone, then rotated.
std::string Decoder::headNorm(const std::string &scope, const char *name, const std::string &x,
                              int64_t heads) {
  Shape split = {kBatch, kSequence, heads, size.headDim};
  std::string parts = graph.apply("Reshape", scope, {x, splitHeads}, Float, split);
  std::string normed = norm(scope + "." + name, parts, split, size.headDim);
  std::string joined = hiddenOp("Reshape", scope, {normed, joinHeads}, heads * size.headDim);
  return hiddenOp("RotaryEmbedding", scope, {joined, rotary.cos, rotary.sin}, heads * size.headDim,
                  {with("num_heads", heads), with("rotary_embedding_dim", int64_t(0)),
                   with("interleaved", int64_t(0))});
}

std::string Decoder::attention(const std::string &scope, const std::string &x, int64_t layer) {
  int64_t width = size.heads * size.headDim, kvWidth = size.kvHeads * size.headDim;
  std::string q = linear(scope + ".q_proj", x, size.hidden, width);
  std::string k = linear(scope + ".k_proj", x, size.hidden, kvWidth);
  std::string v = linear(scope + ".v_proj", x, size.hidden, kvWidth);
  q = headNorm(scope, "q_norm", q, size.heads);
  k = headNorm(scope, "k_norm", k, size.kvHeads);
  std::string number = std::to_string(layer), result = graph.number(scope, "Attention");
  graph.declare(result, Float, rows(width));
  graph.node(
      "Attention", "node_" + result,
      {q, k, v, additiveMask, "past_key_values." + number + ".key",
       "past_key_values." + number + ".value"},
      {result, "present." + number + ".key", "present." + number + ".value"},
      {with("softcap", 0.0f), with("kv_num_heads", size.kvHeads), with("q_num_heads", size.heads),
       with("scale", float(1 / std::sqrt(double(size.headDim)))), with("is_causal", int64_t(1))});
  return linear(scope + ".o_proj", result, width, size.hidden);
}

/// SwiGLU (Shazeer 2020): down(silu(gate(x)) * up(x)).
std::string Decoder::expert(const std::string &scope, const std::string &x) {
  std::string gate = linear(scope + ".gate_proj", x, size.hidden, size.ffn);
  std::string sigmoid = hiddenOp("Sigmoid", scope, {gate}, size.ffn);
  std::string silu = hiddenOp("Mul", scope, {gate, sigmoid}, size.ffn);
  std::string up = linear(scope + ".up_proj", x, size.hidden, size.ffn);
  std::string product = hiddenOp("Mul", scope, {silu, up}, size.ffn);
  return linear(scope + ".down_proj", product, size.ffn, size.hidden);
}

/// Softmax over all experts, the K best renormalised; every expert sees every token and its result
/// counts with the token's weight for it, which is zero for most.
std::string Decoder::experts(const std::string &scope, const std::string &x) {
  const std::string gate = scope + ".gate";
  std::string logits = linear(gate, x, size.hidden, size.experts);
  std::string scores =
      hiddenOp("Softmax", gate, {logits}, size.experts, {with("axis", int64_t(-1))});
  if (chosen.empty())
    chosen = graph.apply("Constant", gate, {}, Int64, {int64_t(1)},
                         {with("value_ints", std::vector<int64_t>{size.topK})});
  std::string top = graph.number(gate, "TopK"), values = top + "_0", ids = top + "_1";
  graph.node("TopK", "node_" + top, {scores, chosen}, {values, ids}, {with("axis", int64_t(-1))});
  graph.declare(values, Float, rows(size.topK));
  graph.declare(ids, Int64, rows(size.topK));
  std::vector<Attribute> keep = {with("keepdims", int64_t(1))};
  std::string total = hiddenOp("ReduceSum", gate, {values, last}, 1, keep);
  std::string weights = hiddenOp("Div", gate, {values, total}, size.topK);

  std::string sum;
  for (int64_t e = 0; e < size.experts; ++e) {
    std::string result = expert(scope + ".experts." + std::to_string(e), x);
    if (int64_t(expertIds.size()) == e)
      expertIds.push_back(graph.apply("Constant", scope, {}, Int64, {}, {with("value_int", e)}));
    std::string same =
        graph.apply("Equal", scope, {ids, expertIds[size_t(e)]}, Bool, rows(size.topK));
    std::string hit = hiddenOp("Cast", scope, {same}, size.topK, {with("to", int64_t(Float))});
    std::string own = hiddenOp("Mul", scope, {weights, hit}, size.topK);
    std::string weight = hiddenOp("ReduceSum", scope, {own, last}, 1, keep);
    std::string part = hiddenOp("Mul", scope, {result, weight}, size.hidden);
    sum = e ? hiddenOp("Add", scope, {sum, part}, size.hidden) : part;
  }
  return sum;
}

OnnxGraph Decoder::build() {
  graph.input("input_ids", Int64, {kBatch, kSequence});
  graph.input("attention_mask", Int64, {kBatch, kTotal});
  graph.input("position_ids", Int64, {kBatch, kSequence});
  graph.output("logits", Float, rows(size.vocab));
  for (int64_t l = 0; l < size.layers; ++l)
    for (const char *part : {".key", ".value"}) {
      std::string end = std::to_string(l) + part;
      graph.input("past_key_values." + end, Float,
                  {kBatch, size.kvHeads, "past_sequence_len", size.headDim});
      graph.output("present." + end, Float,
                   {kBatch, size.kvHeads, "past_sequence_len + sequence_len", size.headDim});
    }

  one = graph.integers("const_1d_1", {1});
  two = graph.integers("const_1d_2", {2});
  splitHeads = graph.integers("const_1d_5", {0, 0, -1, size.headDim});
  joinHeads = graph.integers("const_1d_6", {0, 0, -1});
  last = graph.integers("const_1d_7", {-1});

  std::string table =
      graph.weight({"model.embed_tokens.weight", {size.vocab, size.hidden}, random(0, 1.7), true});
  std::string cosTable = rotaryTable("cos", std::cos), sinTable = rotaryTable("sin", std::sin);
  std::string x = hiddenOp("Gather", "model.embed_tokens", {table, "input_ids"}, size.hidden);
  rotary.cos = hiddenOp("Gather", "model.rotary_emb", {cosTable, "position_ids"}, size.headDim / 2);
  rotary.sin = hiddenOp("Gather", "model.rotary_emb", {sinTable, "position_ids"}, size.headDim / 2);
  additiveMask = mask();

  for (int64_t l = 0; l < size.layers; ++l) {
    std::string scope = "model.layers." + std::to_string(l);
    std::string h = norm(scope + ".input_layernorm", x, rows(size.hidden), size.hidden);
    x = hiddenOp("Add", scope, {x, attention(scope + ".self_attn", h, l)}, size.hidden);
    h = norm(scope + ".post_attention_layernorm", x, rows(size.hidden), size.hidden);
    x = hiddenOp("Add", scope, {x, experts(scope + ".mlp", h)}, size.hidden);
  }
  x = norm("model.norm", x, rows(size.hidden), size.hidden);
  std::string head = graph.weight({"lm_head.weight_t",
                                   {size.hidden, size.vocab},
                                   random(0, std::sqrt(3.0 / double(size.hidden))),
                                   true});
  graph.node("MatMul", "node_logits", {x, head}, {"logits"});
  return std::move(graph);
}

} // namespace

std::string Qwen3Moe::problem() const {
  if (layers < 1 || experts < 1 || topK < 1 || hidden < 1 || ffn < 1 || heads < 1 || kvHeads < 1 ||
      headDim < 1 || vocab < 1 || positions < 1)
    return "every size must be at least 1";
  if (topK > experts)
    return "--top-k is larger than --experts";
  if (heads % kvHeads)
    return "--heads is no multiple of --kv-heads";
  if (headDim % 2)
    return "--head-dim is odd, and rotary embedding turns pairs";
  return "";
}

OnnxGraph qwen3Moe(const Qwen3Moe &size) { return Decoder(size).build(); }

} // namespace mixserve::generate
