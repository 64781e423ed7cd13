//===- Initializers.cpp - ONNX tensors as boxes of files or as small constants ----------------===//

#include "Initializers.h"
#include "Diagnose.h"
#include "mixserve/Import/ImportOnnx.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"

#include <cstring>

using namespace mlir;
using ::onnx::TensorProto;

namespace mixserve::import {

Type elementType(MLIRContext *context, int32_t onnxType) {
  switch (onnxType) {
  case TensorProto::FLOAT:
    return Float32Type::get(context);
  case TensorProto::DOUBLE:
    return Float64Type::get(context);
  case TensorProto::FLOAT16:
    return Float16Type::get(context);
  case TensorProto::BFLOAT16:
    return BFloat16Type::get(context);
  case TensorProto::BOOL:
    return IntegerType::get(context, 1);
  case TensorProto::INT8:
    return IntegerType::get(context, 8);
  case TensorProto::INT16:
    return IntegerType::get(context, 16);
  case TensorProto::INT32:
    return IntegerType::get(context, 32);
  case TensorProto::INT64:
    return IntegerType::get(context, 64);
  case TensorProto::UINT8:
    return IntegerType::get(context, 8, IntegerType::Unsigned);
  case TensorProto::UINT16:
    return IntegerType::get(context, 16, IntegerType::Unsigned);
  case TensorProto::UINT32:
    return IntegerType::get(context, 32, IntegerType::Unsigned);
  case TensorProto::UINT64:
    return IntegerType::get(context, 64, IntegerType::Unsigned);
  default:
    return Type();
  }
}

std::string dtypeName(int32_t onnxType) {
  if (!TensorProto::DataType_IsValid(onnxType))
    return std::to_string(onnxType);
  return TensorProto::DataType_Name(static_cast<TensorProto::DataType>(onnxType));
}

/// More elements than any tensor has; their bytes still fit 63 bits.
static constexpr uint64_t kMostElements = uint64_t(1) << 56;

/// Bytes of one element in a file; a bool takes one.
static uint64_t elementBytes(Type type) { return std::max(1u, type.getIntOrFloatBitWidth() / 8); }

FailureOr<Initializers::Place>
Initializers::externalPlace(const TensorProto &tensor, const std::string &what, uint64_t bytes) {
  Place place;
  place.length = bytes;
  auto error = [&] { return errorIn(context, model.path) << what << ": "; };
  for (const auto &entry : tensor.external_data()) {
    if (entry.key() == "location") {
      place.file = entry.value();
    } else if (entry.key() == "offset" || entry.key() == "length") {
      uint64_t &number = entry.key() == "offset" ? place.offset : place.length;
      if (!llvm::to_integer(entry.value(), number, 10))
        return error() << "external data has the " << entry.key() << " '" << entry.value()
                       << "', which is no number; export the model again";
    } // checksum and basepath say nothing that is needed
  }
  const ExternalFiles::File &file = files.look(place.file);
  if (!file.problem.empty())
    return error() << file.problem;
  if (place.length != bytes)
    return error() << "external data '" << place.file << "' gives it " << place.length
                   << " bytes, its type needs " << bytes << "; export the model again";
  if (place.offset > file.size || bytes > file.size - place.offset)
    return error() << "external data '" << place.file << "' is too short: needs bytes "
                   << place.offset << " to " << llvm::SaturatingAdd(place.offset, bytes)
                   << ", the file has " << file.size << "; copy it again completely";
  return place;
}

/// Elements of a varint field as little-endian bytes of `width`.
template <typename Field>
static void appendNarrow(const Field &field, uint64_t width, std::string &out) {
  for (auto value : field) {
    const uint64_t bits = static_cast<uint64_t>(value);
    out.append(reinterpret_cast<const char *>(&bits),
               width); // little-endian hosts only, see README.md
  }
}

FailureOr<DenseElementsAttr> Initializers::decode(const TensorProto &tensor, RankedTensorType type,
                                                  const std::string &what) {
  const uint64_t width = elementBytes(type.getElementType());
  const uint64_t bytes = type.getNumElements() * width;
  std::string raw;
  if (tensor.data_location() == TensorProto::EXTERNAL) {
    FailureOr<Place> place = externalPlace(tensor, what, bytes);
    if (failed(place))
      return failure();
    if (!files.read(place->file, place->offset, bytes, raw))
      return errorIn(context, model.path)
             << what << ": cannot read external data '" << place->file << "'";
  } else if (tensor.has_raw_data()) {
    raw = tensor.raw_data();
  } else {
    switch (tensor.data_type()) {
    case TensorProto::FLOAT:
      raw.assign(reinterpret_cast<const char *>(tensor.float_data().data()),
                 tensor.float_data_size() * sizeof(float));
      break;
    case TensorProto::DOUBLE:
      raw.assign(reinterpret_cast<const char *>(tensor.double_data().data()),
                 tensor.double_data_size() * sizeof(double));
      break;
    case TensorProto::INT64:
      appendNarrow(tensor.int64_data(), width, raw);
      break;
    case TensorProto::UINT32:
    case TensorProto::UINT64:
      appendNarrow(tensor.uint64_data(), width, raw);
      break;
    default: // BOOL, (U)INT8, (U)INT16, INT32, FLOAT16 and BFLOAT16 as bits
      appendNarrow(tensor.int32_data(), width, raw);
    }
  }
  if (raw.size() != bytes)
    return errorIn(context, model.path)
           << what << " has " << raw.size() << " bytes of elements, its type " << type << " needs "
           << bytes << "; export the model again";
  if (type.getElementType().isInteger(1)) {
    SmallVector<bool> bools;
    for (char byte : raw)
      bools.push_back(byte != 0);
    return DenseElementsAttr::get(type, ArrayRef<bool>(bools));
  }
  return DenseElementsAttr::getFromRawBuffer(type, ArrayRef<char>(raw.data(), raw.size()));
}

FailureOr<TensorSource> Initializers::convert(const TensorProto &tensor, const Twine &whatTwine) {
  const std::string what = whatTwine.str();
  auto error = [&] { return errorIn(context, model.path) << what; };
  Type element = elementType(context, tensor.data_type());
  if (!element)
    return error()
           << " has element type " << dtypeName(tensor.data_type())
           << ", which is not supported; supported are floats of 16 to 64 bits, integers and BOOL";
  uint64_t count = 1;
  for (int64_t size : tensor.dims()) {
    if (size < 0 || (size > 0 && count > kMostElements / static_cast<uint64_t>(size)))
      return error() << " has an impossible shape; export the model again";
    count *= static_cast<uint64_t>(size);
  }
  TensorSource source;
  source.type =
      RankedTensorType::get(llvm::ArrayRef(tensor.dims().data(), tensor.dims_size()), element);
  const uint64_t bytes = count * elementBytes(element);
  const bool isWeight = isa<FloatType>(element) && !tensor.dims().empty() && count > 1;
  if (count == 0 || (!isWeight && bytes <= kInlineLimit)) {
    if (count == 0) {
      source.constant = DenseElementsAttr::getFromRawBuffer(source.type, {});
      return source;
    }
    FailureOr<DenseElementsAttr> elements = decode(tensor, source.type, what);
    if (failed(elements))
      return failure();
    source.constant = *elements;
    return source;
  }

  Place place;
  if (tensor.data_location() == TensorProto::EXTERNAL) {
    FailureOr<Place> external = externalPlace(tensor, what, bytes);
    if (failed(external))
      return failure();
    place = *external;
  } else if (tensor.has_segment()) {
    place = {model.file, static_cast<uint64_t>(tensor.segment().begin()),
             static_cast<uint64_t>(tensor.segment().end() - tensor.segment().begin())};
    if (place.length != bytes)
      return error() << " has " << place.length << " bytes of elements, its type " << source.type
                     << " needs " << bytes << "; export the model again";
  } else {
    return error() << " is not stored as raw bytes; save the model with raw_data or external data";
  }
  SmallVector<int64_t> at(tensor.dims_size(), 0), strides(tensor.dims_size(), 1);
  for (int axis = tensor.dims_size() - 2; axis >= 0; --axis)
    strides[axis] = strides[axis + 1] * tensor.dims(axis + 1);
  source.box = nn::BoxAttr::get(context, place.file, static_cast<int64_t>(place.offset), element,
                                at, source.type.getShape(), strides);
  return source;
}

} // namespace mixserve::import
