//===- Params.cpp - Boxes of files and the parameters that they tile --------===//
#include "dialects/nn/NNDialect.h"
#include "dialects/nn/WeightPacking.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mixserve;
using namespace mixserve::nn;

#include "dialects/nn/NNEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/nn/NNAttrs.cpp.inc"

void NNDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/nn/NNAttrs.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// BoxAttr: <"file", offset = 0, type = f32, at = [0], shape = [4], strides = [1]>
//===----------------------------------------------------------------------===//

static ParseResult parseIntegers(AsmParser &parser, StringRef key,
                                 SmallVectorImpl<int64_t> &values) {
  auto parseOne = [&] { return parser.parseInteger(values.emplace_back()); };
  return failure(parser.parseComma() || parser.parseKeyword(key) || parser.parseEqual() ||
                 parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, parseOne));
}

Attribute BoxAttr::parse(AsmParser &parser, Type) {
  std::string file;
  int64_t offset = 0;
  Type type;
  SmallVector<int64_t> at, shape, strides;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseLess() || parser.parseString(&file) || parser.parseComma() ||
      parser.parseKeyword("offset") || parser.parseEqual() || parser.parseInteger(offset) ||
      parser.parseComma() || parser.parseKeyword("type") || parser.parseEqual() ||
      parser.parseType(type) || parseIntegers(parser, "at", at) ||
      parseIntegers(parser, "shape", shape) || parseIntegers(parser, "strides", strides) ||
      parser.parseGreater())
    return {};
  return getChecked([&] { return parser.emitError(loc); }, parser.getContext(), file, offset, type,
                    at, shape, strides);
}

void BoxAttr::print(AsmPrinter &printer) const {
  printer << "<\"";
  llvm::printEscapedString(getFile(), printer.getStream());
  printer << "\", offset = " << getOffset() << ", type = " << getType() << ", at = [";
  llvm::interleaveComma(getAt(), printer);
  printer << "], shape = [";
  llvm::interleaveComma(getShape(), printer);
  printer << "], strides = [";
  llvm::interleaveComma(getStrides(), printer);
  printer << "]>";
}

LogicalResult BoxAttr::verify(llvm::function_ref<InFlightDiagnostic()> emitError, StringRef,
                              int64_t offset, Type, ArrayRef<int64_t> at, ArrayRef<int64_t> shape,
                              ArrayRef<int64_t> strides) {
  if (at.size() != shape.size() || strides.size() != shape.size())
    return emitError() << "(C1) at, shape and strides have ranks " << at.size() << ", "
                       << shape.size() << " and " << strides.size();
  auto negative = [](int64_t value) { return value < 0; };
  if (offset < 0 || llvm::any_of(at, negative) || llvm::any_of(strides, negative) ||
      llvm::any_of(shape, [](int64_t size) { return size < 1; }))
    return emitError() << "(C2) offset, at and strides must not be negative, sizes at least 1";
  return success();
}

//===----------------------------------------------------------------------===//
// ParamOp, ParamRefOp
//===----------------------------------------------------------------------===//

/// True if the two boxes share an element of the parameter.
static bool overlap(BoxAttr a, BoxAttr b) {
  for (size_t d = 0; d < a.getShape().size(); ++d)
    if (a.getAt()[d] + a.getShape()[d] <= b.getAt()[d] ||
        b.getAt()[d] + b.getShape()[d] <= a.getAt()[d])
      return false;
  return true;
}

LogicalResult ParamOp::verify() {
  RankedTensorType type = getTensorType();
  if (!type.hasStaticShape())
    return emitOpError("(C1) type must be static, got ") << type;
  int64_t elements = 0;
  SmallVector<BoxAttr> boxes(getBoxes().getAsRange<BoxAttr>());
  for (BoxAttr box : boxes) {
    if (static_cast<int64_t>(box.getShape().size()) != type.getRank())
      return emitOpError("(C2) box ") << box << " has another rank than " << type;
    for (int64_t d = 0; d < type.getRank(); ++d)
      if (box.getAt()[d] + box.getShape()[d] > type.getDimSize(d))
        return emitOpError("(C2) box ") << box << " leaves dimension " << d << " of " << type;
    elements += ShapedType::getNumElements(box.getShape());
  }
  if (elements != type.getNumElements())
    return emitOpError("(C3) boxes hold ")
           << elements << " elements, the type has " << type.getNumElements();
  // With the right number of elements, boxes tile exactly if no two overlap. Neighbours in a sorted
  // order are compared with a sweep over dimension 0, so stacks of many experts stay linear.
  llvm::sort(boxes, [](BoxAttr a, BoxAttr b) {
    return !a.getAt().empty() && a.getAt()[0] < b.getAt()[0];
  });
  for (size_t i = 0; i < boxes.size(); ++i)
    for (size_t j = i + 1; j < boxes.size(); ++j) {
      if (!boxes[i].getAt().empty() &&
          boxes[j].getAt()[0] >= boxes[i].getAt()[0] + boxes[i].getShape()[0])
        break;
      if (overlap(boxes[i], boxes[j]))
        return emitOpError("(C3) boxes overlap: ") << boxes[i] << " and " << boxes[j];
    }
  if (Attribute attr = getShardingAttr()) {
    auto sharding = dyn_cast<plan::ShardingAttr>(attr);
    if (!sharding || static_cast<int64_t>(sharding.getDims().size()) != type.getRank() ||
        !sharding.getPartial().empty())
      return emitOpError("(C4) sharding must have ")
             << type.getRank() << " axis lists and no partial sum, got " << attr;
  }
  return verifyPacking(*this);
}

LogicalResult ParamRefOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto param = symbols.lookupNearestSymbolFrom<ParamOp>(*this, getParamAttr());
  if (!param)
    return emitOpError("(C1) '") << getParam() << "' names no nn.param";
  RankedTensorType whole = param.getTensorType(), part = getResult().getType();
  bool fits = whole.getRank() == part.getRank() && whole.getElementType() == part.getElementType();
  for (int64_t d = 0; fits && d < whole.getRank(); ++d)
    fits = part.isDynamicDim(d) || part.getDimSize(d) <= whole.getDimSize(d);
  if (!fits)
    return (emitOpError("(C2) ") << part << " is no part of the parameter's type " << whole)
               .attachNote(param.getLoc())
           << "parameter is here";
  return success();
}
