//===- ByteModel.cpp ----------------------------------------------------------------------------===//

#include "ByteModel.h"

namespace mxs::test {

void ByteModel::move(int layer, mxs_site_t op, int from, int to, RowBytes row, int64_t rows) {
  const int link = s.node(from) == s.node(to) ? 0 : 1;
  const int64_t perFloat = link && s.wire == WireType::BF16 ? 2 : 4;
  const int64_t amount = rows * (row.floats * perFloat + row.exact);
  if (from == to || amount == 0)
    return;
  bytes[{layer, op, link, 0, from}] += amount;
  bytes[{layer, op, link, 1, to}] += amount;
}

std::vector<int64_t> ByteModel::ownedRows() const {
  std::vector<int64_t> result;
  for (int rank = 0; rank < s.ranks(); ++rank)
    result.push_back(s.owned(rank));
  return result;
}

std::vector<int64_t> ByteModel::askedRows() const {
  std::vector<int64_t> result(s.ranks(), 0);
  int64_t row = 0;
  for (const std::vector<uint8_t> &group : s.asked)
    for (uint8_t flag : group)
      result[s.home[row++]] += flag;
  return result;
}

void ByteModel::allGather(int layer, mxs_site_t op, int groupSize,
                          const std::vector<int64_t> &rowsOfRank, RowBytes row) {
  for (int home = 0; home < s.ranks(); ++home)
    for (int to = 0; to < s.ranks(); ++to) {
      if (home / groupSize != to / groupSize)
        continue;
      // Home's rows reach `to` over home's lane on to's node.
      const int lane = s.node(to) * s.topo.devices + s.device(home);
      if (lane == to)
        move(layer, op, home, to, row, rowsOfRank[home]);
      else
        move(layer, op, lane, to, row, rowsOfRank[home]);
    }
}

void ByteModel::reduceScatter(int layer, mxs_site_t op, int groupSize) {
  const RowBytes sums{s.hidden, 0};
  for (int from = 0; from < s.ranks(); ++from)
    for (int64_t row = 0; row < s.totalRows(); ++row) {
      const int home = s.home[row];
      if (home / groupSize != from / groupSize)
        continue;
      const int lane = s.node(from) * s.topo.devices + s.device(home);
      move(layer, op, from, lane, sums);
      if (from == lane)
        move(layer, op, lane, home, sums);
    }
}

void ByteModel::allGatherMethod(int layer) {
  allGather(layer, MXS_SITE_DISPATCH_AG, s.ranks(), ownedRows(),
            {s.hidden, 8 * s.topK});
  reduceScatter(layer, MXS_SITE_COMBINE_RS, s.ranks());
}

void ByteModel::flatEp(int layer) {
  for (int64_t row = 0; row < s.totalRows(); ++row)
    for (int rank : s.destinationRanks(row)) {
      move(layer, MXS_SITE_DISPATCH, s.home[row], rank, {s.hidden, 8 * s.topK + 4});
      move(layer, MXS_SITE_COMBINE, rank, s.home[row], {s.hidden, 0});
    }
}

void ByteModel::hierEp(int layer) {
  const RowBytes there{s.hidden, 8 * s.topK + 4}, back{s.hidden, 0};
  for (int64_t row = 0; row < s.totalRows(); ++row) {
    const int home = s.home[row];
    for (int node : s.destinationNodes(row)) {
      const int lane = node * s.topo.devices + s.device(home);
      move(layer, MXS_SITE_DISPATCH, home, lane, there);
      move(layer, MXS_SITE_COMBINE, lane, home, back);
      for (int rank : s.destinationRanks(row))
        if (s.node(rank) == node) {
          move(layer, MXS_SITE_DISPATCH, lane, rank, there);
          move(layer, MXS_SITE_COMBINE, rank, lane, back);
        }
    }
  }
}

void ByteModel::lanes(int layer, bool toHoldersAlone) {
  const RowBytes there{s.hidden, 8 * s.topK + 4}, back{s.hidden, 0};
  for (int64_t row = 0; row < s.totalRows(); ++row) {
    const int home = s.home[row];
    for (int node : s.destinationNodes(row)) {
      const int lane = node * s.topo.devices + s.device(home);
      move(layer, MXS_SITE_DISPATCH, home, lane, there);
      move(layer, MXS_SITE_COMBINE, lane, home, back);
      for (int rank = node * s.topo.devices; rank < (node + 1) * s.topo.devices; ++rank) {
        if (toHoldersAlone && !s.holds(rank, row))
          continue;
        move(layer, MXS_SITE_DISPATCH_AG, lane, rank, there);
        move(layer, MXS_SITE_COMBINE_RS, rank, lane, back);
      }
    }
  }
}

std::vector<std::string> ByteModel::compare(const std::vector<ByteRow> &counted, int firstRank,
                                            int endRank) const {
  std::map<Key, int64_t> got;
  for (const ByteRow &row : counted)
    got[{row.layer, row.op, static_cast<int>(row.link), static_cast<int>(row.direction),
         row.rank}] += static_cast<int64_t>(row.bytes);
  std::map<Key, int64_t> both = bytes;
  both.insert(got.begin(), got.end());
  std::vector<std::string> problems;
  for (const auto &entry : both) {
    const auto &[layer, op, link, direction, rank] = entry.first;
    if (rank < firstRank || rank >= endRank)
      continue;
    auto value = [&](const std::map<Key, int64_t> &map) {
      auto it = map.find(entry.first);
      return it == map.end() ? 0 : it->second;
    };
    if (value(bytes) != value(got))
      problems.push_back("bytes of " + describe({layer, static_cast<mxs_site_t>(op)}) +
                         (link ? " inter" : " intra") + (direction ? " in" : " out") + " rank " +
                         std::to_string(rank) + ": counted " + std::to_string(value(got)) +
                         ", expected " + std::to_string(value(bytes)));
  }
  return problems;
}

} // namespace mxs::test
