//===- WriteModel.cpp - an ONNX graph to disk, weights streamed -----------===//
//
// ModelProto and GraphProto are length-prefixed, so all lengths are known before the first byte is
// written; then heads and weights go out one by one. Nothing larger than a block is held.
//
//===----------------------------------------------------------------------===//
#include "test/Generate/OnnxGraph.h"
#include "test/Generate/OutFile.h"

#include <algorithm>

namespace mixserve::generate {
namespace {

/// Appends a weight's elements, or as large a hole.
void appendWeight(OutFile &file, const Weight &weight, bool sparse) {
  constexpr uint64_t kBlock = 1 << 16;
  if (sparse && weight.bulk)
    return file.skip(weight.bytes());
  std::vector<float> block;
  for (uint64_t i = 0, n = weight.elements(); i < n;) {
    block.clear();
    for (uint64_t end = std::min<uint64_t>(n, i + kBlock); i < end; ++i)
      block.push_back(weight.element(i));
    file.append(reinterpret_cast<const char *>(block.data()), 4 * block.size());
  }
}

Message tensorHead(const Weight &weight) {
  Message tensor;
  for (int64_t dim : weight.dims)
    tensor.integer(1, dim);
  return tensor.integer(2, Float).text(8, weight.name);
}

Message entry(const char *key, const std::string &value) {
  return Message().text(1, key).text(2, value);
}

Message externalTensor(const Weight &weight, const std::string &location, uint64_t offset) {
  return tensorHead(weight)
      .message(13, entry("location", location))
      .message(13, entry("offset", std::to_string(offset)))
      .message(13, entry("length", std::to_string(weight.bytes())))
      .integer(14, 1);
}

} // namespace

void OnnxGraph::write(const std::string &path, Form form) const {
  constexpr uint64_t kPage = 4096; // so that a reader can map one tensor alone
  std::string location = path.substr(path.find_last_of('/') + 1) + ".data";

  // Every initialiser as its bytes in front of the data, and whether the data follow.
  struct Part {
    std::string head;
    const Weight *data;
  };
  std::vector<Part> parts;
  std::vector<std::pair<const Weight *, uint64_t>> outside;
  uint64_t graphBytes = 0, offset = 0;
  for (const Weight &weight : weights) {
    Message field;
    if (form.external && weight.dims.size() > 1) {
      offset = (offset + kPage - 1) / kPage * kPage;
      field.message(5, externalTensor(weight, location, offset));
      parts.push_back({field.str(), nullptr});
      outside.push_back({&weight, offset});
      offset += weight.bytes();
      graphBytes += field.str().size();
      continue;
    }
    Message tensor = tensorHead(weight).head(9, weight.bytes());
    field.head(5, tensor.str().size() + weight.bytes());
    parts.push_back({field.str() + tensor.str(), &weight});
    graphBytes += parts.back().head.size() + weight.bytes();
  }
  const Message title = Message().text(2, name);
  for (const Message *part : {&nodes, &title, &constants, &inputs, &outputs, &types})
    graphBytes += part->str().size();

  OutFile model(path, OutFile::Replace);
  model.append(Message().integer(1, 11).text(2, "generate-qwen3moe").head(7, graphBytes).str());
  model.append(nodes.str());
  model.append(title.str());
  model.append(constants.str());
  for (const Part &part : parts) {
    model.append(part.head);
    if (part.data)
      appendWeight(model, *part.data, form.sparse);
  }
  for (const Message *part : {&inputs, &outputs, &types})
    model.append(part->str());
  model.append(Message().message(8, Message().text(1, "").integer(2, 24)).str());
  model.finish();

  if (outside.empty())
    return;
  OutFile data(path + ".data", OutFile::Replace);
  for (auto [weight, start] : outside) {
    data.skipTo(start);
    appendWeight(data, *weight, form.sparse);
  }
  data.finish();
}

} // namespace mixserve::generate
