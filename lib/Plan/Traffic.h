//===- Traffic.h - The messages of a step ------------------------*- C++ -*-===//
//
// The one description behind exact and expected bytes: everything is linear in row counts, which
// are whole numbers of a recorded step or expectations. Symbols S, R, I as in ByteCount.h.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_LIB_PLAN_TRAFFIC_H
#define MIXSERVE_LIB_PLAN_TRAFFIC_H

#include "mixserve/Plan/ByteCount.h"

#include <vector>

namespace mixserve::planner {

/// How many rows of each home rank go where in one MoE layer.
template <class Count> struct RoutedRows {
  explicit RoutedRows(const Mesh &mesh)
      : toRank(mesh.ranks(), std::vector<Count>(mesh.ranks())),
        toNode(mesh.ranks(), std::vector<Count>(mesh.nodes)) {}
  std::vector<std::vector<Count>> toRank; ///< [home][rank] rows with an expert on that rank
  std::vector<std::vector<Count>> toNode; ///< [home][node] rows with an expert on that node
};

template <class Count> class Traffic {
public:
  Traffic(const Mesh &mesh, const Layout &layout, const ModelShape &model)
      : mesh(mesh), layout(layout), hidden(model.hidden), topK(model.topK), wire(model.wire) {}

  /// What a message has per row: S, S + R or S + R + I.
  enum class Content { Row, Routed, Indexed };

  /// all_gather over the `size` consecutive ranks from `first`: every rank's rows reach every other
  /// rank. Inside a node each rank sends its rows to each peer: rows * b intra per peer. Over whole
  /// nodes, lane first: (n,d) sends its rows to (n',d), rows * b inter per other node; then it
  /// gives all rows of lane d to each of the D-1 others of its node: lane rows * b intra per peer.
  void allGather(ByteTable<Count> &table, CommOp op, const std::vector<Count> &rows, int64_t first,
                 int64_t size, Content content) const {
    if (size <= mesh.devices) {
      forEachPair(first, size, [&](int64_t from, int64_t to) {
        send(table, op, from, to, rows[from], content);
      });
      return;
    }
    forEachLanePair(first, size, [&](int64_t from, int64_t to) {
      send(table, op, from, to, rows[from], content);
    });
    forEachNodePair(first, size, [&](int64_t from, int64_t to) {
      send(table, op, from, to, laneRows(rows, from, first, size), content);
    });
  }

  /// reduce_scatter over the same ranks: every rank's partial of a row reaches the row's owner.
  /// Inside a node each rank sends its partials of the owner's rows: rows * S intra per owner.
  /// Over whole nodes: in the node to the rank of the owner's lane, lane rows * S intra per peer;
  /// then the node's sums to their owners, rows * S inter per other node.
  void reduceScatter(ByteTable<Count> &table, CommOp op, const std::vector<Count> &rows,
                     int64_t first, int64_t size) const {
    if (size <= mesh.devices) {
      forEachPair(first, size, [&](int64_t from, int64_t to) {
        send(table, op, from, to, rows[to], Content::Row);
      });
      return;
    }
    forEachNodePair(first, size, [&](int64_t from, int64_t to) {
      send(table, op, from, to, laneRows(rows, to, first, size), Content::Row);
    });
    forEachLanePair(first, size, [&](int64_t from, int64_t to) {
      send(table, op, from, to, rows[to], Content::Row);
    });
  }

  /// Embedding and lm_head, once per step, in every attention group.
  void outsideLayers(ByteTable<Count> &table, const StepRows<Count> &rows) const {
    for (int64_t first = 0; first < mesh.ranks(); first += layout.attnTp) {
      reduceScatter(table, CommOp::EmbedRs, rows.owned, first, layout.attnTp);
      allGather(table, CommOp::LmHeadAg, rows.asked, first, layout.attnTp, Content::Row);
    }
  }

  /// Attention TP of one layer: gather the normed rows, scatter the partial sums.
  void attention(ByteTable<Count> &table, const StepRows<Count> &rows) const {
    for (int64_t first = 0; first < mesh.ranks(); first += layout.attnTp) {
      allGather(table, CommOp::AttnAg, rows.owned, first, layout.attnTp, Content::Row);
      reduceScatter(table, CommOp::AttnRs, rows.owned, first, layout.attnTp);
    }
  }

  /// Dispatch and combine of one MoE layer.
  void experts(ByteTable<Count> &table, Method method, const StepRows<Count> &rows,
               const RoutedRows<Count> &routed) const {
    switch (method) {
    case Method::AllGather:
      // Rows go everywhere in rank order, so no index: S + R.
      allGather(table, CommOp::DispatchAg, rows.owned, 0, mesh.ranks(), Content::Routed);
      reduceScatter(table, CommOp::CombineRs, rows.owned, 0, mesh.ranks());
      return;
    case Method::FlatEp:
      return flatEp(table, routed);
    case Method::HierEp:
      return hierEp(table, routed);
    case Method::Hybrid:
      return hybrid(table, routed, /*toHoldersAlone=*/false);
    case Method::HybridFused:
      return hybrid(table, routed, /*toHoldersAlone=*/true);
    }
  }

private:
  /// The one place where rows become bytes: elements in the link's type, all else as it is.
  int64_t bytesOf(Content content, Link link) const {
    const int64_t row = hidden * elementBytes(wire, link);
    const int64_t routing = 8 * topK, index = 4;
    switch (content) {
    case Content::Row:
      return row;
    case Content::Routed:
      return row + routing;
    case Content::Indexed:
      return row + routing + index;
    }
    return 0;
  }
  void send(ByteTable<Count> &table, CommOp op, int64_t from, int64_t to, Count rows,
            Content content) const {
    table.send(mesh, op, from, to, rows * bytesOf(content, mesh.link(from, to)));
  }

  /// Each row once per destination rank: S + R + I there, S back.
  void flatEp(ByteTable<Count> &table, const RoutedRows<Count> &routed) const {
    forEachPair(0, mesh.ranks(), [&](int64_t home, int64_t to) {
      send(table, CommOp::Dispatch, home, to, routed.toRank[home][to], Content::Indexed);
      send(table, CommOp::Combine, to, home, routed.toRank[home][to], Content::Row);
    });
  }

  /// Each row once per destination node, to the home's lane there, which forwards it to each
  /// destination rank; back: the node's partials are summed on the lane and go home once. The home
  /// is its own node's lane.
  void hierEp(ByteTable<Count> &table, const RoutedRows<Count> &routed) const {
    for (int64_t home = 0; home < mesh.ranks(); ++home)
      for (int64_t node = 0; node < mesh.nodes; ++node) {
        const int64_t lane = mesh.rank(node, mesh.device(home));
        if (lane != home) {
          send(table, CommOp::Dispatch, home, lane, routed.toNode[home][node], Content::Indexed);
          send(table, CommOp::Combine, lane, home, routed.toNode[home][node], Content::Row);
        }
        for (int64_t device = 0; device < mesh.devices; ++device) {
          const int64_t to = mesh.rank(node, device);
          if (to == lane)
            continue;
          send(table, CommOp::Dispatch, lane, to, routed.toRank[home][to], Content::Indexed);
          send(table, CommOp::Combine, to, lane, routed.toRank[home][to], Content::Row);
        }
      }
  }

  /// Each row once per destination node, to the home's lane there; the lane gives it to all of its
  /// node, or to those that hold one of its experts (the fused pair; with moe_tp = D these are all),
  /// and sums their partial rows; one sum goes home.
  void hybrid(ByteTable<Count> &table, const RoutedRows<Count> &routed,
              bool toHoldersAlone) const {
    for (int64_t home = 0; home < mesh.ranks(); ++home)
      for (int64_t node = 0; node < mesh.nodes; ++node) {
        const Count rows = routed.toNode[home][node];
        const int64_t lane = mesh.rank(node, mesh.device(home));
        if (lane != home) {
          send(table, CommOp::Dispatch, home, lane, rows, Content::Indexed);
          send(table, CommOp::Combine, lane, home, rows, Content::Row);
        }
        for (int64_t device = 0; device < mesh.devices; ++device) {
          const int64_t peer = mesh.rank(node, device);
          if (peer == lane)
            continue;
          const Count inside = toHoldersAlone ? routed.toRank[home][peer] : rows;
          send(table, CommOp::DispatchAg, lane, peer, inside, Content::Indexed);
          send(table, CommOp::CombineRs, peer, lane, inside, Content::Row);
        }
      }
  }

  template <class Fn> void forEachPair(int64_t first, int64_t size, Fn fn) const {
    for (int64_t a = first; a < first + size; ++a)
      for (int64_t b = first; b < first + size; ++b)
        if (a != b)
          fn(a, b);
  }
  template <class Fn> void forEachLanePair(int64_t first, int64_t size, Fn fn) const {
    forEachPair(first, size, [&](int64_t a, int64_t b) {
      if (mesh.device(a) == mesh.device(b))
        fn(a, b);
    });
  }
  template <class Fn> void forEachNodePair(int64_t first, int64_t size, Fn fn) const {
    forEachPair(first, size, [&](int64_t a, int64_t b) {
      if (mesh.node(a) == mesh.node(b))
        fn(a, b);
    });
  }
  /// Rows that the ranks of the group with `rank`'s device index own.
  Count laneRows(const std::vector<Count> &rows, int64_t rank, int64_t first, int64_t size) const {
    Count sum = 0;
    for (int64_t r = first + mesh.device(rank); r < first + size; r += mesh.devices)
      sum += rows[r];
    return sum;
  }

  const Mesh mesh;
  const Layout layout;
  const int64_t hidden, topK;
  const WireType wire;
};

} // namespace mixserve::planner

#endif // MIXSERVE_LIB_PLAN_TRAFFIC_H
