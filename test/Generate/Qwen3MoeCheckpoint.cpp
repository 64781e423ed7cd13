//===- Qwen3MoeCheckpoint.cpp - random weights for a config.json ----------===//
#include "test/Generate/Qwen3MoeCheckpoint.h"
#include "test/Generate/Random.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <stdexcept>

using Json = nlohmann::ordered_json;

namespace mixserve::generate {

namespace {

/// Of a column of the code, in the embedding.
constexpr double kCode = 4;
/// Router logit of a token's experts about halfway through the layers, and deviation of all.
constexpr double kLead = 8, kSway = 0.5;

/// Letters: V vocabulary, H hidden, N heads, G heads of keys, D head size, E experts, K per token,
/// F width of an expert.
struct Sizes {
  int64_t vocab, hidden, layers, heads, kvHeads, headDim, experts, topK, ffn;
  bool tied;
};

const Json *find(const Json &config, const char *key) {
  auto found = config.find(key);
  return found == config.end() || found->is_null() ? nullptr : &*found;
}

int64_t size(const Json &config, const char *key, const char *other = nullptr) {
  constexpr int64_t kMost = 1 << 24;
  const Json *value = find(config, key);
  if (!value && other)
    value = find(config, other);
  const bool isWhole = value && value->is_number_integer();
  const bool isHuge =
      isWhole && value->is_number_unsigned() && value->get<uint64_t>() > uint64_t(kMost);
  if (!isWhole || isHuge || value->get<int64_t>() < 1 || value->get<int64_t>() > kMost)
    throw std::invalid_argument(std::string("config.json: '") + key + "' is " +
                                (value ? value->dump() : "missing") +
                                ", expected a whole number from 1 to " + std::to_string(kMost));
  return value->get<int64_t>();
}

Sizes sizesOf(const Json &config) {
  const Json *type = config.is_object() ? find(config, "model_type") : nullptr;
  if (!type || *type != "qwen3_moe")
    throw std::invalid_argument("config.json: 'model_type' is " +
                                (type ? type->dump() : "missing") + ", expected \"qwen3_moe\"");
  const Json *tied = find(config, "tie_word_embeddings");
  Sizes sizes{size(config, "vocab_size"),
              size(config, "hidden_size"),
              size(config, "num_hidden_layers"),
              size(config, "num_attention_heads"),
              size(config, "num_key_value_heads"),
              0,
              size(config, "num_experts", "num_local_experts"),
              size(config, "num_experts_per_tok"),
              size(config, "moe_intermediate_size"),
              tied && *tied == true};
  sizes.headDim = find(config, "head_dim") ? size(config, "head_dim") : sizes.hidden / sizes.heads;
  if (sizes.topK > sizes.experts)
    throw std::invalid_argument("config.json: 'num_experts_per_tok' is more than 'num_experts'");
  if (sizes.hidden < 2 * sizes.experts)
    throw std::invalid_argument("config.json: 'hidden_size' must be at least twice 'num_experts', "
                                "half of it for the code that makes routing clear-cut");
  return sizes;
}

/// A tensor whose element i is element(i).
template <class Element>
CheckpointTensor makeTensor(std::string name, const std::string &dtype, std::vector<int64_t> shape,
                            Element element) {
  CheckpointTensor tensor{std::move(name), dtype, std::move(shape), {}};
  if (dtype == "F32")
    tensor.fill = [element](uint64_t first, uint64_t count, char *out) {
      for (uint64_t i = 0; i < count; ++i) {
        const float value = element(first + i);
        std::memcpy(out + i * sizeof value, &value, sizeof value);
      }
    };
  else
    tensor.fill = [element](uint64_t first, uint64_t count, char *out) {
      for (uint64_t i = 0; i < count; ++i) {
        const float value = element(first + i);
        uint32_t bits;
        std::memcpy(&bits, &value, sizeof bits);
        // Round to nearest, ties to even.
        const auto half = static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
        std::memcpy(out + i * sizeof half, &half, sizeof half);
      }
    };
  return tensor;
}

/// K of E experts, picked at random for each token (Floyd's algorithm).
class TokenExperts {
public:
  TokenExperts(uint64_t key, int64_t experts, int64_t topK)
      : key(key), experts(uint64_t(experts)), topK(uint64_t(topK)) {}

  bool has(uint64_t token, uint64_t expert) const {
    // Elements come row by row: one token's experts are asked for E times in a row.
    thread_local uint64_t cachedKey, cachedToken;
    thread_local std::vector<uint64_t> chosen;
    if (chosen.empty() || cachedToken != token || cachedKey != key) {
      chosen.clear();
      for (uint64_t j = experts - topK; j < experts; ++j) {
        const uint64_t r = mix(key + token * experts + j) % (j + 1);
        chosen.push_back(std::find(chosen.begin(), chosen.end(), r) == chosen.end() ? r : j);
      }
      cachedKey = key, cachedToken = token;
    }
    return std::find(chosen.begin(), chosen.end(), expert) != chosen.end();
  }

private:
  uint64_t key, experts, topK;
};

class Builder {
public:
  Builder(const Sizes &sizes, const CheckpointOptions &options)
      : sizes(sizes), options(options), codeColumns(uint64_t(sizes.experts)) {}

  std::vector<CheckpointTensor> run();

private:
  uint64_t key(const std::string &name) const { return streamKey(options.seed, name); }
  NormalStream normal(const std::string &name, double deviation) const {
    return {key(name), deviation};
  }
  template <class Element>
  void add(const std::string &name, std::vector<int64_t> shape, Element element) {
    tensors.push_back(makeTensor(name, options.dtype, std::move(shape), element));
  }
  /// [N, K], so that rows of deviation 1 give rows of deviation `gain`.
  void linear(const std::string &name, int64_t n, int64_t k, double gain = 1) {
    add(name, {n, k}, normal(name, gain / std::sqrt(double(k))));
  }
  /// A linear that adds to the hidden state, and nothing to the code.
  auto residual(const std::string &name, int64_t k) const;
  void norm(const std::string &name, int64_t width);
  void embedding(const std::string &name);
  void router(const std::string &name);
  void experts(const std::string &layer);
  void fusedExperts(const std::string &layer);

  const Sizes sizes;
  const CheckpointOptions options;
  const uint64_t codeColumns; ///< the first E of H
  std::vector<CheckpointTensor> tensors;
};

} // namespace

auto Builder::residual(const std::string &name, int64_t k) const {
  // Together, the 2 L additions about double the variance.
  const double gain = 1 / std::sqrt(2.0 * double(sizes.layers));
  return [stream = normal(name, gain / std::sqrt(double(k))),
          silent = codeColumns * uint64_t(k)](uint64_t i) { return i < silent ? 0.0f : stream(i); };
}

void Builder::norm(const std::string &name, int64_t width) {
  // Exact in every element type.
  add(name, {width}, [k = key(name)](uint64_t i) {
    return static_cast<float>(128 + int(mix(k + i) % 33) - 16) / 128.0f;
  });
}

void Builder::embedding(const std::string &name) {
  const uint64_t tokens = key(std::to_string(sizes.topK) + " of " + std::to_string(sizes.experts));
  const TokenExperts chosen(tokens, sizes.experts, sizes.topK);
  add(name, {sizes.vocab, sizes.hidden},
      [=, h = uint64_t(sizes.hidden), code = codeColumns, stream = normal(name, 1)](uint64_t i) {
        if (i % h >= code)
          return stream(i);
        return chosen.has(i / h, i % h) ? static_cast<float>(kCode) : 0.0f;
      });
}

void Builder::router(const std::string &name) {
  const double h = double(sizes.hidden), e = double(sizes.experts), k = double(sizes.topK);
  // Of the hidden state about halfway through the layers: norms divide by it.
  const double deviation = std::sqrt((h - e) / h + k * kCode * kCode / h + 0.5);
  std::vector<uint64_t> column(codeColumns);
  std::iota(column.begin(), column.end(), 0);
  for (uint64_t i = codeColumns; i > 1; --i)
    std::swap(column[i - 1], column[mix(key(name + " columns") + i) % i]);
  add(name, {sizes.experts, sizes.hidden},
      [=, width = uint64_t(sizes.hidden), code = codeColumns,
       lead = static_cast<float>(kLead * deviation / kCode),
       stream = normal(name, kSway / std::sqrt(h))](uint64_t i) {
        if (i % width >= code)
          return stream(i);
        return column[i / width] == i % width ? lead : 0.0f;
      });
}

void Builder::experts(const std::string &layer) {
  for (int64_t e = 0; e < sizes.experts; ++e) {
    const std::string expert = layer + "mlp.experts." + std::to_string(e) + ".";
    linear(expert + "gate_proj.weight", sizes.ffn, sizes.hidden);
    linear(expert + "up_proj.weight", sizes.ffn, sizes.hidden);
    add(expert + "down_proj.weight", {sizes.hidden, sizes.ffn},
        residual(expert + "down_proj.weight", sizes.ffn));
  }
}

/// The same weights, stacked.
void Builder::fusedExperts(const std::string &layer) {
  const uint64_t f = uint64_t(sizes.ffn), h = uint64_t(sizes.hidden);
  std::vector<NormalStream> gateUp;
  using Residual = decltype(residual("", 1));
  std::vector<Residual> down;
  for (int64_t e = 0; e < sizes.experts; ++e) {
    const std::string expert = layer + "mlp.experts." + std::to_string(e) + ".";
    for (const char *kind : {"gate_proj.weight", "up_proj.weight"})
      gateUp.push_back(normal(expert + kind, 1 / std::sqrt(double(h))));
    down.push_back(residual(expert + "down_proj.weight", sizes.ffn));
  }
  add(layer + "mlp.experts.gate_up_proj", {sizes.experts, 2 * sizes.ffn, sizes.hidden},
      [=](uint64_t i) { return gateUp[i / (f * h)](i % (f * h)); });
  add(layer + "mlp.experts.down_proj", {sizes.experts, sizes.hidden, sizes.ffn},
      [=](uint64_t i) { return down[i / (f * h)](i % (f * h)); });
}

std::vector<CheckpointTensor> Builder::run() {
  embedding("model.embed_tokens.weight");
  norm("model.norm.weight", sizes.hidden);
  if (!sizes.tied)
    linear("lm_head.weight", sizes.vocab, sizes.hidden, 2);
  for (int64_t l = 0; l < sizes.layers; ++l) {
    const std::string layer = "model.layers." + std::to_string(l) + ".",
                      attention = layer + "self_attn.";
    norm(layer + "input_layernorm.weight", sizes.hidden);
    norm(layer + "post_attention_layernorm.weight", sizes.hidden);
    norm(attention + "q_norm.weight", sizes.headDim);
    norm(attention + "k_norm.weight", sizes.headDim);
    linear(attention + "q_proj.weight", sizes.heads * sizes.headDim, sizes.hidden);
    linear(attention + "k_proj.weight", sizes.kvHeads * sizes.headDim, sizes.hidden);
    linear(attention + "v_proj.weight", sizes.kvHeads * sizes.headDim, sizes.hidden);
    const std::string output = attention + "o_proj.weight";
    add(output, {sizes.hidden, sizes.heads * sizes.headDim},
        residual(output, sizes.heads * sizes.headDim));
    router(layer + "mlp.gate.weight");
    options.fusedExperts ? fusedExperts(layer) : experts(layer);
  }
  return std::move(tensors);
}

std::vector<CheckpointTensor> qwen3MoeCheckpoint(const Json &config,
                                                 const CheckpointOptions &options) {
  return Builder(sizesOf(config), options).run();
}

std::string configText(Json config, const std::string &dtype) {
  const char *key = find(config, "torch_dtype") ? "torch_dtype" : "dtype";
  config[key] = dtype == "BF16" ? "bfloat16" : "float32";
  return config.dump(2) + "\n";
}

} // namespace mixserve::generate
