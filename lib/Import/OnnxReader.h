//===- OnnxReader.h - an ONNX file without its weights ----------------------------------------===//

#ifndef MIXSERVE_LIB_IMPORT_ONNXREADER_H
#define MIXSERVE_LIB_IMPORT_ONNXREADER_H

#include "onnx-ml.pb.h"

#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/LogicalResult.h"

#include <memory>
#include <string>
#include <vector>

namespace mixserve::import {

/// What import needs of a model file. Moving keeps references to its graph valid.
struct OnnxModel {
  OnnxModel()
      : arena(std::make_unique<google::protobuf::Arena>()),
        graph(*google::protobuf::Arena::CreateMessage<::onnx::GraphProto>(arena.get())) {}

  /// As the caller wrote it.
  std::string path;
  /// The folder of `path`, "." if it names none, and the file's name in it.
  std::string folder, file;
  /// Without graph, functions and training; documentation and metadata are dropped everywhere.
  ::onnx::ModelProto header;
  /// Owns the graph: it is many small objects, which go away at once.
  std::unique_ptr<google::protobuf::Arena> arena;
  /// Nodes, inputs, outputs and initialisers. Bulk bytes of tensors are not here: a
  /// tensor whose elements lie in the model file as one run of little-endian bytes (raw_data,
  /// float_data, double_data) has that run as `segment` [begin, end) in bytes of the file; its data
  /// field is empty if the run is longer than kInlineLimit.
  ::onnx::GraphProto &graph;
  /// value_info: the number of each value's type in `types`. Exporters declare every value, with
  /// few types.
  llvm::StringMap<uint32_t> typeOfValue;
  std::vector<::onnx::TypeProto> types;
  /// Names of model-local functions, "domain::name".
  std::vector<std::string> functions;
};

/// Reads the file at `path` by walking its wire format, so that bulk tensor bytes are never read.
/// Emits an error on a missing, truncated or malformed file and on forms that are not supported:
/// sparse initialisers, tensors in parts.
llvm::FailureOr<OnnxModel> readOnnx(llvm::StringRef path, mlir::MLIRContext &context);

} // namespace mixserve::import

#endif // MIXSERVE_LIB_IMPORT_ONNXREADER_H
