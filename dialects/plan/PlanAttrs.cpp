//===- PlanAttrs.cpp - Text form, constraints and rank arithmetic -----------===//
#include "dialects/plan/PlanDialect.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/SmallSet.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mixserve::plan;

#define GET_ATTRDEF_CLASSES
#include "dialects/plan/PlanAttrs.cpp.inc"

void PlanDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/plan/PlanAttrs.cpp.inc"
      >();
}

using EmitError = llvm::function_ref<InFlightDiagnostic()>;

//===----------------------------------------------------------------------===//
// MeshAttr: <["node"=2, "device"=4]>
//===----------------------------------------------------------------------===//

Attribute MeshAttr::parse(AsmParser &parser, Type) {
  SmallVector<StringAttr> names;
  SmallVector<int64_t> sizes;
  auto parseAxis = [&]() -> ParseResult {
    std::string name;
    int64_t size = 0;
    if (parser.parseString(&name) || parser.parseEqual() || parser.parseInteger(size))
      return failure();
    names.push_back(StringAttr::get(parser.getContext(), name));
    sizes.push_back(size);
    return success();
  };
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseLess() ||
      parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, parseAxis) ||
      parser.parseGreater())
    return {};
  return getChecked([&] { return parser.emitError(loc); }, parser.getContext(), names, sizes);
}

void MeshAttr::print(AsmPrinter &printer) const {
  printer << "<[";
  llvm::interleaveComma(llvm::zip(getNames(), getSizes()), printer, [&](auto axis) {
    printer << std::get<0>(axis) << "=" << std::get<1>(axis);
  });
  printer << "]>";
}

LogicalResult MeshAttr::verify(EmitError emitError, ArrayRef<StringAttr> names,
                               ArrayRef<int64_t> sizes) {
  llvm::SmallSet<StringRef, 4> seen;
  for (auto [name, size] : llvm::zip_equal(names, sizes)) {
    if (name.getValue().empty() || !seen.insert(name.getValue()).second)
      return emitError() << "(C1) axis names must be distinct and not empty, got " << name;
    if (size < 1)
      return emitError() << "(C2) axis " << name << " has size " << size << ", expected at least 1";
  }
  return success();
}

int64_t MeshAttr::getNumRanks() const {
  int64_t ranks = 1;
  for (int64_t size : getSizes())
    ranks *= size;
  return ranks;
}

int64_t MeshAttr::getAxisSize(StringRef name) const {
  for (auto [axis, size] : llvm::zip_equal(getNames(), getSizes()))
    if (axis.getValue() == name)
      return size;
  return 0;
}

//===----------------------------------------------------------------------===//
// AxisRefAttr and AxesAttr: {"node", "device":(1)2}
//===----------------------------------------------------------------------===//

static FailureOr<AxisRefAttr> parseAxisRef(AsmParser &parser) {
  std::string name;
  int64_t pre = 0, size = 0;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseString(&name))
    return failure();
  if (succeeded(parser.parseOptionalColon()))
    if (parser.parseLParen() || parser.parseInteger(pre) || parser.parseRParen() ||
        parser.parseInteger(size))
      return failure();
  MLIRContext *context = parser.getContext();
  auto axis = AxisRefAttr::getChecked([&] { return parser.emitError(loc); }, context,
                                      StringAttr::get(context, name), pre, size);
  if (!axis)
    return failure();
  return axis;
}

static void printAxisRef(AsmPrinter &printer, AxisRefAttr axis) {
  printer << axis.getName();
  if (!axis.isWhole())
    printer << ":(" << axis.getPre() << ")" << axis.getSize();
}

static FailureOr<AxesAttr> parseAxes(AsmParser &parser) {
  SmallVector<AxisRefAttr> axes;
  SMLoc loc = parser.getCurrentLocation();
  auto parseOne = [&]() -> ParseResult {
    FailureOr<AxisRefAttr> axis = parseAxisRef(parser);
    if (failed(axis))
      return failure();
    axes.push_back(*axis);
    return success();
  };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Braces, parseOne))
    return failure();
  auto attr =
      AxesAttr::getChecked([&] { return parser.emitError(loc); }, parser.getContext(), axes);
  if (!attr)
    return failure();
  return attr;
}

static void printAxes(AsmPrinter &printer, AxesAttr axes) {
  printer << "{";
  llvm::interleaveComma(axes.getAxes(), printer,
                        [&](AxisRefAttr axis) { printAxisRef(printer, axis); });
  printer << "}";
}

Attribute AxisRefAttr::parse(AsmParser &parser, Type) {
  if (parser.parseLess())
    return {};
  FailureOr<AxisRefAttr> axis = parseAxisRef(parser);
  if (failed(axis) || parser.parseGreater())
    return {};
  return *axis;
}

void AxisRefAttr::print(AsmPrinter &printer) const {
  printer << "<";
  printAxisRef(printer, *this);
  printer << ">";
}

LogicalResult AxisRefAttr::verify(EmitError emitError, StringAttr name, int64_t pre, int64_t size) {
  const bool whole = pre == 0 && size == 0;
  if (!whole && (pre < 1 || size < 2))
    return emitError() << "(C1) sub-axis of " << name << " needs pre >= 1 and size >= 2, got ("
                       << pre << ")" << size;
  return success();
}

Attribute AxesAttr::parse(AsmParser &parser, Type) {
  if (parser.parseLess())
    return {};
  FailureOr<AxesAttr> axes = parseAxes(parser);
  if (failed(axes) || parser.parseGreater())
    return {};
  return *axes;
}

void AxesAttr::print(AsmPrinter &printer) const {
  printer << "<";
  printAxes(printer, *this);
  printer << ">";
}

/// First axis of `axes` that overlaps one of `seen`; adds the others to it.
static AxisRefAttr firstOverlap(ArrayRef<AxisRefAttr> axes, SmallVectorImpl<AxisRefAttr> &seen) {
  for (AxisRefAttr axis : axes) {
    for (AxisRefAttr other : seen) {
      if (axis.getName() != other.getName())
        continue;
      // Parts of one axis are disjoint if one ends (pre * size) where the other begins (pre).
      if (axis.isWhole() || other.isWhole() ||
          (axis.getPre() * axis.getSize() > other.getPre() &&
           other.getPre() * other.getSize() > axis.getPre()))
        return axis;
    }
    seen.push_back(axis);
  }
  return {};
}

LogicalResult AxesAttr::verify(EmitError emitError, ArrayRef<AxisRefAttr> axes) {
  SmallVector<AxisRefAttr> seen;
  if (AxisRefAttr twice = firstOverlap(axes, seen))
    return emitError() << "(C1) axis " << twice.getName() << " appears twice";
  return success();
}

int64_t AxesAttr::getNumRanks(MeshAttr mesh) const {
  int64_t ranks = 1;
  for (AxisRefAttr axis : getAxes())
    ranks *= axis.isWhole() ? mesh.getAxisSize(axis.getName()) : axis.getSize();
  return ranks;
}

int64_t AxesAttr::getCoordinate(MeshAttr mesh, int64_t rank) const {
  int64_t coordinate = 0;
  for (AxisRefAttr axis : getAxes()) {
    int64_t stride = 1; // ranks per step along the whole axis
    int64_t whole = 0;
    for (int64_t i = mesh.getNames().size() - 1; i >= 0; --i) {
      if (mesh.getNames()[i] == axis.getName()) {
        whole = mesh.getSizes()[i];
        break;
      }
      stride *= mesh.getSizes()[i];
    }
    assert(whole > 0 && "axis is not in the mesh");
    const int64_t index = rank / stride % whole;
    if (axis.isWhole()) {
      coordinate = coordinate * whole + index;
      continue;
    }
    const int64_t below = whole / (axis.getPre() * axis.getSize());
    coordinate = coordinate * axis.getSize() + index / below % axis.getSize();
  }
  return coordinate;
}

//===----------------------------------------------------------------------===//
// ShardingAttr: <[{"node"}, {}], rows = group, partial = {"device"}>
//===----------------------------------------------------------------------===//

Attribute ShardingAttr::parse(AsmParser &parser, Type) {
  MLIRContext *context = parser.getContext();
  SmallVector<AxesAttr> dims;
  AxesAttr partial = AxesAttr::get(context, {});
  RowSet rows = RowSet::None;
  auto parseDim = [&]() -> ParseResult {
    FailureOr<AxesAttr> axes = parseAxes(parser);
    if (failed(axes))
      return failure();
    dims.push_back(*axes);
    return success();
  };
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseLess() || parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, parseDim))
    return {};
  while (succeeded(parser.parseOptionalComma())) {
    StringRef key;
    if (parser.parseKeyword(&key) || parser.parseEqual())
      return {};
    if (key == "rows") {
      StringRef value;
      if (parser.parseKeyword(&value))
        return {};
      std::optional<RowSet> set = symbolizeRowSet(value);
      if (!set) {
        parser.emitError(loc) << "unknown row set '" << value << "'";
        return {};
      }
      rows = *set;
    } else if (key == "partial") {
      FailureOr<AxesAttr> axes = parseAxes(parser);
      if (failed(axes))
        return {};
      partial = *axes;
    } else {
      parser.emitError(loc) << "expected 'rows' or 'partial', got '" << key << "'";
      return {};
    }
  }
  if (parser.parseGreater())
    return {};
  return getChecked([&] { return parser.emitError(loc); }, context, dims, partial, rows);
}

void ShardingAttr::print(AsmPrinter &printer) const {
  printer << "<[";
  llvm::interleaveComma(getDims(), printer, [&](AxesAttr axes) { printAxes(printer, axes); });
  printer << "]";
  if (getRows() != RowSet::None)
    printer << ", rows = " << stringifyRowSet(getRows());
  if (!getPartial().empty()) {
    printer << ", partial = ";
    printAxes(printer, getPartial());
  }
  printer << ">";
}

LogicalResult ShardingAttr::verify(EmitError emitError, ArrayRef<AxesAttr> dims, AxesAttr partial,
                                   RowSet) {
  SmallVector<AxisRefAttr> seen;
  for (AxesAttr axes : dims)
    if (AxisRefAttr twice = firstOverlap(axes.getAxes(), seen))
      return emitError() << "(C1) axis " << twice.getName() << " splits two dimensions";
  if (AxisRefAttr twice = firstOverlap(partial.getAxes(), seen))
    return emitError() << "(C1) axis " << twice.getName() << " both splits and is partial";
  return success();
}

bool ShardingAttr::isReplicated() const {
  return getPartial().empty() &&
         llvm::all_of(getDims(), [](AxesAttr axes) { return axes.empty(); });
}

ShardingAttr ShardingAttr::of(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor ? dyn_cast_if_present<ShardingAttr>(tensor.getEncoding()) : ShardingAttr();
}

//===----------------------------------------------------------------------===//
// LayoutAttr, EntryAttr
//===----------------------------------------------------------------------===//

SmallVector<std::pair<StringRef, int64_t>> TimesAttr::getNamedTimes() const {
  return {{"embed_rs", getEmbedRs()},       {"attn_ag", getAttnAg()},
          {"attn_rs", getAttnRs()},         {"dispatch", getDispatch()},
          {"dispatch_ag", getDispatchAg()}, {"combine_rs", getCombineRs()},
          {"combine", getCombine()},        {"lm_head_ag", getLmHeadAg()},
          {"ag_dispatch", getAgDispatch()}, {"rs_combine", getRsCombine()}};
}

LogicalResult TimesAttr::verify(EmitError emitError, int64_t tokens, Method, int64_t chunks,
                                int64_t embedRs, int64_t attnAg, int64_t attnRs, int64_t dispatch,
                                int64_t dispatchAg, int64_t combineRs, int64_t combine,
                                int64_t lmHeadAg, int64_t agDispatch, int64_t rsCombine) {
  if (tokens < 1 || chunks < 1)
    return emitError() << "(C1) tokens and chunks must be at least 1, got " << tokens << " and "
                       << chunks;
  for (int64_t time : {embedRs, attnAg, attnRs, dispatch, dispatchAg, combineRs, combine, lmHeadAg,
                       agDispatch, rsCombine})
    if (time < 0)
      return emitError() << "(C1) times must be at least 0, got " << time;
  return success();
}

LogicalResult LayoutAttr::verify(EmitError emitError, int64_t attnTp, int64_t attnDp, int64_t moeTp,
                                 int64_t moeEp, int64_t pp) {
  if (attnTp < 1 || attnDp < 1 || moeTp < 1 || moeEp < 1 || pp < 1)
    return emitError() << "(C1) every degree must be at least 1";
  if (attnTp * attnDp != moeTp * moeEp)
    return emitError() << "(C2) attn_tp * attn_dp = " << attnTp * attnDp
                       << " differs from moe_tp * moe_ep = " << moeTp * moeEp;
  return success();
}

LogicalResult EntryAttr::verify(EmitError emitError, int64_t maxTokens, Method, int64_t chunks,
                                 int64_t microBatches) {
  if (maxTokens < 1 || chunks < 1)
    return emitError() << "(C1) max_tokens and chunks must be at least 1, got " << maxTokens
                       << " and " << chunks;
  if (microBatches < 1 || microBatches > 2)
    return emitError() << "(C2) micro_batches must be 1 or 2, got " << microBatches;
  return success();
}
