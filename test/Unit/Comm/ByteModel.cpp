//===- ByteModel.cpp ----------------------------------------------------------------------------===//

#include "ByteModel.h"

namespace mxs::test {

void ByteModel::move(int layer, mxs_site_t op, int from, int to, int64_t amount) {
  if (from == to || amount == 0)
    return;
  const int link = s.node(from) == s.node(to) ? 0 : 1;
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
                          const std::vector<int64_t> &rowsOfRank, int64_t rowBytes) {
  for (int home = 0; home < s.ranks(); ++home)
    for (int to = 0; to < s.ranks(); ++to) {
      if (home / groupSize != to / groupSize)
        continue;
      const int64_t amount = rowsOfRank[home] * rowBytes;
      // Home's rows reach `to` over home's lane on to's node.
      const int lane = s.node(to) * s.topo.devices + s.device(home);
      if (lane == to)
        move(layer, op, home, to, amount);
      else
        move(layer, op, lane, to, amount);
    }
}

void ByteModel::reduceScatter(int layer, mxs_site_t op, int groupSize) {
  const int64_t rowBytes = 4 * s.hidden;
  for (int from = 0; from < s.ranks(); ++from)
    for (int64_t row = 0; row < s.totalRows(); ++row) {
      const int home = s.home[row];
      if (home / groupSize != from / groupSize)
        continue;
      const int lane = s.node(from) * s.topo.devices + s.device(home);
      move(layer, op, from, lane, rowBytes);
      if (from == lane)
        move(layer, op, lane, home, rowBytes);
    }
}

void ByteModel::allGatherMethod(int layer) {
  allGather(layer, MXS_SITE_DISPATCH_AG, s.ranks(), ownedRows(), 4 * s.hidden + 8 * s.topK);
  reduceScatter(layer, MXS_SITE_COMBINE_RS, s.ranks());
}

void ByteModel::flatEp(int layer) {
  for (int64_t row = 0; row < s.totalRows(); ++row)
    for (int rank : s.destinationRanks(row)) {
      move(layer, MXS_SITE_DISPATCH, s.home[row], rank, 4 * s.hidden + 8 * s.topK + 4);
      move(layer, MXS_SITE_COMBINE, rank, s.home[row], 4 * s.hidden);
    }
}

void ByteModel::hierEp(int layer) {
  const int64_t there = 4 * s.hidden + 8 * s.topK + 4, back = 4 * s.hidden;
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

void ByteModel::hybrid(int layer) {
  const int64_t there = 4 * s.hidden + 8 * s.topK + 4, back = 4 * s.hidden;
  for (int64_t row = 0; row < s.totalRows(); ++row) {
    const int home = s.home[row];
    for (int node : s.destinationNodes(row)) {
      const int lane = node * s.topo.devices + s.device(home);
      move(layer, MXS_SITE_DISPATCH, home, lane, there);
      move(layer, MXS_SITE_COMBINE, lane, home, back);
      for (int device = 0; device < s.topo.devices; ++device) {
        move(layer, MXS_SITE_DISPATCH_AG, lane, node * s.topo.devices + device, there);
        move(layer, MXS_SITE_COMBINE_RS, node * s.topo.devices + device, lane, back);
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
