//===- Initializers.h - ONNX tensors as boxes of files or as small constants ------------------===//

#ifndef MIXSERVE_LIB_IMPORT_INITIALIZERS_H
#define MIXSERVE_LIB_IMPORT_INITIALIZERS_H

#include "ExternalFiles.h"
#include "OnnxReader.h"

#include "dialects/nn/NNDialect.h"
#include "mlir/IR/BuiltinAttributes.h"

namespace mixserve::import {

/// The builtin type of an ONNX dtype (TensorProto.DataType); null for one that is not supported.
mlir::Type elementType(mlir::MLIRContext *context, int32_t onnxType);
/// Its name for messages: "STRING", or its number.
std::string dtypeName(int32_t onnxType);

/// Exactly one of the two is set.
struct TensorSource {
  mlir::RankedTensorType type;
  /// The elements, of a small tensor.
  mlir::DenseElementsAttr constant;
  /// Where the elements lie, of a weight (see importOnnx).
  nn::BoxAttr box;
};

/// Turns tensors of one model into sources. Errors name the tensor.
class Initializers {
public:
  Initializers(const OnnxModel &model, mlir::MLIRContext *context)
      : model(model), context(context), files(model.folder) {}

  /// `what` names the tensor in errors, for example "initialiser 'w'".
  llvm::FailureOr<TensorSource> convert(const ::onnx::TensorProto &tensor, const llvm::Twine &what);

private:
  struct Place {
    std::string file;
    uint64_t offset = 0, length = 0;
  };
  llvm::FailureOr<Place> externalPlace(const ::onnx::TensorProto &tensor, const std::string &what,
                                       uint64_t bytes);
  llvm::FailureOr<mlir::DenseElementsAttr>
  decode(const ::onnx::TensorProto &tensor, mlir::RankedTensorType type, const std::string &what);

  const OnnxModel &model;
  mlir::MLIRContext *context;
  ExternalFiles files;
};

} // namespace mixserve::import

#endif // MIXSERVE_LIB_IMPORT_INITIALIZERS_H
