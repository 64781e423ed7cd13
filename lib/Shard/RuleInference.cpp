//===- RuleInference.cpp - What an op's rule makes of shardings -------------===//
#include "RuleInference.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"
#include <map>

using namespace mlir;
using namespace mixserve;
using namespace mixserve::shard;
using plan::AxesAttr;
using plan::RowSet;
using plan::ShardingAttr;

static SmallVector<std::string> splitTerms(StringRef text) {
  SmallVector<StringRef> terms;
  text.split(terms, ',');
  return llvm::map_to_vector(terms, [](StringRef term) { return term.str(); });
}

FailureOr<ShardRule> ShardRule::of(Operation *op) {
  ShardRule rule;
  if (auto interface = dyn_cast<plan::ShardRuleInterface>(op)) {
    const std::string text = interface.getShardRule();
    auto [operands, results] = StringRef(text).split("->");
    rule.operands = splitTerms(operands);
    rule.results = splitTerms(results);
  } else if (op->hasTrait<OpTrait::Elementwise>() && op->getNumOperands() > 0) {
    auto type = dyn_cast<RankedTensorType>(op->getOperand(0).getType());
    if (!type || type.getRank() < 1)
      return failure();
    const std::string term = StringRef("tabcdefgh").take_front(type.getRank()).str();
    rule.operands.assign(op->getNumOperands(), term);
    rule.results.assign(op->getNumResults(), term);
  } else {
    return failure();
  }
  if (rule.operands.size() != op->getNumOperands() || rule.results.size() != op->getNumResults())
    return failure();
  return rule;
}

/// Prints an attribute into a reason.
static std::string text(Attribute attr) {
  std::string result;
  llvm::raw_string_ostream(result) << attr;
  return result;
}

namespace {
/// Collects the axes of every factor from an op's operands.
struct FactorAxes {
  const LayoutAxes &axes;
  std::string &reason;
  std::map<char, AxesAttr> columns; ///< factors other than rows
  RowSet rows = RowSet::None;

  LogicalResult addOperand(size_t index, StringRef term, ShardingAttr sharding) {
    if (term.size() != sharding.getDims().size()) {
      reason = "operand " + std::to_string(index) + " has " +
               std::to_string(sharding.getDims().size()) + " dimensions, the rule has " +
               std::to_string(term.size());
      return failure();
    }
    if (!sharding.getPartial().empty()) {
      reason = "operand " + std::to_string(index) + " is a partial sum over " + text(sharding.getPartial());
      return failure();
    }
    for (auto [factor, split] : llvm::zip_equal(term, sharding.getDims()))
      if (failed(isRowFactor(factor) ? addRows(index, sharding.getRows())
                                     : addColumn(index, factor, split)))
        return failure();
    return success();
  }

  LogicalResult addRows(size_t index, RowSet set) {
    if (rows != RowSet::None && rows != set) {
      reason = "operand " + std::to_string(index) + " has " + stringifyRowSet(set).str() +
               " rows, another one " + stringifyRowSet(rows).str() + " rows";
      return failure();
    }
    rows = set;
    return success();
  }

  LogicalResult addColumn(size_t index, char factor, AxesAttr split) {
    if (llvm::isUpper(factor) && !split.empty()) {
      reason = "dimension " + std::string(1, factor) + " of operand " + std::to_string(index) +
               " is split over " + text(split) + " and must be whole";
      return failure();
    }
    auto [known, isNew] = columns.try_emplace(factor, split);
    if (!isNew && known->second != split) {
      reason = "dimension " + std::string(1, factor) + " is split over " + text(split) + " in operand " +
               std::to_string(index) + " and over " + text(known->second) + " in another";
      return failure();
    }
    return success();
  }

  /// Rows that are spread over ranks which hold different columns: each would see a part of each.
  LogicalResult checkRows() {
    for (auto [factor, split] : columns)
      if (overlap(axes.mesh, axes.rowAxes(rows), split)) {
        reason = stringifyRowSet(rows).str() + " rows are split over " + text(axes.rowAxes(rows)) +
                 ", which also split dimension " + std::string(1, factor);
        return failure();
      }
    return success();
  }
};
} // namespace

/// The rows that `nn.select_rows` gives.
static RowSet selectedRows(const LayoutAxes &axes, RowSet rows) {
  // In a group of one rank, its owned rows are all there is.
  return rows == RowSet::Owned && !axes.attnTp.empty() ? RowSet::AskedOwned : RowSet::Asked;
}

FailureOr<SmallVector<ShardingAttr>> shard::inferResults(Operation *op, ArrayRef<ShardingAttr> operands,
                                                         const LayoutAxes &axes, RowSet sourceRows,
                                                         std::string &reason) {
  FailureOr<ShardRule> rule = ShardRule::of(op);
  if (failed(rule)) {
    reason = "has no sharding rule";
    return failure();
  }
  FactorAxes factors{axes, reason, {}, RowSet::None};
  for (auto [index, sharding] : llvm::enumerate(operands))
    if (sharding && failed(factors.addOperand(index, rule->operands[index], sharding)))
      return failure();
  if (factors.rows == RowSet::None)
    factors.rows = sourceRows;
  if (failed(factors.checkRows()))
    return failure();

  const AxesAttr none = AxesAttr::get(op->getContext(), {});
  SmallVector<ShardingAttr> results;
  for (StringRef term : rule->results) {
    RowSet rows = factors.rows;
    AxesAttr partial = none, columns = none;
    SmallVector<AxesAttr> dims;
    for (char factor : term) {
      if (factor == 's')
        rows = selectedRows(axes, factors.rows);
      const auto split = factors.columns.find(factor);
      dims.push_back(isRowFactor(factor)                  ? axes.rowAxes(rows)
                     : split == factors.columns.end() ? none
                                                          : split->second);
      if (!isRowFactor(factor))
        columns = unite(axes.mesh, columns, dims.back());
    }
    for (auto [factor, split] : factors.columns)
      if (!term.contains(factor))
        partial = unite(axes.mesh, partial, split);
    partial = subtract(axes.mesh, partial, columns);
    results.push_back(ShardingAttr::get(op->getContext(), dims, partial, rows));
  }
  return results;
}

ShardingAttr shard::rowSharding(const LayoutAxes &axes, RowSet rows, int64_t rank, AxesAttr partial) {
  MLIRContext *context = axes.mesh.getContext();
  const AxesAttr none = AxesAttr::get(context, {});
  SmallVector<AxesAttr> dims(rank, none);
  dims[0] = axes.rowAxes(rows);
  return ShardingAttr::get(context, dims, partial ? partial : none, rows);
}

RankedTensorType shard::localType(RankedTensorType type, ShardingAttr sharding, plan::MeshAttr mesh) {
  SmallVector<int64_t> shape(type.getShape());
  for (auto [size, split] : llvm::zip_equal(shape, sharding.getDims())) {
    const int64_t ranks = split.getNumRanks(mesh);
    if (!ShapedType::isDynamic(size))
      size = size % ranks == 0 ? size / ranks : ShapedType::kDynamic;
  }
  const bool isActivation = sharding.getRows() != RowSet::None;
  return RankedTensorType::get(shape, type.getElementType(), isActivation ? Attribute(sharding) : Attribute());
}
