//===- MessageSimulator.cpp - Moves every row one by one ------------------===//
#include "MessageSimulator.h"

namespace mixserve::planner {

void MessageSimulator::message(int64_t layer, const char *op, int64_t from, int64_t to,
                               int64_t routing) {
  if (from == to)
    return;
  const bool inNode = from / mesh.devices == to / mesh.devices;
  const char *link = inNode ? "intra" : "inter";
  const int64_t size = (inNode || model.wire == WireType::F32 ? 4 : 2) * model.hidden + routing;
  bytes[{layer, op, link, "out", from}] += size;
  bytes[{layer, op, link, "in", to}] += size;
}

std::vector<int64_t> MessageSimulator::groupOf(int64_t rank) const {
  std::vector<int64_t> group;
  for (int64_t r = 0; r < mesh.nodes * mesh.devices; ++r)
    if (r / layout.attnTp == rank / layout.attnTp)
      group.push_back(r);
  return group;
}

std::vector<int64_t> MessageSimulator::everyone() const {
  std::vector<int64_t> all;
  for (int64_t r = 0; r < mesh.nodes * mesh.devices; ++r)
    all.push_back(r);
  return all;
}

std::set<int64_t> MessageSimulator::holders(const std::vector<int32_t> &ids) const {
  std::set<int64_t> ranks;
  for (int32_t id : ids)
    for (int64_t r = 0; r < mesh.nodes * mesh.devices; ++r) {
      const int64_t ep = r / layout.moeTp;
      if (id >= ep * model.experts / layout.moeEp && id < (ep + 1) * model.experts / layout.moeEp)
        ranks.insert(r);
    }
  return ranks;
}

/// One row reaches the whole group: first the owner's device index on every node, from there the
/// node.
void MessageSimulator::gatherRow(int64_t layer, const char *op, int64_t owner,
                                 const std::vector<int64_t> &group, int64_t routing) {
  for (int64_t lane : group) {
    if (lane % mesh.devices != owner % mesh.devices)
      continue;
    message(layer, op, owner, lane, routing);
    for (int64_t to : group)
      if (to / mesh.devices == lane / mesh.devices)
        message(layer, op, lane, to, routing);
  }
}

/// Every member holds a partial of the row: node by node to the owner's lane, then lane sums to the
/// owner.
void MessageSimulator::scatterRow(int64_t layer, const char *op, int64_t owner,
                                  const std::vector<int64_t> &group) {
  for (int64_t lane : group) {
    if (lane % mesh.devices != owner % mesh.devices)
      continue;
    for (int64_t from : group)
      if (from / mesh.devices == lane / mesh.devices)
        message(layer, op, from, lane);
    message(layer, op, lane, owner);
  }
}

void MessageSimulator::expertRow(int64_t layer, Method method, int64_t home,
                                 const std::vector<int32_t> &ids) {
  const int64_t routing = 8 * model.topK, index = 4;
  if (method == Method::AllGather) {
    gatherRow(layer, "dispatch_ag", home, everyone(), routing);
    scatterRow(layer, "combine_rs", home, everyone());
    return;
  }
  const std::set<int64_t> ranks = holders(ids);
  if (method == Method::FlatEp) {
    for (int64_t to : ranks) {
      message(layer, "dispatch", home, to, routing + index);
      message(layer, "combine", to, home);
    }
    return;
  }
  std::set<int64_t> nodes;
  for (int64_t rank : ranks)
    nodes.insert(rank / mesh.devices);
  for (int64_t node : nodes) {
    const int64_t lane = node * mesh.devices + home % mesh.devices;
    message(layer, "dispatch", home, lane, routing + index);
    message(layer, "combine", lane, home);
    if (method == Method::HierEp) {
      for (int64_t to : ranks)
        if (to / mesh.devices == node) {
          message(layer, "dispatch", lane, to, routing + index);
          message(layer, "combine", to, lane);
        }
    } else {
      for (int64_t to = node * mesh.devices; to < (node + 1) * mesh.devices; ++to) {
        if (method == Method::HybridFused && !ranks.count(to))
          continue;
        message(layer, "dispatch_ag", lane, to, routing + index);
        message(layer, "combine_rs", to, lane);
      }
    }
  }
}

void MessageSimulator::run(const RoutingTrace &trace) {
  struct Row {
    int64_t home;
    bool asked;
  };
  for (const TraceStep &step : trace.steps) {
    std::vector<Row> rows; // global order
    for (int64_t group = 0; group < layout.attnDp; ++group) {
      std::vector<bool> asked;
      for (const TraceSequence &sequence : step.sequences)
        for (int64_t i = 0; sequence.group == group && i < sequence.tokens; ++i)
          asked.push_back(i >= sequence.tokens - sequence.asked);
      const int64_t count = asked.size();
      for (int64_t i = 0; i < layout.attnTp; ++i)
        for (int64_t row = i * count / layout.attnTp; row < (i + 1) * count / layout.attnTp; ++row)
          rows.push_back({group * layout.attnTp + i, asked[row]});
    }
    for (size_t r = 0; r < rows.size(); ++r) {
      const int64_t home = rows[r].home;
      const std::vector<int64_t> group = groupOf(home);
      scatterRow(-1, "embed_rs", home, group);
      if (rows[r].asked)
        gatherRow(-1, "lm_head_ag", home, group);
      for (int64_t layer = 0; layer < model.layers; ++layer) {
        gatherRow(layer, "attn_ag", home, group);
        scatterRow(layer, "attn_rs", home, group);
      }
      for (size_t i = 0; i < trace.moeLayers.size(); ++i) {
        const auto begin = step.ids[i].begin() + r * trace.topK;
        expertRow(trace.moeLayers[i], step.method, home, {begin, begin + trace.topK});
      }
    }
  }
}

} // namespace mixserve::planner
