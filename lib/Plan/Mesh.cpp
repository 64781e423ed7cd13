//===- Mesh.cpp - Ranks, layouts and dispatch methods ---------------------===//
#include "mixserve/Plan/Mesh.h"

#include "KeyValueList.h"

namespace mixserve::planner {

std::string Layout::str() const {
  return "attn_tp=" + std::to_string(attnTp) + ",attn_dp=" + std::to_string(attnDp) +
         ",moe_tp=" + std::to_string(moeTp) + ",moe_ep=" + std::to_string(moeEp);
}

std::optional<Layout> parseLayout(const std::string &text, std::string &error) {
  Layout layout{0, 0, 0, 0};
  KeyValueList list({{"attn_tp", &layout.attnTp},
                     {"attn_dp", &layout.attnDp},
                     {"moe_tp", &layout.moeTp},
                     {"moe_ep", &layout.moeEp}});
  if (!list.parse(text, error))
    return std::nullopt;
  if (layout.attnTp == 0 || layout.attnDp == 0 || layout.moeTp == 0 || layout.moeEp == 0) {
    error = "layout '" + text +
            "' must give all of attn_tp, attn_dp, moe_tp, moe_ep, for example " +
            Layout{2, 2, 2, 2}.str();
    return std::nullopt;
  }
  return layout;
}

const char *name(WireType wire) { return wire == WireType::BF16 ? "bf16" : "f32"; }

std::optional<WireType> parseWireType(const std::string &text) {
  for (WireType wire : {WireType::F32, WireType::BF16})
    if (text == name(wire))
      return wire;
  return std::nullopt;
}

const char *name(Method method) {
  switch (method) {
  case Method::AllGather:
    return "allgather";
  case Method::FlatEp:
    return "flat-ep";
  case Method::HierEp:
    return "hier-ep";
  case Method::Hybrid:
    return "hybrid";
  case Method::HybridFused:
    return "hybrid-fused";
  }
  return "";
}

std::optional<Method> parseMethod(const std::string &text) {
  for (Method method : kMethods)
    if (text == name(method))
      return method;
  return std::nullopt;
}

ExpertRange expertsOfNode(int64_t node, int64_t experts, const Mesh &mesh, const Layout &layout) {
  const int64_t firstRank = mesh.rank(node, 0), lastRank = firstRank + mesh.devices - 1;
  return {expertsOfRank(firstRank, experts, layout).first,
          expertsOfRank(lastRank, experts, layout).last};
}

} // namespace mixserve::planner
