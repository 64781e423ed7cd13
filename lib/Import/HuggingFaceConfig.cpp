//===- HuggingFaceConfig.cpp - config.json of a Hugging Face folder ---------===//

#include "HuggingFaceConfig.h"
#include "ConfigReader.h"
#include "JsonText.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSwitch.h"

using llvm::StringRef;
using llvm::Twine;
using nlohmann::json;

namespace mixserve::import {

// Above any model; products of three stay far below 2^63.
static constexpr int64_t kMaxVocab = 1 << 24, kMaxWidth = 1 << 20, kMaxExperts = 1 << 16,
                         kMaxLayers = 1 << 12, kMaxPositions = 1 << 30;

/// What generation, training and the library itself keep in a config.
static const StringRef kWithoutEffect[] = {
    "_attn_implementation", "_name_or_path", "attention_dropout", "bos_token_id", "eos_token_id",
    "finetuning_task", "id2label", "initializer_range", "label2id", "output_attentions",
    "output_hidden_states", "output_router_logits", "pad_token_id", "problem_type", "return_dict",
    "router_aux_loss_coef", "task_specific_params", "tokenizer_class", "transformers_version",
    "use_cache",
    // Only layers with a window and dense layers read these, which are refused.
    "intermediate_size", "max_window_layers"};

static void checkFamily(ConfigReader &config) {
  const std::string type = config.text("model_type");
  if (type != "qwen3_moe")
    throw ConfigRefused(config.says("model_type") +
                        ", this build reads models of the family 'qwen3_moe' alone, as a Hugging "
                        "Face folder or as ONNX; give one of these (others are refused in either "
                        "form)");
  config.mustBe("architectures", json::array({"Qwen3MoeForCausalLM"}),
                "only the whole language model, [\"Qwen3MoeForCausalLM\"], is supported");
  config.mustBe(
      "quantization_config", json(),
      "quantized checkpoints are not supported; give one in float32, bfloat16 or float16");
}

/// What the family can say and the nn dialect cannot.
static void checkLayers(ConfigReader &config) {
  config.mustBe("hidden_act", "silu", "only silu is supported");
  config.mustBe("attention_bias", false, "linears with a bias are not supported");
  config.mustBe("mlp_only_layers", json::array(),
                "dense layers are not supported; every layer must have routed experts");
  config.mustBe("decoder_sparse_step", 1,
                "dense layers are not supported; every layer must have routed experts");
  const bool useWindow = config.flag("use_sliding_window", false);
  if (config.find("sliding_window") && useWindow)
    throw ConfigRefused(config.says("sliding_window") +
                        " and 'use_sliding_window' is true: sliding windows are not supported");
  if (const json *types = config.find("layer_types"))
    for (const json &type : types->is_array() ? *types : json::array({*types}))
      if (type != "full_attention")
        throw ConfigRefused("'layer_types' has " + type.dump() +
                            ": only full_attention is supported");
  config.mustBe("is_encoder_decoder", false, "only decoders are supported");
  config.mustBe("add_cross_attention", false, "only decoders are supported");
}

/// Only plain rotary embedding: both spellings may say that they are the default.
static double readTheta(ConfigReader &config) {
  constexpr double kDefault = 10000;
  double theta = config.positive("rope_theta", 0);
  for (const char *key : {"rope_scaling", "rope_parameters"}) {
    const json *value = config.find(key);
    if (!value)
      continue;
    if (!value->is_object())
      throw ConfigRefused(config.says(key) + ", expected an object or null");
    ConfigReader rope(*value, std::string(key) + ".");
    const json *type = rope.either("rope_type", "type");
    if (type && *type != "default")
      throw ConfigRefused("'" + Twine(key) + "' has type " + type->dump() +
                          ": scaled rotary embedding is not supported, only \"default\"");
    if (const double inner = rope.positive("rope_theta", 0); inner != 0) {
      if (theta != 0 && theta != inner)
        throw ConfigRefused(rope.says("rope_theta") + ", but 'rope_theta' says something else: two "
                                                      "names of one thing; keep the right one");
      theta = inner;
    }
    rope.mustBe("partial_rotary_factor", 1.0, "heads must be turned whole");
    rope.finish();
  }
  config.mustBe("partial_rotary_factor", 1.0, "heads must be turned whole");
  return theta == 0 ? kDefault : theta;
}

static std::string readDtype(ConfigReader &config) {
  const json *value = config.either("dtype", "torch_dtype");
  if (!value)
    return "";
  StringRef name = value->is_string() ? StringRef(value->get_ref<const std::string &>()) : "";
  name.consume_front("torch.");
  const std::string dtype = llvm::StringSwitch<std::string>(name)
                                .Case("float32", "F32")
                                .Case("bfloat16", "BF16")
                                .Case("float16", "F16")
                                .Default("");
  if (dtype.empty())
    throw ConfigRefused("'dtype' is " + value->dump() +
                        ", expected float32, bfloat16 or float16; convert the checkpoint");
  return dtype;
}

static Qwen3MoeConfig read(ConfigReader &config) {
  checkFamily(config);
  checkLayers(config);
  Qwen3MoeConfig model;
  model.vocab = config.count("vocab_size", kMaxVocab);
  model.hidden = config.count("hidden_size", kMaxWidth);
  model.layers = config.count("num_hidden_layers", kMaxLayers);
  model.heads = config.count("num_attention_heads", kMaxWidth);
  model.kvHeads = config.count("num_key_value_heads", kMaxWidth);
  model.experts = config.count("num_experts", kMaxExperts, "num_local_experts");
  model.expertsPerToken = config.count("num_experts_per_tok", model.experts);
  model.ffn = config.count("moe_intermediate_size", kMaxWidth);
  if (model.heads % model.kvHeads != 0)
    throw ConfigRefused(config.says("num_key_value_heads") + ", which does not divide " +
                        config.says("num_attention_heads"));
  if (config.find("head_dim"))
    model.headDim = config.count("head_dim", kMaxWidth);
  else if (model.hidden % model.heads == 0)
    model.headDim = model.hidden / model.heads;
  else
    throw ConfigRefused("'head_dim' is missing, and " + config.says("hidden_size") +
                        ", which 'num_attention_heads' does not divide");
  if (model.headDim % 2 != 0)
    throw ConfigRefused("heads have " + Twine(model.headDim) +
                        " columns; rotary embedding turns pairs, so 'head_dim' must be even");
  model.eps = config.positive("rms_norm_eps", 1e-6);
  model.ropeTheta = readTheta(config);
  model.normalizeTopK = config.flag("norm_topk_prob", false);
  model.tiedEmbeddings = config.flag("tie_word_embeddings", false);
  model.dtype = readDtype(config);
  if (config.find("max_position_embeddings"))
    model.trainedPositions = config.count("max_position_embeddings", kMaxPositions);
  config.ignore(kWithoutEffect);
  config.finish();
  return model;
}

std::optional<Qwen3MoeConfig> readQwen3MoeConfig(StringRef text, std::string &problem) {
  const std::optional<json> object = parseJsonObject(text, problem);
  if (!object)
    return std::nullopt;
  try {
    ConfigReader config(*object);
    return read(config);
  } catch (const ConfigRefused &refused) {
    problem = refused.what();
    return std::nullopt;
  }
}

} // namespace mixserve::import
