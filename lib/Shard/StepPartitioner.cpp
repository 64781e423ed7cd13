//===- StepPartitioner.cpp - Builds one local step function -----------------===//
#include "StepPartitioner.h"
#include "ExpertMethods.h"
#include "ParamRoles.h"
#include "RuleInference.h"

using namespace mlir;
using namespace mixserve;
using namespace mixserve::shard;
using plan::AxesAttr;
using plan::RowSet;
using plan::ShardingAttr;

static constexpr llvm::StringLiteral kPropagated = "propagated";
static constexpr llvm::StringLiteral kByAttention = "layout attn_tp";

FailureOr<func::FuncOp> StepPartitioner::build() {
  if (!llvm::hasSingleElement(global.getBody()))
    return global.emitError("(P4) a step has one block, without control flow");
  builder.setInsertionPoint(global);
  // Arguments are batches, which are the same on every rank; results follow from the body.
  for (Type type : global.getArgumentTypes())
    if (isa<ShapedType>(type))
      return global.emitError("(P4) a step takes a batch and no tensors, got ") << type;
  auto local = func::FuncOp::create(builder, global.getLoc(), "step_" + stringifyMethod(method).str(),
                                    global.getFunctionType());
  local->setAttr(plan::kMethodAttr, plan::MethodAttr::get(builder.getContext(), method));
  Block *body = local.addEntryBlock();
  mapping.map(global.getArguments(), body->getArguments());
  builder.setInsertionPointToStart(body);
  for (Operation &op : global.getBody().front())
    if (failed(copy(op))) {
      local.erase();
      return failure();
    }
  auto results = body->getTerminator()->getOperandTypes();
  local.setFunctionType(builder.getFunctionType(global.getArgumentTypes(), results));
  return local;
}

LogicalResult StepPartitioner::copy(Operation &op) {
  if (auto ref = dyn_cast<nn::ParamRefOp>(op))
    return copyParamRef(ref);
  if (auto experts = dyn_cast<moe::ExpertsOp>(op))
    return copyExperts(experts);
  if (auto result = dyn_cast<func::ReturnOp>(op))
    return copyReturn(result);
  return copyByRule(op);
}

LogicalResult StepPartitioner::copyParamRef(nn::ParamRefOp ref) {
  auto param = symbols.lookup<nn::ParamOp>(ref.getParam());
  ShardingAttr sharding = param.getShardingAttrOrNull();
  if (!sharding)
    return ref.emitOpError("(P1) parameter @") << ref.getParam() << " has no sharding; run "
                                                                    "mixserve-assign-shardings first";
  Operation *copied = builder.clone(*ref, mapping);
  copied->getResult(0).setType(localType(param.getTensorType(), sharding, axes.mesh));
  return success();
}

LogicalResult StepPartitioner::copyExperts(moe::ExpertsOp experts) {
  auto local = [&](Value value) { return mapping.lookup(value); };
  auto rows = [&](Value value) { return owned(summed(local(value)), *experts); };
  const LocalExperts operands = {rows(experts.getInput()), rows(experts.getWeights()),
                                 rows(experts.getIds()),   local(experts.getGate()),
                                 local(experts.getUp()),   local(experts.getDown())};
  mapping.map(experts.getResult(), buildExperts(builder, experts, operands, method, axes));
  return success();
}

LogicalResult StepPartitioner::copyReturn(func::ReturnOp op) {
  if (op.getNumOperands() != 1)
    return op.emitOpError("(P4) a step returns its logits alone, got ") << op.getNumOperands() << " values";
  Value logits = mapping.lookup(op.getOperand(0));
  ShardingAttr sharding = shardingOf(logits);
  if (!sharding || sharding.getRows() != RowSet::Asked || !sharding.getPartial().empty())
    return op.emitOpError("(P4) a step returns the logits of the asked rows (nn.select_rows), got ")
           << logits.getType();
  func::ReturnOp::create(builder, op.getLoc(), logits);
  return success();
}

//===----------------------------------------------------------------------===//
// Ops with a rule
//===----------------------------------------------------------------------===//

/// Attributes that count heads count local ones from now on.
static void localiseAttributes(Operation *op) {
  if (auto latent = dyn_cast<nn::LatentAttentionOp>(op))
    latent.setHeads(latent.getQRope().getType().getDimSize(1) / latent.getRopeDim());
  auto attention = dyn_cast<nn::AttentionOp>(op);
  if (!attention)
    return;
  attention.setHeads(attention.getQ().getType().getDimSize(1) / attention.getHeadDim());
  attention.setKvHeads(attention.getK().getType().getDimSize(1) / attention.getHeadDim());
}

/// True for operands that are token rows.
static bool isRows(ShardingAttr sharding) { return sharding && sharding.getRows() != RowSet::None; }

LogicalResult StepPartitioner::copyByRule(Operation &op) {
  if (failed(ShardRule::of(&op)))
    return op.emitOpError("(P2) has no sharding rule and is not elementwise");
  SmallVector<Value> operands =
      llvm::map_to_vector(op.getOperands(), [&](Value value) { return summed(mapping.lookup(value)); });
  if (needsGroupRows(op, operands))
    for (Value &operand : operands)
      operand = gathered(operand, op);
  else if (llvm::any_of(operands, [&](Value value) {
             ShardingAttr sharding = shardingOf(value);
             return sharding && sharding.getRows() == RowSet::Owned;
           }))
    for (Value &operand : operands)
      operand = owned(operand, op);

  SmallVector<ShardingAttr> shardings =
      llvm::map_to_vector(operands, [&](Value value) { return shardingOf(value); });
  // A step starts on the group's rows: the embedding is split over its ranks.
  const RowSet source = axes.attnTp.empty() ? RowSet::Owned : RowSet::Group;
  std::string reason;
  FailureOr<SmallVector<ShardingAttr>> results = inferResults(&op, shardings, axes, source, reason);
  if (failed(results))
    return op.emitOpError("(P1) ") << reason;

  Operation *copied = builder.clone(op, mapping);
  copied->setOperands(operands);
  for (auto [result, sharding] : llvm::zip_equal(copied->getResults(), *results))
    result.setType(localType(cast<RankedTensorType>(result.getType()), sharding, axes.mesh));
  localiseAttributes(copied);
  copied->setAttr(plan::kChosenByAttr,
                  builder.getStringAttr(op.getNumOperands() == 1 && isa<nn::TokensOp>(op) ? kByAttention
                                                                                          : kPropagated));
  return success();
}

bool StepPartitioner::needsGroupRows(Operation &op, ValueRange operands) {
  // Attention works on its group's rows, and so does what makes its inputs, even a KV linear whose
  // weight no rank splits: the layer's rows are gathered once.
  if (nn::cacheOf(&op))
    return true;
  if (auto linear = dyn_cast<nn::LinearOp>(op); linear && attentionReachedBy(linear.getResult()).first)
    return true;
  AxesAttr rows = AxesAttr::get(builder.getContext(), {}), columns = rows;
  for (Value operand : operands)
    if (ShardingAttr sharding = shardingOf(operand))
      for (auto [dim, split] : llvm::enumerate(sharding.getDims())) {
        AxesAttr &of = isRows(sharding) && dim == 0 ? rows : columns;
        of = unite(axes.mesh, of, split);
      }
  return overlap(axes.mesh, rows, columns);
}

//===----------------------------------------------------------------------===//
// Where values lie, and how they move
//===----------------------------------------------------------------------===//

ShardingAttr StepPartitioner::shardingOf(Value local) {
  if (auto ref = local.getDefiningOp<nn::ParamRefOp>())
    return symbols.lookup<nn::ParamOp>(ref.getParam()).getShardingAttrOrNull();
  return ShardingAttr::of(local);
}

void StepPartitioner::mark(Operation *op, Operation *origin, StringRef chosenBy) {
  if (Attribute layer = origin->getAttr(nn::kLayerAttr))
    op->setAttr(nn::kLayerAttr, layer);
  op->setAttr(plan::kChosenByAttr, builder.getStringAttr(chosenBy));
}

Type StepPartitioner::withRows(Value like, RowSet rows) {
  auto type = cast<RankedTensorType>(like.getType());
  return RankedTensorType::get(type.getShape(), type.getElementType(),
                               rowSharding(axes, rows, type.getRank()));
}

Value StepPartitioner::summed(Value local) {
  ShardingAttr sharding = shardingOf(local);
  if (!isRows(sharding) || sharding.getPartial().empty())
    return local;
  Value &result = summedOf[local];
  if (result)
    return result;
  Operation *origin = local.getDefiningOp();
  const coll::Site site = isa<nn::EmbeddingOp>(origin) ? coll::Site::EmbedRs : coll::Site::AttnRs;
  auto reduce = coll::ReduceScatterOp::create(builder, origin->getLoc(), withRows(local, RowSet::Owned),
                                              local, sharding.getPartial(), site);
  mark(reduce, origin, kByAttention);
  return result = reduce.getResult();
}

Value StepPartitioner::gathered(Value local, Operation &user) {
  ShardingAttr sharding = shardingOf(local);
  const bool isAsked = isRows(sharding) && sharding.getRows() == RowSet::AskedOwned;
  if (axes.attnTp.empty() || !isRows(sharding) || (sharding.getRows() != RowSet::Owned && !isAsked))
    return local;
  Value &result = gatheredOf[local];
  if (result)
    return result;
  auto gather = coll::AllGatherOp::create(
      builder, user.getLoc(), TypeRange{withRows(local, isAsked ? RowSet::Asked : RowSet::Group)},
      ValueRange{local}, axes.attnTp, isAsked ? coll::Site::LmHeadAg : coll::Site::AttnAg);
  mark(gather, &user, kByAttention);
  return result = gather.getOutputs()[0];
}

Value StepPartitioner::owned(Value local, Operation &user) {
  ShardingAttr sharding = shardingOf(local);
  if (axes.attnTp.empty() || !isRows(sharding) || sharding.getRows() != RowSet::Group)
    return local;
  Value &result = ownedOf[local];
  if (result)
    return result;
  auto slice = coll::SliceOp::create(builder, user.getLoc(), withRows(local, RowSet::Owned), local,
                                     axes.attnTp);
  mark(slice, &user, kByAttention);
  return result = slice.getResult();
}
