//===- FolderModel.cpp - a Hugging Face folder that tests change ------------===//

#include "FolderModel.h"

#include "dialects/nn/NNDialect.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/APFloat.h"

#include <cstring>
#include <gtest/gtest.h>

using namespace mixserve::generate;

namespace mixserve::test {

static uint64_t hash(uint64_t value) {
  value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
  return (value ^ value >> 27) * 0x94d049bb133111ebu >> 40;
}

static const llvm::fltSemantics &semanticsOf(const std::string &dtype) {
  return dtype == "F32"    ? llvm::APFloat::IEEEsingle()
         : dtype == "BF16" ? llvm::APFloat::BFloat()
                           : llvm::APFloat::IEEEhalf();
}

static void store(const std::string &dtype, double value, char *out) {
  llvm::APFloat number(value);
  bool inexact = false;
  number.convert(semanticsOf(dtype), llvm::APFloat::rmNearestTiesToEven, &inexact);
  const uint64_t bits = number.bitcastToAPInt().getZExtValue();
  std::memcpy(out, &bits, dtype == "F32" ? 4 : 2);
}

static double load(mlir::Type type, const char *in) {
  const unsigned bytes = type.getIntOrFloatBitWidth() / 8;
  uint64_t bits = 0;
  std::memcpy(&bits, in, bytes);
  llvm::APFloat number(llvm::cast<mlir::FloatType>(type).getFloatSemantics(),
                       llvm::APInt(8 * bytes, bits));
  return number.convertToDouble();
}

/// A tensor of `dtype` whose element i is value(i).
static CheckpointTensor tensor(const std::string &name, const std::string &dtype,
                               std::vector<int64_t> shape, std::function<double(uint64_t)> value) {
  CheckpointTensor result{name, dtype, std::move(shape), {}};
  const uint64_t bytes = result.elementBytes();
  result.fill = [=](uint64_t first, uint64_t count, char *out) {
    for (uint64_t i = 0; i < count; ++i)
      store(dtype, value(first + i), out + i * bytes);
  };
  return result;
}

static double valueOf(const std::string &name, uint64_t i) {
  uint64_t key = 0;
  for (char c : name)
    key = key * 131 + static_cast<unsigned char>(c);
  return static_cast<double>(hash(key + i * 0x9e3779b97f4a7c15u) % 128);
}

void FolderModel::add(const std::string &name, std::vector<int64_t> shape) {
  tensors[name] =
      tensor(name, "F32", std::move(shape), [name](uint64_t i) { return valueOf(name, i); });
}

FolderModel::FolderModel() {
  config = {{"architectures", {"Qwen3MoeForCausalLM"}},
            {"model_type", "qwen3_moe"},
            {"dtype", "float32"},
            {"hidden_act", "silu"},
            {"hidden_size", 8},
            {"head_dim", 4},
            {"moe_intermediate_size", 5},
            {"norm_topk_prob", true},
            {"num_attention_heads", 4},
            {"num_experts_per_tok", 2},
            {"num_hidden_layers", 2},
            {"num_key_value_heads", 2},
            {"num_local_experts", 3},
            {"rms_norm_eps", 1e-6},
            {"rope_parameters", {{"rope_theta", 10000.0}, {"rope_type", "default"}}},
            {"tie_word_embeddings", false},
            {"vocab_size", 7}};
  add("model.embed_tokens.weight", {7, 8});
  add("lm_head.weight", {7, 8});
  add("model.norm.weight", {8});
  for (int l = 0; l < 2; ++l) {
    const std::string layer = "model.layers." + std::to_string(l) + ".";
    add(layer + "input_layernorm.weight", {8});
    add(layer + "post_attention_layernorm.weight", {8});
    add(layer + "self_attn.q_proj.weight", {16, 8});
    add(layer + "self_attn.k_proj.weight", {8, 8});
    add(layer + "self_attn.v_proj.weight", {8, 8});
    add(layer + "self_attn.o_proj.weight", {8, 16});
    add(layer + "self_attn.q_norm.weight", {4});
    add(layer + "self_attn.k_norm.weight", {4});
    add(layer + "mlp.gate.weight", {3, 8});
    for (int e = 0; e < 3; ++e) {
      const std::string expert = layer + "mlp.experts." + std::to_string(e) + ".";
      add(expert + "gate_proj.weight", {5, 8});
      add(expert + "up_proj.weight", {5, 8});
      add(expert + "down_proj.weight", {8, 5});
    }
  }
}

void FolderModel::convert(const std::string &dtype) {
  config["dtype"] = dtype == "F32" ? "float32" : dtype == "BF16" ? "bfloat16" : "float16";
  for (auto &[name, old] : tensors)
    old = tensor(name, dtype, old.shape, [n = name](uint64_t i) { return valueOf(n, i); });
}

void FolderModel::fuseExperts() {
  for (int l = 0; l < 2; ++l) {
    const std::string experts = "model.layers." + std::to_string(l) + ".mlp.experts.";
    for (int e = 0; e < 3; ++e)
      for (const char *kind : {"gate", "up", "down"})
        tensors.erase(experts + std::to_string(e) + "." + kind + "_proj.weight");
    tensors[experts + "gate_up_proj"] =
        tensor(experts + "gate_up_proj", "F32", {3, 10, 8}, [experts](uint64_t i) {
          const char *kind = i / 8 % 10 < 5 ? ".gate_proj.weight" : ".up_proj.weight";
          return valueOf(experts + std::to_string(i / 80) + kind, i % 80 % 40);
        });
    tensors[experts + "down_proj"] =
        tensor(experts + "down_proj", "F32", {3, 8, 5}, [experts](uint64_t i) {
          return valueOf(experts + std::to_string(i / 40) + ".down_proj.weight", i % 40);
        });
  }
}

void FolderModel::write(const std::string &folder, const CheckpointForm &form) const {
  writeFile(folder + "/config.json", config.dump(2));
  std::vector<CheckpointTensor> list;
  for (const auto &[name, tensor] : tensors)
    list.push_back(tensor);
  writeCheckpoint(folder, list, form);
}

Imported importFolder(const std::string &path, mlir::MLIRContext &context, FolderWeights weights) {
  Imported result;
  mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) {
    result.errors += diagnostic.str() + "\n";
    return mlir::success();
  });
  result.module = importHuggingFace(path, context, weights);
  // Exactly one of the two.
  EXPECT_EQ(static_cast<bool>(result.module), result.errors.empty()) << result.errors;
  return result;
}

std::string folderErrors(const std::string &path) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  Imported imported = importFolder(path, context);
  EXPECT_FALSE(imported.module);
  EXPECT_EQ(imported.errors.find("model '" + path + "': "), 0u) << imported.errors;
  return imported.errors;
}

/// Element `at` of the parameter, from the one box that holds it.
static float elementOf(mixserve::nn::ParamOp param, llvm::ArrayRef<int64_t> at,
                       std::map<std::string, std::string> &files, const std::string &folder) {
  for (auto box : param.getBoxes().getAsRange<mixserve::nn::BoxAttr>()) {
    int64_t element = 0;
    bool isInside = true;
    for (size_t d = 0; d < at.size(); ++d) {
      const int64_t i = at[d] - box.getAt()[d];
      isInside &= i >= 0 && i < box.getShape()[d];
      element += i * box.getStrides()[d];
    }
    if (!isInside)
      continue;
    std::string &bytes = files[box.getFile().str()];
    if (bytes.empty())
      bytes = readFile(folder + "/" + box.getFile().str());
    const int64_t size = box.getType().getIntOrFloatBitWidth() / 8;
    return static_cast<float>(load(box.getType(), bytes.data() + box.getOffset() + element * size));
  }
  ADD_FAILURE() << "no box holds an element of " << param.getSymName().str();
  return -1;
}

std::map<std::string, std::vector<float>> readParams(mlir::ModuleOp module) {
  std::map<std::string, std::vector<float>> values;
  std::map<std::string, std::string> files;
  const std::string folder =
      module->getAttrOfType<mlir::StringAttr>(nn::kSourceFolderAttr).getValue().str();
  for (auto param : module.getOps<nn::ParamOp>()) {
    std::vector<float> &list = values[param.getSymName().str()];
    llvm::ArrayRef<int64_t> shape = param.getTensorType().getShape();
    llvm::SmallVector<int64_t> at(shape.size(), 0);
    for (int64_t n = param.getTensorType().getNumElements(); n > 0; --n) {
      list.push_back(elementOf(param, at, files, folder));
      for (size_t d = shape.size(); d-- > 0 && ++at[d] == shape[d];)
        at[d] = 0;
    }
  }
  return values;
}

std::string textWithoutSources(mlir::ModuleOp module) {
  module->removeAttr(nn::kSourceFolderAttr);
  for (auto param : module.getOps<nn::ParamOp>())
    param.setBoxesAttr(mlir::ArrayAttr::get(module.getContext(), {}));
  std::string text;
  llvm::raw_string_ostream stream(text);
  // Boxes that were taken out no longer tile their parameter.
  module.print(stream, mlir::OpPrintingFlags().assumeVerified());
  return text;
}

} // namespace mixserve::test
