//===- OnnxToMlir.cpp - the module of a model -------------------------------------------------===//

#include "Diagnose.h"
#include "Initializers.h"
#include "NodeBuilder.h"
#include "OnnxReader.h"
#include "UnsupportedOperators.h"
#include "mixserve/Import/ImportOnnx.h"

#include "dialects/nn/NNDialect.h"
#include "dialects/onnx/OnnxDialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/IR/Verifier.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;

namespace mixserve::import {

namespace {

class Importer {
public:
  Importer(const OnnxModel &model, MLIRContext *context)
      : model(model), context(context), builder(context), initializers(model, context) {}

  OwningOpRef<ModuleOp> run();

private:
  InFlightDiagnostic error() { return errorIn(context, model.path); }
  LogicalResult checkHeader();
  LogicalResult collectNames();
  FailureOr<Type> valueType(const ::onnx::TypeProto &type, StringRef name, StringRef role);
  FailureOr<Type> declaredType(StringRef name);
  DictionaryAttr portAttributes(const ::onnx::ValueInfoProto &info);
  LogicalResult addInputs();
  LogicalResult addNode(const ::onnx::NodeProto &node);
  LogicalResult addReturn();
  /// Says which node or output is at work, for an error.
  using Describe = llvm::function_ref<std::string()>;
  /// The value of that name for a reader; null after an error.
  Value use(StringRef name, Describe reader);
  Value materialize(const TensorSource &source, StringRef name, Location loc);
  LogicalResult define(Value value, StringRef name, Describe what);

  const OnnxModel &model;
  MLIRContext *context;
  OpBuilder builder;
  Initializers initializers;
  std::optional<NodeBuilder> nodes;
  int64_t opset = 0;

  OwningOpRef<ModuleOp> module;
  func::FuncOp main;
  /// What a name of the graph stands for.
  struct Name {
    Value value; // once it is made
    const ::onnx::TensorProto *initializer = nullptr;
    int producer = -1; // the node whose output it is
  };
  llvm::StringMap<Name> names;
  llvm::StringMap<const ::onnx::ValueInfoProto *> outputs;
  SmallVector<std::optional<Type>> types; // builtin types of model.types
  llvm::StringSet<> symbols;              // names of the params
};

LogicalResult Importer::checkHeader() {
  const auto &header = model.header;
  if (!header.has_ir_version())
    return error() << "has no ir_version, so it is no ONNX model";
  if (header.ir_version() > kNewestIrVersion)
    return error() << "has ir_version " << header.ir_version() << ", this build reads up to "
                   << kNewestIrVersion << "; export it with an older version";
  if (header.opset_import_size() == 0)
    return error() << "imports no operator set, so its end may be missing; export or copy it again";
  bool hasDefault = false;
  for (const auto &import : header.opset_import())
    if (isDefaultDomain(import.domain())) {
      if (hasDefault)
        return error() << "imports the operator set ai.onnx twice";
      hasDefault = true;
      opset = import.version();
    }
  if (hasDefault && (opset < kOldestOpset || opset > kNewestOpset))
    return error() << "uses ai.onnx opset " << opset << ", this build reads " << kOldestOpset
                   << " to " << kNewestOpset << "; export it with an opset in that range";
  if (model.graph.node_size() == 0)
    return error() << "has a graph without nodes";
  return success();
}

LogicalResult Importer::collectNames() {
  for (const auto &tensor : model.graph.initializer()) {
    if (tensor.name().empty())
      return error() << "an initialiser has no name; export the model again";
    if (!names.try_emplace(tensor.name(), Name{Value(), &tensor}).second)
      return error() << "two initialisers are named '" << tensor.name()
                     << "'; export the model again";
  }
  for (int i = 0; i < model.graph.node_size(); ++i)
    for (const std::string &output : model.graph.node(i).output())
      if (!output.empty() && !names.try_emplace(output, Name{Value(), nullptr, i}).second)
        return error() << describe(model.graph.node(i)) << ": value '" << output
                       << "' is defined a second time; export the model again";
  for (const auto &info : model.graph.output())
    outputs[info.name()] = &info;
  types.resize(model.types.size());
  return success();
}

/// The builtin type of a declared value; null if it declares none.
FailureOr<Type> Importer::valueType(const ::onnx::TypeProto &type, StringRef name, StringRef role) {
  if (type.value_case() == ::onnx::TypeProto::VALUE_NOT_SET)
    return Type();
  if (!type.has_tensor_type())
    return error() << role << " '" << name << "' is no tensor, which is not supported";
  const auto &tensor = type.tensor_type();
  if (tensor.elem_type() == 0 && role == "value")
    return Type();
  Type element = elementType(context, tensor.elem_type());
  if (!element)
    return error() << role << " '" << name << "' has element type " << dtypeName(tensor.elem_type())
                   << ", which is not supported";
  if (!tensor.has_shape())
    return Type(UnrankedTensorType::get(element));
  SmallVector<int64_t> shape;
  for (const auto &dim : tensor.shape().dim())
    shape.push_back(dim.has_dim_value() && dim.dim_value() >= 0 ? dim.dim_value()
                                                                : ShapedType::kDynamic);
  return Type(RankedTensorType::get(shape, element));
}

/// What the graph says of a value of its own; null if nothing. An output's type counts before
/// value_info.
FailureOr<Type> Importer::declaredType(StringRef name) {
  if (auto output = outputs.find(name); output != outputs.end())
    return valueType(output->second->type(), name, "value");
  auto number = model.typeOfValue.find(name);
  if (number == model.typeOfValue.end())
    return Type();
  std::optional<Type> &known = types[number->second];
  if (!known) {
    FailureOr<Type> type = valueType(model.types[number->second], name, "value");
    if (failed(type))
      return failure();
    known = *type;
  }
  return *known;
}

/// `onnx.name`, and `onnx.dims`: the size or the symbolic name of every axis ("" where it has
/// neither).
DictionaryAttr Importer::portAttributes(const ::onnx::ValueInfoProto &info) {
  NamedAttrList attributes;
  attributes.set("onnx.name", builder.getStringAttr(info.name()));
  if (info.type().tensor_type().has_shape()) {
    SmallVector<Attribute> dims;
    for (const auto &dim : info.type().tensor_type().shape().dim())
      dims.push_back(builder.getStringAttr(dim.has_dim_value() ? std::to_string(dim.dim_value())
                                                               : dim.dim_param()));
    attributes.set("onnx.dims", builder.getArrayAttr(dims));
  }
  return attributes.getDictionary(context);
}

LogicalResult Importer::addInputs() {
  SmallVector<Type> types;
  SmallVector<Attribute> attributes;
  SmallVector<StringRef> arguments;
  for (const auto &input : model.graph.input()) {
    auto known = names.find(input.name());
    if (known != names.end() && known->second.initializer)
      continue; // an initialiser listed as input is a constant here
    FailureOr<Type> type = valueType(input.type(), input.name(), "input");
    if (failed(type))
      return failure();
    if (!*type)
      return error() << "input '" << input.name() << "' has no type; export the model again";
    if (known != names.end())
      return error() << "input '" << input.name()
                     << "' is also the output of a node; export the model again";
    types.push_back(*type);
    arguments.push_back(input.name());
    attributes.push_back(portAttributes(input));
  }
  main =
      func::FuncOp::create(builder, module->getLoc(), "main", builder.getFunctionType(types, {}));
  main.setArgAttrsAttr(builder.getArrayAttr(attributes));
  Block *block = main.addEntryBlock();
  builder.setInsertionPointToStart(block);
  for (auto [name, argument] : llvm::zip_equal(arguments, block->getArguments()))
    if (name.empty() || !names.try_emplace(name, Name{argument}).second)
      return error() << "two inputs are named '" << name
                     << "', or one has no name; export the model again";
  return success();
}

Value Importer::materialize(const TensorSource &source, StringRef name, Location loc) {
  if (source.constant)
    return onnx::ConstantOp::create(builder, loc, source.type, source.constant);
  std::string symbol = name.str();
  while (symbol == "main" || !symbols.insert(symbol).second)
    symbol += '_';
  OpBuilder beforeMain(main);
  nn::ParamOp::create(beforeMain, loc, builder.getStringAttr(symbol), TypeAttr::get(source.type),
                      builder.getArrayAttr({source.box}), Attribute(), nn::PackAttr());
  return nn::ParamRefOp::create(builder, loc, source.type, FlatSymbolRefAttr::get(context, symbol));
}

Value Importer::use(StringRef name, Describe reader) {
  auto found = names.find(name);
  if (found == names.end()) {
    error() << reader() << " reads '" << name
            << "', which nothing in the graph defines; export the model again";
    return Value();
  }
  Name &known = found->second;
  if (known.value)
    return known.value;
  if (known.initializer) {
    FailureOr<TensorSource> source =
        initializers.convert(*known.initializer, "initialiser '" + name + "'");
    if (failed(source))
      return Value();
    auto loc = NameLoc::get(builder.getStringAttr("initializer:" + name));
    return known.value = materialize(*source, name, loc);
  }
  error()
      << reader() << " reads '" << name << "', which only the later "
      << describe(model.graph.node(known.producer))
      << " makes: the nodes are not in topological order or form a cycle; export the model again";
  return Value();
}

/// Registers a result under its name, with the type that ONNX's rule gave it joined with the
/// declared one.
LogicalResult Importer::define(Value value, StringRef name, Describe what) {
  if (isa<TensorType>(value.getType())) {
    FailureOr<Type> wanted = declaredType(name);
    if (failed(wanted))
      return failure();
    Type got = value.getType();
    if (*wanted && (getElementTypeOrSelf(*wanted) != getElementTypeOrSelf(got) ||
                    failed(verifyCompatibleShape(*wanted, got))))
      return error() << what() << ": value '" << name << "' is declared " << *wanted
                     << ", but the operator gives " << got << "; export the model again";
    if (auto ranked = dyn_cast_if_present<RankedTensorType>(*wanted)) {
      SmallVector<int64_t> shape(ranked.getShape());
      if (auto rule = dyn_cast<RankedTensorType>(got))
        for (auto [size, known] : llvm::zip_equal(shape, rule.getShape()))
          if (ShapedType::isDynamic(size))
            size = known;
      value.setType(ranked.clone(shape));
    }
  }
  names[name].value = value;
  return success();
}

LogicalResult Importer::addNode(const ::onnx::NodeProto &node) {
  auto what = [&] { return describe(node); };
  if (node.op_type() == "Constant") {
    FailureOr<TensorSource> source = nodes->constant(node);
    if (failed(source))
      return failure();
    auto loc = NameLoc::get(builder.getStringAttr("Constant:" + node.name()));
    return define(materialize(*source, node.output(0), loc), node.output(0), what);
  }
  SmallVector<Value> operands;
  for (const std::string &input : node.input()) {
    Value operand = input.empty() ? Value() : use(input, what);
    if (!input.empty() && !operand)
      return failure();
    operands.push_back(operand);
  }
  Operation *op = nodes->build(node, *findOperator(node.op_type()), operands);
  if (!op)
    return failure();
  for (int i = 0; i < node.output_size(); ++i)
    if (!node.output(i).empty() && failed(define(op->getResult(i), node.output(i), what)))
      return failure();
  return success();
}

LogicalResult Importer::addReturn() {
  SmallVector<Value> results;
  SmallVector<Attribute> attributes;
  for (const auto &output : model.graph.output()) {
    Value value = use(output.name(), [&] { return "output '" + output.name() + "'"; });
    if (!value)
      return failure();
    results.push_back(value);
    attributes.push_back(portAttributes(output));
  }
  if (results.empty())
    return error() << "has no outputs, so its end may be missing; export or copy it again";
  func::ReturnOp::create(builder, main.getLoc(), results);
  main.setType(builder.getFunctionType(main.getArgumentTypes(), ValueRange(results).getTypes()));
  main.setResAttrsAttr(builder.getArrayAttr(attributes));
  return success();
}

OwningOpRef<ModuleOp> Importer::run() {
  if (failed(checkHeader()) || failed(refuseUnsupportedOperators(model, opset, context)) ||
      failed(collectNames()))
    return nullptr;
  module = ModuleOp::create(NameLoc::get(builder.getStringAttr(model.file)));
  NamedAttrList versions;
  for (const auto &import : model.header.opset_import())
    versions.set(isDefaultDomain(import.domain()) ? "ai.onnx" : import.domain(),
                 builder.getI64IntegerAttr(import.version()));
  (*module)->setAttr("onnx.ir_version", builder.getI64IntegerAttr(model.header.ir_version()));
  (*module)->setAttr("onnx.opset", versions.getDictionary(context));
  (*module)->setAttr(
      "onnx.producer",
      builder.getStringAttr(
          StringRef(model.header.producer_name() + " " + model.header.producer_version()).trim()));
  (*module)->setAttr(nn::kSourceFolderAttr, builder.getStringAttr(model.folder));
  builder.setInsertionPointToStart(module->getBody());
  if (failed(addInputs()))
    return nullptr;
  nodes.emplace(model, initializers, builder, opset);
  for (const auto &node : model.graph.node())
    if (failed(addNode(node)))
      return nullptr;
  if (failed(addReturn()) || failed(verify(*module)))
    return nullptr;
  return std::move(module);
}

} // namespace
} // namespace mixserve::import

OwningOpRef<ModuleOp> mixserve::importOnnx(StringRef path, MLIRContext &context) {
  context.loadDialect<onnx::OnnxDialect, nn::NNDialect, func::FuncDialect>();
  FailureOr<import::OnnxModel> model = import::readOnnx(path, context);
  if (failed(model))
    return nullptr;
  return import::Importer(*model, &context).run();
}
