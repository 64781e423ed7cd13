//===- LargeModel.cpp - a model with gigabytes of weights that cost no disk -------------------===//

#include "LargeModel.h"

#include "onnx-ml.pb.h"

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <vector>

namespace mixserve::test {

static constexpr int64_t kTinyFfn = 48;

namespace {
/// One weight with its bytes, which are empty if it is a hole.
struct Weight {
  ::onnx::TensorProto proto;
  uint64_t bytes;
  std::string content;
};
} // namespace

static std::string varint(uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7)
    out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
  return out;
}
static std::string head(unsigned field, uint64_t length) {
  return varint(field << 3 | 2) + varint(length);
}

/// Reads the model and its weights, and scales the experts'.
static std::vector<Weight> takeWeights(::onnx::ModelProto &model, const std::string &tinyModel,
                                       int64_t ffn) {
  std::ifstream file(tinyModel, std::ios::binary), data(tinyModel + ".data", std::ios::binary);
  if (!model.ParseFromIstream(&file) || !data)
    throw std::runtime_error("cannot read " + tinyModel);
  model.mutable_graph()->clear_value_info();
  std::vector<Weight> weights;
  ::google::protobuf::RepeatedPtrField<::onnx::TensorProto> kept;
  for (::onnx::TensorProto &tensor : *model.mutable_graph()->mutable_initializer()) {
    if (tensor.data_location() != ::onnx::TensorProto::EXTERNAL) {
      *kept.Add() = tensor;
      continue;
    }
    Weight weight{tensor, 4, ""};
    bool isExpert = false;
    for (int i = 0; i < tensor.dims_size(); ++i) {
      if (tensor.dims(i) == kTinyFfn) {
        weight.proto.set_dims(i, ffn);
        isExpert = true;
      }
      weight.bytes *= weight.proto.dims(i);
    }
    if (!isExpert) {
      uint64_t offset = 0;
      for (const auto &entry : tensor.external_data())
        if (entry.key() == "offset")
          offset = std::stoull(entry.value());
      weight.content.resize(weight.bytes);
      data.seekg(static_cast<std::streamoff>(offset));
      data.read(weight.content.data(), static_cast<std::streamsize>(weight.bytes));
    }
    weight.proto.clear_external_data();
    weight.proto.clear_data_location();
    weights.push_back(std::move(weight));
  }
  model.mutable_graph()->mutable_initializer()->Swap(&kept);
  return weights;
}

static void writeWeight(std::ofstream &out, const Weight &weight) {
  if (weight.content.empty())
    out.seekp(static_cast<std::streamoff>(weight.bytes), std::ios::cur);
  else
    out.write(weight.content.data(), static_cast<std::streamsize>(weight.content.size()));
}

uint64_t writeLargeModel(const std::string &tinyModel, const std::string &folder, WeightPlace place,
                         int64_t ffn) {
  ::onnx::ModelProto model;
  std::vector<Weight> weights = takeWeights(model, tinyModel, ffn);
  const std::string path = folder + "/model.onnx";
  std::ofstream out(path, std::ios::binary);
  uint64_t total = 0;

  if (place == WeightPlace::External) {
    std::ofstream data(path + ".data", std::ios::binary);
    for (Weight &weight : weights) {
      weight.proto.set_data_location(::onnx::TensorProto::EXTERNAL);
      for (auto [key, value] : {std::pair<const char *, std::string>{"location", "model.onnx.data"},
                                {"offset", std::to_string(total)},
                                {"length", std::to_string(weight.bytes)}}) {
        auto *entry = weight.proto.add_external_data();
        entry->set_key(key);
        entry->set_value(value);
      }
      *model.mutable_graph()->add_initializer() = weight.proto;
      writeWeight(data, weight);
      total += weight.bytes;
    }
    data.close();
    std::filesystem::resize_file(path + ".data", total);
    model.SerializeToOstream(&out);
    return total;
  }

  // Protobuf cannot write more than 2 GiB: the graph's field is put together by hand.
  ::onnx::GraphProto graph;
  graph.Swap(model.mutable_graph());
  model.clear_graph();
  const std::string rest = graph.SerializeAsString();
  uint64_t graphBytes = rest.size();
  std::vector<std::string> heads;
  for (const Weight &weight : weights) {
    const std::string tensor = weight.proto.SerializeAsString() + head(9, weight.bytes);
    heads.push_back(head(5, tensor.size() + weight.bytes) + tensor);
    graphBytes += heads.back().size() + weight.bytes;
    total += weight.bytes;
  }
  out << head(7, graphBytes) << rest;
  for (size_t i = 0; i < weights.size(); ++i) {
    out << heads[i];
    writeWeight(out, weights[i]);
  }
  // The version fields come last, so the hole before them is inside the file.
  model.SerializeToOstream(&out);
  if (!out)
    throw std::runtime_error("cannot write " + path);
  return total;
}

} // namespace mixserve::test
