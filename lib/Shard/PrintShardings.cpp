//===- PrintShardings.cpp - Where everything lies, who chose it, what it costs ===//
#include "CollectiveCauses.h"
#include "RuleInference.h"
#include "mixserve/Shard/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/AsmState.h"

namespace mixserve {
#define GEN_PASS_DEF_PRINTSHARDINGS
#include "mixserve/Shard/Passes.h.inc"
} // namespace mixserve

using namespace mlir;

namespace mixserve {
namespace {

using plan::ShardingAttr;
using shard::Collectives;

/// The type over all ranks: columns that are split are as many times wider. Token rows stay dynamic.
RankedTensorType globalType(RankedTensorType local, ShardingAttr sharding, plan::MeshAttr mesh) {
  SmallVector<int64_t> shape(local.getShape());
  for (auto [size, split] : llvm::zip_equal(shape, sharding.getDims()))
    if (!ShapedType::isDynamic(size))
      size *= split.getNumRanks(mesh);
  return RankedTensorType::get(shape, local.getElementType());
}

RankedTensorType bare(RankedTensorType type) {
  return RankedTensorType::get(type.getShape(), type.getElementType());
}

/// The lines of one module.
class Printer {
public:
  Printer(ModuleOp module, plan::MeshAttr mesh, raw_ostream &os)
      : module(module), mesh(mesh), os(os), names(module) {}

  void print() {
    os << "mesh " << mesh;
    if (auto layout = module->getAttr(plan::kLayoutAttr))
      os << ", layout " << layout;
    os << "\nparameters\n";
    collectParamRefs();
    for (auto param : module.getOps<nn::ParamOp>())
      printParam(param);
    for (auto func : module.getOps<func::FuncOp>())
      if (func->hasAttr(plan::kMethodAttr))
        printFunction(func);
  }

private:
  void collectParamRefs() {
    module.walk([&](nn::ParamRefOp ref) { refs[ref.getParam()].push_back(ref); });
  }

  void printParam(nn::ParamOp param) {
    os << "  @" << param.getSymName() << ": " << param.getTensorType();
    ShardingAttr sharding = param.getShardingAttrOrNull();
    if (!sharding) {
      os << ", no sharding\n";
      return;
    }
    os << ", local " << shard::localType(param.getTensorType(), sharding, mesh) << ", " << sharding;
    printChooser(param);
    Collectives causes;
    for (nn::ParamRefOp ref : refs.lookup(param.getSymName()))
      for (Operation *op : shard::causedBy(ref, sharding, mesh))
        causes.insert(op);
    printCollectives(causes, /*withFunction=*/true);
  }

  void printFunction(func::FuncOp func) {
    os << "@" << func.getSymName() << "\n";
    func.getBody().walk<WalkOrder::PreOrder>([&](Operation *op) {
      for (Value result : op->getResults())
        printActivation(op, result);
    });
  }

  void printActivation(Operation *op, Value value) {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    if (!type || isa<nn::ParamRefOp>(op))
      return;
    os << "  ";
    if (auto layer = op->getAttrOfType<IntegerAttr>(nn::kLayerAttr))
      os << "layer " << layer.getInt() << " ";
    value.printAsOperand(os, names);
    os << " " << op->getName();
    if (auto site = op->getAttrOfType<coll::SiteAttr>("site"))
      os << " " << stringifySite(site.getValue());
    ShardingAttr sharding = ShardingAttr::of(type);
    if (!sharding) {
      os << ": " << type << ", no sharding\n";
      return;
    }
    os << ": " << globalType(type, sharding, mesh) << ", local " << bare(type) << ", " << sharding;
    printChooser(op);
    printCollectives(shard::causedBy(value), /*withFunction=*/false);
  }

  void printChooser(Operation *op) {
    if (auto by = op->getAttrOfType<StringAttr>(plan::kChosenByAttr))
      os << ", by " << by;
    else
      os << ", by nobody known";
  }

  void printCollectives(const Collectives &collectives, bool withFunction) {
    os << "\n";
    for (Operation *op : collectives) {
      os << "    causes ";
      if (withFunction)
        os << "@" << op->getParentOfType<func::FuncOp>().getSymName() << " ";
      os << op->getName();
      if (auto site = op->getAttrOfType<coll::SiteAttr>("site"))
        os << " " << stringifySite(site.getValue());
      os << " over " << shard::axesOf(op, mesh);
      if (auto bytes = op->getAttrOfType<plan::BytesAttr>(plan::kBytesAttr))
        os << ", bytes: intra " << bytes.getIntra() << ", inter " << bytes.getInter() << " at "
           << bytes.getTokens() << " tokens\n";
      else
        os << ", bytes: not annotated\n";
    }
  }

  ModuleOp module;
  plan::MeshAttr mesh;
  raw_ostream &os;
  AsmState names;
  llvm::StringMap<SmallVector<nn::ParamRefOp>> refs;
};

struct PrintShardings : impl::PrintShardingsBase<PrintShardings> {
  void runOnOperation() override {
    auto mesh = getOperation()->getAttrOfType<plan::MeshAttr>(plan::kMeshAttr);
    if (!mesh) {
      getOperation().emitError("has no '") << plan::kMeshAttr << "': nothing is placed yet";
      return signalPassFailure();
    }
    Printer(getOperation(), mesh, llvm::outs()).print();
    markAllAnalysesPreserved();
  }
};

} // namespace
} // namespace mixserve
