//===- ByteCount.cpp - Who sends how many bytes to whom -------------------===//
#include "mixserve/Plan/ByteCount.h"

#include "mixserve/Plan/LayoutSpace.h"

#include "Traffic.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>
#include <tuple>

namespace mixserve::planner {

const char *name(CommOp op) {
  switch (op) {
  case CommOp::EmbedRs:
    return "embed_rs";
  case CommOp::AttnAg:
    return "attn_ag";
  case CommOp::AttnRs:
    return "attn_rs";
  case CommOp::Dispatch:
    return "dispatch";
  case CommOp::DispatchAg:
    return "dispatch_ag";
  case CommOp::CombineRs:
    return "combine_rs";
  case CommOp::Combine:
    return "combine";
  case CommOp::LmHeadAg:
    return "lm_head_ag";
  }
  return "";
}

std::vector<int64_t> ownedRows(const Layout &layout, const std::vector<int64_t> &groupRows) {
  std::vector<int64_t> owned;
  for (int64_t rows : groupRows)
    for (int64_t i = 0; i < layout.attnTp; ++i)
      owned.push_back(partBegin(i + 1, rows, layout.attnTp) - partBegin(i, rows, layout.attnTp));
  return owned;
}

std::vector<int64_t> balancedGroupRows(const Mesh &mesh, const Layout &layout, int64_t tokens,
                                       int64_t sequences) {
  std::vector<int64_t> rows(layout.attnDp);
  const int64_t busy = std::min(layout.attnDp, sequences);
  // The first group that begins on `node` or behind it; nodes may hold unequally many.
  const auto firstOf = [&](int64_t node) {
    return (node * layout.attnDp + mesh.nodes - 1) / mesh.nodes;
  };
  int64_t taken = 0;
  for (int64_t round = 0; taken < busy; ++round)
    for (int64_t node = 0; node < mesh.nodes && taken < busy; ++node) {
      const int64_t group = firstOf(node) + round;
      if (group >= firstOf(node + 1))
        continue;
      rows[group] = partBegin(taken + 1, tokens, busy) - partBegin(taken, tokens, busy);
      ++taken;
    }
  return rows;
}

StepRows<double> evenRows(const Mesh &mesh, const Layout &layout, int64_t tokens,
                          int64_t sequences) {
  const std::vector<int64_t> owned =
      ownedRows(layout, balancedGroupRows(mesh, layout, tokens, sequences));
  StepRows<double> rows{{owned.begin(), owned.end()}, {}};
  for (double count : rows.owned)
    rows.asked.push_back(count * sequences / tokens);
  return rows;
}

namespace {

std::vector<int64_t> rowsOfGroups(const Layout &layout,
                                  const std::vector<TraceSequence> &sequences) {
  std::vector<int64_t> rows(layout.attnDp);
  for (const TraceSequence &sequence : sequences)
    rows[sequence.group] += sequence.tokens;
  return rows;
}

/// The rank that owns row `row` of an attention group with `rows` rows.
int64_t ownerOf(const Layout &layout, int64_t group, int64_t row, int64_t rows) {
  int64_t member = 0;
  while (row >= partBegin(member + 1, rows, layout.attnTp))
    ++member;
  return group * layout.attnTp + member;
}

/// Counts each row once per destination rank and once per destination node.
RoutedRows<int64_t> routedRows(const Mesh &mesh, const Layout &layout,
                               const std::vector<int32_t> &ids, const std::vector<int64_t> &owned,
                               int64_t experts, int64_t topK) {
  std::vector<int64_t> epOfExpert(experts);
  for (int64_t ep = 0; ep < layout.moeEp; ++ep)
    for (int64_t x = expertsOf(ep, experts, layout).first; x < expertsOf(ep, experts, layout).last;
         ++x)
      epOfExpert[x] = ep;
  RoutedRows<int64_t> routed(mesh);
  std::vector<int64_t> rankSeen(mesh.ranks(), -1), nodeSeen(mesh.nodes, -1);
  int64_t row = 0;
  for (int64_t home = 0; home < mesh.ranks(); ++home)
    for (int64_t i = 0; i < owned[home]; ++i, ++row)
      for (int64_t k = 0; k < topK; ++k)
        for (int64_t t = 0; t < layout.moeTp; ++t) {
          const int64_t rank = epOfExpert[ids[row * topK + k]] * layout.moeTp + t;
          if (rankSeen[rank] != row) {
            rankSeen[rank] = row;
            ++routed.toRank[home][rank];
          }
          if (nodeSeen[mesh.node(rank)] != row) {
            nodeSeen[mesh.node(rank)] = row;
            ++routed.toNode[home][mesh.node(rank)];
          }
        }
  return routed;
}

using RowKey = std::tuple<int64_t, std::string, std::string, std::string, int64_t>;

void collect(std::map<RowKey, int64_t> &sums, int64_t layer, const ByteTable<int64_t> &table) {
  for (CommOp op : kCommOps)
    for (Link link : {Link::Intra, Link::Inter})
      for (Dir dir : {Dir::Out, Dir::In})
        for (int64_t rank = 0; rank < table.ranks; ++rank)
          if (int64_t bytes = table.get(op, link, dir, rank))
            sums[{layer, name(op), link == Link::Intra ? "intra" : "inter",
                  dir == Dir::Out ? "out" : "in", rank}] += bytes;
}

/// Why the trace cannot come from this model under this layout, or "".
std::string whyUnfit(const Mesh &mesh, const Layout &layout, const ModelShape &model,
                     const RoutingTrace &trace) {
  if (trace.experts != model.experts || trace.topK != model.topK)
    return "the trace is of " + std::to_string(trace.experts) + " experts with top_k " +
           std::to_string(trace.topK) + ", the model has " + std::to_string(model.experts) +
           " and " + std::to_string(model.topK);
  for (int64_t layer : trace.moeLayers)
    if (layer >= model.layers)
      return "the trace has layer " + std::to_string(layer) + ", the model " +
             std::to_string(model.layers) + " layers";
  for (size_t i = 0; i < trace.steps.size(); ++i) {
    const std::string step = "step " + std::to_string(i) + ": ";
    if (std::string why = whyIllegal(mesh, layout, trace.steps[i].method); !why.empty())
      return step + why;
    for (const TraceSequence &sequence : trace.steps[i].sequences)
      if (sequence.group >= layout.attnDp)
        return step + "a sequence is in group " + std::to_string(sequence.group) +
               ", the layout has attn_dp=" + std::to_string(layout.attnDp);
  }
  return "";
}

} // namespace

StepRows<int64_t> stepRows(const Layout &layout, const std::vector<TraceSequence> &sequences) {
  const std::vector<int64_t> groups = rowsOfGroups(layout, sequences);
  StepRows<int64_t> rows{ownedRows(layout, groups),
                         std::vector<int64_t>(layout.attnTp * layout.attnDp)};
  std::vector<int64_t> done(layout.attnDp); // rows of the group's earlier sequences
  for (const TraceSequence &sequence : sequences) {
    const int64_t end = done[sequence.group] += sequence.tokens;
    for (int64_t row = end - sequence.asked; row < end; ++row)
      ++rows.asked[ownerOf(layout, sequence.group, row, groups[sequence.group])];
  }
  return rows;
}

StepBytes<double> expectedBytes(const Mesh &mesh, const Layout &layout, Method method,
                                const ModelShape &model, const StepRows<double> &rows,
                                const RoutingLoad &load) {
  const Traffic<double> traffic(mesh, layout, model);
  StepBytes<double> bytes{ByteTable<double>(mesh.ranks()), ByteTable<double>(mesh.ranks())};
  traffic.outsideLayers(bytes.outside, rows);
  traffic.attention(bytes.layer, rows);
  RoutedRows<double> routed(mesh);
  if (method != Method::AllGather) {
    std::vector<double> hitsRank(mesh.ranks()), hitsNode(mesh.nodes);
    for (int64_t rank = 0; rank < mesh.ranks(); ++rank)
      hitsRank[rank] = rank % layout.moeTp ? hitsRank[rank - 1]
                                           : load.hit(expertsOfRank(rank, model.experts, layout));
    for (int64_t node = 0; node < mesh.nodes; ++node)
      hitsNode[node] = load.hit(expertsOfNode(node, model.experts, mesh, layout));
    for (int64_t home = 0; home < mesh.ranks(); ++home) {
      for (int64_t rank = 0; rank < mesh.ranks(); ++rank)
        routed.toRank[home][rank] = rows.owned[home] * hitsRank[rank];
      for (int64_t node = 0; node < mesh.nodes; ++node)
        routed.toNode[home][node] = rows.owned[home] * hitsNode[node];
    }
  }
  traffic.experts(bytes.layer, method, rows, routed);
  return bytes;
}

std::optional<std::vector<ByteRow>> exactBytes(const Mesh &mesh, const Layout &layout,
                                               const ModelShape &model, const RoutingTrace &trace,
                                               std::string &error) {
  error = whyUnfit(mesh, layout, model, trace);
  if (!error.empty())
    return std::nullopt;
  const Traffic<int64_t> traffic(mesh, layout, model);
  std::map<RowKey, int64_t> sums;
  for (const TraceStep &step : trace.steps) {
    const StepRows<int64_t> rows = stepRows(layout, step.sequences);
    ByteTable<int64_t> outside(mesh.ranks()), attention(mesh.ranks());
    traffic.outsideLayers(outside, rows);
    traffic.attention(attention, rows);
    collect(sums, -1, outside);
    for (int64_t layer = 0; layer < model.layers; ++layer)
      collect(sums, layer, attention);
    for (size_t i = 0; i < trace.moeLayers.size(); ++i) {
      ByteTable<int64_t> experts(mesh.ranks());
      traffic.experts(experts, step.method, rows,
                      routedRows(mesh, layout, step.ids[i], rows.owned, trace.experts, trace.topK));
      collect(sums, trace.moeLayers[i], experts);
    }
  }
  std::vector<ByteRow> lines;
  for (const auto &[key, bytes] : sums)
    lines.push_back({std::get<0>(key), std::get<1>(key), std::get<2>(key), std::get<3>(key),
                     std::get<4>(key), bytes});
  return lines;
}

std::string bytesAsJson(const std::vector<ByteRow> &rows) {
  nlohmann::ordered_json lines = nlohmann::ordered_json::array();
  for (const ByteRow &row : rows)
    lines.push_back({{"layer", row.layer},
                     {"op", row.op},
                     {"link", row.link},
                     {"dir", row.dir},
                     {"rank", row.rank},
                     {"bytes", row.bytes}});
  nlohmann::ordered_json object;
  object["schema"] = "mixserve.stats/v1";
  object["bytes"] = std::move(lines);
  return object.dump(1) + "\n";
}

} // namespace mixserve::planner
