//===- OnnxReader.cpp - an ONNX file without its weights --------------------------------------===//

#include "OnnxReader.h"
#include "Diagnose.h"
#include "WireReader.h"
#include "mixserve/Import/ImportOnnx.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Path.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <unordered_map>

using namespace mlir;

namespace mixserve::import {

namespace {

class FileHandle {
public:
  explicit FileHandle(int fd) : fd(fd) {}
  FileHandle(const FileHandle &) = delete;
  FileHandle &operator=(const FileHandle &) = delete;
  ~FileHandle() {
    if (fd >= 0)
      close(fd);
  }
  int fd;
};

/// Walks the messages of a model file. Field numbers are those of onnx-ml.proto.
class ModelWalker {
public:
  ModelWalker(WireReader &wire, OnnxModel &model) : wire(wire), model(model) {}

  bool walkModel(uint64_t end);
  /// Why the walk stopped, empty if the bytes themselves are malformed (then the reader knows).
  std::string refusal;

private:
  bool walkGraph(uint64_t end);
  bool filterNode(uint64_t end, std::string &out);
  bool filterAttribute(uint64_t end, std::string &out);
  bool filterTensor(uint64_t end, std::string &out);
  bool walkFunction(uint64_t end);
  bool dropFields(uint64_t end, std::initializer_list<uint32_t> dropped, std::string &out);
  template <typename Proto> bool parse(const std::string &bytes, Proto *proto, const char *what);
  bool refuse(const Twine &why) {
    refusal = why.str();
    return false;
  }

  bool addValueType(const std::string &bytes);

  WireReader &wire;
  OnnxModel &model;
  ::onnx::ValueInfoProto info; // reused, with the memory it has
  std::unordered_map<std::string, uint32_t> typeNumbers;
};

template <typename Proto>
bool ModelWalker::parse(const std::string &bytes, Proto *proto, const char *what) {
  if (bytes.size() > size_t(INT32_MAX))
    return refuse(Twine(what) + " has more than 2 GiB without weights");
  if (!proto->ParsePartialFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return refuse(Twine(what) + " ending at byte " + Twine(wire.position()) +
                  " is malformed; export or copy it again");
  return true;
}

bool ModelWalker::dropFields(uint64_t end, std::initializer_list<uint32_t> dropped,
                             std::string &out) {
  while (wire.position() < end) {
    WireReader::Field field;
    if (!wire.readField(end, field))
      return false;
    if (!(llvm::is_contained(dropped, field.number) ? wire.skipField(field)
                                                    : wire.copyField(field, out)))
      return false;
  }
  return true;
}

bool ModelWalker::walkModel(uint64_t end) {
  std::string header;
  bool sawGraph = false;
  while (wire.position() < end) {
    WireReader::Field field;
    if (!wire.readField(end, field))
      return false;
    const bool isBytes = field.type == WireReader::Bytes;
    const uint64_t fieldEnd = wire.position() + (isBytes ? field.value : 0);
    bool ok;
    if (field.number == 7 && isBytes) { // graph
      if (sawGraph)
        return refuse("the model has two graphs; export or copy it again");
      sawGraph = true;
      ok = walkGraph(fieldEnd);
    } else if (field.number == 25 && isBytes) { // functions
      ok = walkFunction(fieldEnd);
    } else if (field.number == 6 || field.number == 14 || field.number == 20) {
      ok = wire.skipField(field); // doc_string, metadata_props, training_info
    } else {
      ok = wire.copyField(field, header);
    }
    if (!ok)
      return false;
  }
  if (!sawGraph)
    return refuse("it has no graph, so it is no ONNX model or its end is missing; "
                  "export or copy it again");
  return parse(header, &model.header, "the model's header");
}

bool ModelWalker::walkGraph(uint64_t end) {
  std::string bytes;
  while (wire.position() < end) {
    WireReader::Field field;
    if (!wire.readField(end, field))
      return false;
    bytes.clear();
    const bool isBytes = field.type == WireReader::Bytes;
    const uint64_t fieldEnd = wire.position() + (isBytes ? field.value : 0);
    bool ok = true;
    if (!isBytes) {
      ok = wire.skipField(field);
    } else if (field.number == 1) {
      ok = filterNode(fieldEnd, bytes) && parse(bytes, model.graph.add_node(), "a node");
    } else if (field.number == 5) {
      ok = filterTensor(fieldEnd, bytes) &&
           parse(bytes, model.graph.add_initializer(), "an initialiser");
    } else if (field.number == 15) {
      return refuse("it has sparse initialisers, which are not supported; store them dense");
    } else if (field.number == 2) {
      ok = wire.readBytes(field.value, bytes);
      model.graph.set_name(bytes);
    } else if (field.number == 13) {
      ok = dropFields(fieldEnd, {3, 4}, bytes) && addValueType(bytes);
    } else if (field.number == 11 || field.number == 12) {
      auto *values =
          field.number == 11 ? model.graph.mutable_input() : model.graph.mutable_output();
      ok = dropFields(fieldEnd, {3, 4}, bytes) && parse(bytes, values->Add(), "a value's type");
    } else {
      ok = wire.skipField(
          field); // doc_string, quantization_annotation, metadata_props, unknown ones
    }
    if (!ok)
      return false;
  }
  return true;
}

/// Of two declarations of a value the later one counts.
bool ModelWalker::addValueType(const std::string &bytes) {
  if (!parse(bytes, &info, "a value's type"))
    return false;
  auto [number, isNew] =
      typeNumbers.try_emplace(info.type().SerializePartialAsString(), model.types.size());
  if (isNew)
    model.types.push_back(info.type());
  model.typeOfValue[info.name()] = number->second;
  return true;
}

bool ModelWalker::filterNode(uint64_t end, std::string &out) {
  std::string attribute;
  while (wire.position() < end) {
    WireReader::Field field;
    if (!wire.readField(end, field))
      return false;
    bool ok;
    if (field.number == 5 && field.type == WireReader::Bytes) { // attribute
      attribute.clear();
      ok = filterAttribute(wire.position() + field.value, attribute);
      appendBytesHead(out, 5, attribute.size());
      out += attribute;
    } else if (field.number == 6 || field.number == 9 || field.number == 10) {
      ok = wire.skipField(field); // doc_string, metadata_props, device_configurations
    } else {
      ok = wire.copyField(field, out);
    }
    if (!ok)
      return false;
  }
  return true;
}

bool ModelWalker::filterAttribute(uint64_t end, std::string &out) {
  std::string tensor;
  while (wire.position() < end) {
    WireReader::Field field;
    if (!wire.readField(end, field))
      return false;
    bool ok;
    if (field.number == 5 && field.type == WireReader::Bytes) { // t
      tensor.clear();
      ok = filterTensor(wire.position() + field.value, tensor);
      appendBytesHead(out, 5, tensor.size());
      out += tensor;
    } else if (field.number == 13) {
      ok = wire.skipField(field); // doc_string
    } else if (field.type == WireReader::Bytes && (field.number == 6 || field.number == 11)) {
      // g, graphs: only their being there matters, since no operator with a graph is supported.
      ok = wire.skipField(field);
      appendBytesHead(out, field.number, 0);
    } else {
      ok = wire.copyField(field, out);
    }
    if (!ok)
      return false;
  }
  return true;
}

bool ModelWalker::filterTensor(uint64_t end, std::string &out) {
  uint64_t begin = 0, length = 0;
  unsigned runs = 0;
  while (wire.position() < end) {
    WireReader::Field field;
    if (!wire.readField(end, field))
      return false;
    bool ok;
    if (field.number == 3)
      return refuse(
          "a tensor is stored in parts (segment), which is not supported; save it in one piece");
    if (field.type == WireReader::Bytes &&
        (field.number == 9 || field.number == 4 || field.number == 10)) {
      // raw_data, float_data, double_data: little-endian elements in one run.
      ++runs;
      begin = wire.position();
      length = field.value;
      ok = length > kInlineLimit ? wire.skipField(field) : wire.copyField(field, out);
    } else if (field.number == 4 || field.number == 10) {
      runs += 2; // float_data one by one: elements are not in one run
      ok = wire.copyField(field, out);
    } else if (field.number == 12 || field.number == 16) {
      ok = wire.skipField(field); // doc_string, metadata_props
    } else {
      ok = wire.copyField(field, out);
    }
    if (!ok)
      return false;
  }
  if (runs > 1 && length > kInlineLimit)
    return refuse(
        "the elements of a tensor are in several places of the file; save the model again");
  if (runs == 1 && length > 0) {
    std::string segment;
    appendVarintField(segment, 1, begin);
    appendVarintField(segment, 2, begin + length);
    appendBytesHead(out, 3, segment.size());
    out += segment;
  }
  return true;
}

bool ModelWalker::walkFunction(uint64_t end) {
  std::string bytes;
  // Only the name matters: nodes, value_info and text are dropped.
  if (!dropFields(end, {4, 5, 6, 7, 8, 9, 11, 12, 14}, bytes))
    return false;
  ::onnx::FunctionProto function;
  if (!parse(bytes, &function, "a function"))
    return false;
  model.functions.push_back(function.domain() + "::" + function.name());
  return true;
}

} // namespace

FailureOr<OnnxModel> readOnnx(StringRef path, MLIRContext &context) {
  OnnxModel model;
  model.path = path.str();
  model.folder = llvm::sys::path::parent_path(path).str();
  if (model.folder.empty())
    model.folder = ".";
  model.file = llvm::sys::path::filename(path).str();
  auto error = [&] { return errorIn(&context, path); };

  FileHandle file(open(model.path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat info;
  if (file.fd < 0 || fstat(file.fd, &info) != 0)
    return error() << "cannot be opened: " << std::strerror(errno)
                   << "; give the path of an .onnx file or a Hugging Face folder";
  if (!S_ISREG(info.st_mode))
    return error() << "is not a file; give the path of an .onnx file";
  if (info.st_size == 0)
    return error() << "is empty; export or copy it again";

  WireReader wire(file.fd, static_cast<uint64_t>(info.st_size));
  ModelWalker walker(wire, model);
  if (!walker.walkModel(static_cast<uint64_t>(info.st_size))) {
    if (walker.refusal.empty())
      return error() << "is no ONNX model, or is damaged or truncated: " << wire.error()
                     << "; export or copy it again";
    return error() << walker.refusal;
  }
  return model;
}

} // namespace mixserve::import
