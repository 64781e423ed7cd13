//===- ParamTable.cpp - Number, packing and local part of parameters --------===//
#include "ParamTable.h"
#include "dialects/moe/MoEDialect.h"
#include "runtime/include/mixserve_weights.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace mixserve;

ParamSlice mixserve::sliceOf(nn::ParamOp param, plan::MeshAttr mesh, int64_t rank) {
  ParamSlice slice;
  plan::ShardingAttr sharding = param.getShardingAttrOrNull();
  for (auto [d, size] : llvm::enumerate(param.getTensorType().getShape())) {
    int64_t parts = 1, part = 0;
    if (sharding) {
      parts = sharding.getDims()[d].getNumRanks(mesh);
      part = sharding.getDims()[d].getCoordinate(mesh, rank);
    }
    slice.begin.push_back(part * size / parts);
    slice.size.push_back((part + 1) * size / parts - slice.begin.back());
  }
  return slice;
}

namespace {

/// What the references of one parameter ask for.
struct ParamUse {
  std::optional<nn::Pack> pack;
  bool isTable = false; ///< of an embedding
  SmallVector<nn::ParamRefOp> refs;
};

} // namespace

/// How a use of a weight reads it. Layer functions take weights as arguments: follow them.
static std::optional<nn::Pack> packOf(OpOperand &use, SymbolTableCollection &symbols) {
  Operation *user = use.getOwner();
  if (auto linear = dyn_cast<nn::LinearOp>(user))
    return use.getOperandNumber() == 1 ? nn::Pack::N64 : nn::Pack::Plain;
  if (auto latent = dyn_cast<nn::LatentAttentionOp>(user))
    return use.get() == latent.getWUk() || use.get() == latent.getWUv() ? nn::Pack::N64 : nn::Pack::Plain;
  if (isa<moe::ExpertFfnOp>(user))
    return use.getOperandNumber() >= 3 ? nn::Pack::N64 : nn::Pack::Plain;
  if (auto call = dyn_cast<func::CallOp>(user)) {
    auto callee = symbols.lookupNearestSymbolFrom<func::FuncOp>(call, call.getCalleeAttr());
    if (callee && !callee.isDeclaration())
      for (OpOperand &inner : callee.getArgument(use.getOperandNumber()).getUses())
        return packOf(inner, symbols);
    return std::nullopt;
  }
  return nn::Pack::Plain;
}

static LogicalResult addUses(nn::ParamRefOp ref, ParamUse &use, SymbolTableCollection &symbols) {
  use.refs.push_back(ref);
  for (OpOperand &operand : ref->getUses()) {
    use.isTable |= isa<nn::EmbeddingOp>(operand.getOwner());
    std::optional<nn::Pack> pack = packOf(operand, symbols);
    if (!pack)
      continue;
    if (use.pack && *use.pack != *pack)
      return ref.emitError("parameter '")
             << ref.getParam() << "' is read both as " << stringifyPack(*use.pack) << " and as "
             << stringifyPack(*pack) << "; it can be packed one way only: give it two names";
    use.pack = pack;
  }
  return success();
}

static LogicalResult checkParts(nn::ParamOp param, ArrayRef<nn::ParamRefOp> refs,
                                plan::MeshAttr mesh) {
  auto type = param.getTensorType();
  plan::ShardingAttr sharding = param.getShardingAttrOrNull();
  for (auto [d, size] : llvm::enumerate(type.getShape())) {
    const int64_t parts = sharding ? sharding.getDims()[d].getNumRanks(mesh) : 1;
    if (size % parts != 0 && !(d == 0 && type.getRank() == 3))
      return param.emitError("dimension ") << d << " of size " << size << " does not divide over "
                                           << parts << " ranks; only experts may be uneven";
    if (parts > size)
      return param.emitError("dimension ")
             << d << " of size " << size << " leaves some of " << parts
             << " ranks without a part; choose a smaller degree";
  }
  for (nn::ParamRefOp ref : refs)
    for (int64_t rank = 0; rank < mesh.getNumRanks(); ++rank) {
      ParamSlice slice = sliceOf(param, mesh, rank);
      for (auto [d, size] : llvm::enumerate(ref.getType().getShape()))
        if (!ShapedType::isDynamic(size) && size != slice.size[d])
          return (ref.emitError("type ")
                  << ref.getType() << " is not what rank " << rank << " holds: dimension " << d
                  << " has " << slice.size[d] << " elements there")
                     .attachNote(param.getLoc())
                 << "parameter is here";
    }
  return success();
}

/// Generated loops read float32. Scales are those of the whole matrix: a part along K must begin with
/// a group, or lie in one.
static LogicalResult checkElements(const ParamEntry &entry, plan::MeshAttr mesh) {
  nn::ParamOp param = entry.param;
  const nn::Packing &packing = entry.packing;
  if (packing.layout == nn::Pack::Plain && !entry.isTable && packing.element != nn::WeightType::F32)
    return param.emitError("is ") << packing.str() << ", but only tables of rows may be; its readers "
                                  << "expect f32";
  plan::ShardingAttr sharding = param.getShardingAttrOrNull();
  if (packing.group == 0 || !sharding)
    return success();
  const int64_t k = param.getTensorType().getShape().back();
  const int64_t parts = sharding.getDims().back().getNumRanks(mesh), part = k / parts;
  if (mxs_weight_split_fits(k, parts, packing.group))
    return success();
  return param.emitError("has a scale per ")
         << packing.group << " of its K = " << k << " values, which " << parts << " parts of "
         << part << " would cut; choose a layout with a smaller moe_tp, or --quantize-group="
         << (packing.group == 32 ? 128 : 32);
}

FailureOr<SmallVector<ParamEntry>> mixserve::collectParams(ModuleOp module) {
  auto mesh = module->getAttrOfType<plan::MeshAttr>(plan::kMeshAttr);
  if (!mesh)
    return module.emitError("parameters cannot be placed without '")
           << plan::kMeshAttr << "'; run the phase plan first";
  SymbolTableCollection symbols;
  llvm::DenseMap<StringAttr, ParamUse> uses;
  WalkResult walk = module.walk([&](nn::ParamRefOp ref) {
    return WalkResult(addUses(ref, uses[ref.getParamAttr().getAttr()], symbols));
  });
  if (walk.wasInterrupted())
    return failure();
  SmallVector<ParamEntry> entries;
  for (auto param : module.getOps<nn::ParamOp>()) {
    auto it = uses.find(param.getSymNameAttr());
    if (it == uses.end())
      continue;
    if (!param.getTensorType().getElementType().isF32())
      return param.emitError("parameters are packed as f32, got ") << param.getTensorType();
    if (failed(checkParts(param, it->second.refs, mesh)))
      return failure();
    const nn::Pack layout = it->second.pack.value_or(nn::Pack::Plain);
    ParamEntry entry{param, nn::packingOf(param).value_or(nn::Packing{layout}), it->second.isTable};
    const int64_t rank = param.getTensorType().getRank();
    if (layout == nn::Pack::N64 && rank != 2 && rank != 3)
      return param.emitError("a packed weight must be [N, K] or [E, N, K], got ")
             << param.getTensorType();
    if (entry.packing.layout != layout)
      return param.emitError("is packed ") << stringifyPack(entry.packing.layout)
                                           << ", its readers expect " << stringifyPack(layout);
    if (failed(checkElements(entry, mesh)))
      return failure();
    const ParamSlice whole{SmallVector<int64_t>(param.getTensorType().getRank(), 0),
                           SmallVector<int64_t>(param.getTensorType().getShape())};
    entry.isShared = llvm::all_of(llvm::seq<int64_t>(0, mesh.getNumRanks()), [&](int64_t rank) {
      return sliceOf(param, mesh, rank) == whole;
    });
    entries.push_back(entry);
  }
  return entries;
}
