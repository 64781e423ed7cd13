//===- LayoutAxes.cpp - The mesh axes of each degree of a layout ------------===//
#include "LayoutAxes.h"

using namespace mlir;
using namespace mixserve;
using namespace mixserve::shard;
using plan::AxesAttr;
using plan::AxisRefAttr;
using plan::MeshAttr;

namespace {
/// Ranks that differ by a multiple of `low` below `high`: one axis, or a part of one, as strides.
struct Span {
  int64_t low, high;
};
} // namespace

/// Strides of mesh axis `index`: [ranks per step, ranks per whole turn).
static Span spanOfAxis(MeshAttr mesh, size_t index) {
  int64_t low = 1;
  for (size_t inner = index + 1; inner < mesh.getSizes().size(); ++inner)
    low *= mesh.getSizes()[inner];
  return {low, low * mesh.getSizes()[index]};
}

/// Outer to inner, neighbours joined.
static SmallVector<Span> join(SmallVector<Span> spans) {
  llvm::sort(spans, [](Span a, Span b) { return a.high > b.high; });
  SmallVector<Span> joined;
  for (Span span : spans) {
    if (!joined.empty() && joined.back().low <= span.high)
      joined.back().low = std::min(joined.back().low, span.low);
    else
      joined.push_back(span);
  }
  return joined;
}

/// Spans of `axes`, outer to inner, neighbours joined.
static SmallVector<Span> spansOf(MeshAttr mesh, AxesAttr axes) {
  SmallVector<Span> spans;
  for (AxisRefAttr axis : axes.getAxes())
    for (size_t i = 0; i < mesh.getNames().size(); ++i) {
      if (mesh.getNames()[i] != axis.getName())
        continue;
      Span whole = spanOfAxis(mesh, i);
      if (!axis.isWhole()) {
        whole.high /= axis.getPre();
        whole.low = whole.high / axis.getSize();
      }
      spans.push_back(whole);
    }
  return join(std::move(spans));
}

FailureOr<AxesAttr> shard::axesBetween(MeshAttr mesh, int64_t low, int64_t high) {
  MLIRContext *context = mesh.getContext();
  SmallVector<AxisRefAttr> axes;
  for (size_t i = 0; i < mesh.getNames().size(); ++i) {
    const Span axis = spanOfAxis(mesh, i);
    const int64_t from = std::max(low, axis.low), to = std::min(high, axis.high);
    if (from >= to)
      continue;
    if (to % from != 0 || from % axis.low != 0 || axis.high % to != 0)
      return failure();
    const bool whole = from == axis.low && to == axis.high;
    axes.push_back(AxisRefAttr::get(context, mesh.getNames()[i], whole ? 0 : axis.high / to,
                                    whole ? 0 : to / from));
  }
  return AxesAttr::get(context, axes);
}

/// Axes of spans that are known to fall on the mesh.
static AxesAttr axesAlong(MeshAttr mesh, ArrayRef<Span> spans) {
  SmallVector<AxisRefAttr> axes;
  for (Span span : spans) {
    FailureOr<AxesAttr> part = axesBetween(mesh, span.low, span.high);
    assert(succeeded(part) && "spans of mesh axes fall on the mesh");
    llvm::append_range(axes, part->getAxes());
  }
  return AxesAttr::get(mesh.getContext(), axes);
}

AxesAttr shard::unite(MeshAttr mesh, AxesAttr a, AxesAttr b) {
  SmallVector<Span> spans = spansOf(mesh, a);
  llvm::append_range(spans, spansOf(mesh, b));
  return axesAlong(mesh, join(std::move(spans)));
}

AxesAttr shard::subtract(MeshAttr mesh, AxesAttr from, AxesAttr what) {
  SmallVector<Span> left = spansOf(mesh, from);
  for (Span cut : spansOf(mesh, what)) {
    SmallVector<Span> rest;
    for (Span span : left) {
      if (span.high > std::max(cut.high, span.low))
        rest.push_back({std::max(cut.high, span.low), span.high});
      if (std::min(cut.low, span.high) > span.low)
        rest.push_back({span.low, std::min(cut.low, span.high)});
    }
    left = std::move(rest);
  }
  return axesAlong(mesh, left);
}

bool shard::overlap(MeshAttr mesh, AxesAttr a, AxesAttr b) {
  for (Span left : spansOf(mesh, a))
    for (Span right : spansOf(mesh, b))
      if (std::max(left.low, right.low) < std::min(left.high, right.high))
        return true;
  return false;
}

/// Ranks of a node: the size of the innermost axis.
static int64_t ranksPerNode(MeshAttr mesh) {
  return mesh.getSizes().empty() ? 1 : mesh.getSizes().back();
}

/// (S6) A TP group is a part of a node or some whole nodes.
static LogicalResult checkDegree(ModuleOp module, MeshAttr mesh, StringRef name, int64_t degree) {
  const int64_t inNode = ranksPerNode(mesh), ranks = mesh.getNumRanks();
  if (inNode % degree == 0 || (degree % inNode == 0 && ranks % degree == 0))
    return success();
  return module.emitError("(S6) ")
         << name << " = " << degree << " neither divides the " << inNode
         << " ranks of a node nor is a number of whole nodes that divides " << ranks
         << " ranks; choose another " << name << " with --layout";
}

FailureOr<LayoutAxes> LayoutAxes::of(ModuleOp module) {
  LayoutAxes result;
  result.mesh = module->getAttrOfType<MeshAttr>(plan::kMeshAttr);
  result.layout = module->getAttrOfType<plan::LayoutAttr>(plan::kLayoutAttr);
  if (!result.mesh || !result.layout)
    return module.emitError("(S7) has no '")
           << (result.mesh ? plan::kLayoutAttr : plan::kMeshAttr) << "'; run the phase plan first";
  const plan::LayoutAttr layout = result.layout;
  const int64_t ranks = result.mesh.getNumRanks();
  if (layout.getPp() != 1)
    return module.emitError("(S7) pp = ")
           << layout.getPp() << " is planned only, it cannot be compiled; choose pp = 1 with --layout";
  if (layout.getAttnTp() * layout.getAttnDp() != ranks)
    return module.emitError("(S7) attn_tp * attn_dp = ")
           << layout.getAttnTp() * layout.getAttnDp() << ", but the mesh has " << ranks
           << " ranks; choose degrees whose product is " << ranks << " with --layout";
  if (failed(checkDegree(module, result.mesh, "attn_tp", layout.getAttnTp())) ||
      failed(checkDegree(module, result.mesh, "moe_tp", layout.getMoeTp())))
    return failure();
  auto between = [&](int64_t low, int64_t high) { return *axesBetween(result.mesh, low, high); };
  result.attnTp = between(1, layout.getAttnTp());
  result.attnDp = between(layout.getAttnTp(), ranks);
  result.moeTp = between(1, layout.getMoeTp());
  result.moeEp = between(layout.getMoeTp(), ranks);
  result.world = between(1, ranks);
  result.inNode = between(1, ranksPerNode(result.mesh));
  result.betweenNodes = between(ranksPerNode(result.mesh), ranks);
  return result;
}

AxesAttr LayoutAxes::rowAxes(plan::RowSet rows) const {
  switch (rows) {
  case plan::RowSet::Owned:
  case plan::RowSet::AskedOwned:
    return world;
  case plan::RowSet::Group:
  case plan::RowSet::Asked:
    return attnDp;
  case plan::RowSet::Lane:
    return inNode;
  case plan::RowSet::Received:
  case plan::RowSet::None:
    break;
  }
  return AxesAttr::get(mesh.getContext(), {});
}

FailureOr<AxesAttr> LayoutAxes::kvAxes(int64_t kvHeads) const {
  const int64_t tp = layout.getAttnTp();
  if (kvHeads % tp == 0)
    return attnTp;
  if (tp % kvHeads != 0)
    return failure();
  return axesBetween(mesh, tp / kvHeads, tp);
}
