//===- WriteModel.cpp - an ONNX graph to disk, weights streamed -----------===//
//
// ModelProto and GraphProto are length-prefixed, so all lengths are known before the first byte is
// written; then heads and weights go out one by one. Nothing larger than a block is held.
//
//===----------------------------------------------------------------------===//
#include "test/Generate/OnnxGraph.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <stdexcept>
#include <unistd.h>

namespace mixserve::generate {
namespace {

/// A file written from its start, with holes.
class OutFile {
public:
  explicit OutFile(const std::string &path)
      : path(path), fd(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)) {
    check(fd >= 0, "open");
  }
  OutFile(const OutFile &) = delete;
  ~OutFile() {
    if (fd >= 0)
      close(fd);
  }

  void write(const char *bytes, size_t count) {
    at += count;
    while (count) {
      ssize_t done = ::write(fd, bytes, count);
      check(done > 0, "write");
      bytes += done;
      count -= size_t(done);
    }
  }
  void write(const std::string &bytes) { write(bytes.data(), bytes.size()); }

  void hole(uint64_t count) {
    at += count;
    check(lseek(fd, off_t(count), SEEK_CUR) >= 0, "seek");
  }
  void holeTo(uint64_t offset) { hole(offset - at); }

  void weight(const Weight &weight, bool sparse) {
    if (sparse && weight.bulk)
      return hole(weight.bytes());
    std::vector<float> block;
    for (uint64_t i = 0, n = weight.elements(); i < n;) {
      block.clear();
      for (uint64_t end = std::min<uint64_t>(n, i + kBlock); i < end; ++i)
        block.push_back(weight.element(i));
      write(reinterpret_cast<const char *>(block.data()), 4 * block.size());
    }
  }

  /// A hole at the end needs the size set.
  void finish() {
    check(ftruncate(fd, off_t(at)) == 0, "set the size of");
    check(close(fd) == 0, "close");
    fd = -1;
  }

private:
  static constexpr uint64_t kBlock = 1 << 16;
  void check(bool fine, const char *what) {
    if (!fine)
      throw std::runtime_error(std::string("cannot ") + what + " '" + path +
                               "': " + std::strerror(errno));
  }
  std::string path;
  int fd;
  uint64_t at = 0;
};

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

  OutFile model(path);
  model.write(Message().integer(1, 11).text(2, "generate-qwen3moe").head(7, graphBytes).str());
  model.write(nodes.str());
  model.write(title.str());
  model.write(constants.str());
  for (const Part &part : parts) {
    model.write(part.head);
    if (part.data)
      model.weight(*part.data, form.sparse);
  }
  for (const Message *part : {&inputs, &outputs, &types})
    model.write(part->str());
  model.write(Message().message(8, Message().text(1, "").integer(2, 24)).str());
  model.finish();

  if (outside.empty())
    return;
  OutFile data(path + ".data");
  for (auto [weight, start] : outside) {
    data.holeTo(start);
    data.weight(*weight, form.sparse);
  }
  data.finish();
}

} // namespace mixserve::generate
