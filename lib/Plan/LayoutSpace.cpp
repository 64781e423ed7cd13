//===- LayoutSpace.cpp - Legal layouts and methods ------------------------===//
#include "mixserve/Plan/LayoutSpace.h"

namespace mixserve::planner {
namespace {

/// TP over consecutive ranks stays inside a node or covers whole nodes.
bool factorsAxes(const Mesh &mesh, int64_t degree) {
  return mesh.devices % degree == 0 || (degree % mesh.devices == 0 && mesh.ranks() % degree == 0);
}

std::string axesReason(const Mesh &mesh, const std::string &key, int64_t degree) {
  return key + "=" + std::to_string(degree) + " neither divides the " +
         std::to_string(mesh.devices) + " devices of a node nor covers whole nodes";
}

std::string productReason(const Mesh &mesh, const std::string &tp, const std::string &dp, int64_t a,
                          int64_t b) {
  return tp + " * " + dp + " = " + std::to_string(a) + " * " + std::to_string(b) + " is not the " +
         std::to_string(mesh.ranks()) + " ranks of the mesh";
}

std::string divideReason(const std::string &key, int64_t degree, int64_t n,
                         const std::string &what) {
  return key + "=" + std::to_string(degree) + " does not divide the " + std::to_string(n) + " " +
         what;
}

} // namespace

std::vector<Layout> allLayouts(const Mesh &mesh) {
  std::vector<Layout> layouts;
  const int64_t ranks = mesh.ranks();
  for (int64_t attnTp = 1; attnTp <= ranks; ++attnTp)
    for (int64_t moeTp = 1; ranks % attnTp == 0 && moeTp <= ranks; ++moeTp)
      if (ranks % moeTp == 0)
        layouts.push_back({attnTp, ranks / attnTp, moeTp, ranks / moeTp});
  return layouts;
}

std::string whyIllegal(const Mesh &mesh, const Layout &layout, const ModelShape &model) {
  if (layout.attnTp * layout.attnDp != mesh.ranks())
    return productReason(mesh, "attn_tp", "attn_dp", layout.attnTp, layout.attnDp);
  if (layout.moeTp * layout.moeEp != mesh.ranks())
    return productReason(mesh, "moe_tp", "moe_ep", layout.moeTp, layout.moeEp);
  if (!factorsAxes(mesh, layout.attnTp))
    return axesReason(mesh, "attn_tp", layout.attnTp);
  if (!factorsAxes(mesh, layout.moeTp))
    return axesReason(mesh, "moe_tp", layout.moeTp);
  if (model.heads % layout.attnTp != 0)
    return divideReason("attn_tp", layout.attnTp, model.heads, "attention heads");
  if (layout.attnTp % model.kvHeads != 0 && model.kvHeads % layout.attnTp != 0)
    return "attn_tp=" + std::to_string(layout.attnTp) +
           " neither divides nor is a multiple of the " + std::to_string(model.kvHeads) +
           " KV heads";
  if (std::string why =
          whyGroupsDoNotFit(model.weights, model.heads * model.resultDim(), layout.attnTp);
      !why.empty())
    return "attn_tp=" + std::to_string(layout.attnTp) + ": " + why +
           "; choose a smaller attn_tp or another quantize-group";
  if (model.vocab % layout.attnTp != 0)
    return divideReason("attn_tp", layout.attnTp, model.vocab, "vocabulary entries");
  if (model.ffn % layout.moeTp != 0)
    return divideReason("moe_tp", layout.moeTp, model.ffn, "hidden units of an expert");
  if (std::string why = whyGroupsDoNotFit(model.expertWeights, model.ffn, layout.moeTp);
      !why.empty())
    return "moe_tp=" + std::to_string(layout.moeTp) + ": " + why +
           "; choose a smaller moe_tp or another quantize-group";
  if (layout.moeEp > model.experts)
    return "moe_ep=" + std::to_string(layout.moeEp) + " exceeds the " +
           std::to_string(model.experts) + " experts: some rank would hold none";
  return "";
}

std::string whyIllegal(const Mesh &mesh, const Layout &layout, Method method) {
  if (mesh.ranks() == 1)
    return method == Method::AllGather
               ? ""
               : "one rank has nobody to dispatch to; only allgather (no bytes) applies";
  const bool hybrid = method == Method::Hybrid || method == Method::HybridFused;
  if (hybrid && (layout.moeTp > mesh.devices || mesh.devices % layout.moeTp != 0))
    return std::string(name(method)) +
           " needs MoE TP groups inside a node, but moe_tp=" + std::to_string(layout.moeTp) +
           " and a node has " + std::to_string(mesh.devices) + " device" +
           (mesh.devices == 1 ? "" : "s");
  return "";
}

} // namespace mixserve::planner
