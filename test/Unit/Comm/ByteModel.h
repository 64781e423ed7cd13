//===- ByteModel.h - Bytes counted by brute force over (row, source, target) ---------*- C++ -*-===//
#ifndef MIXSERVE_TEST_UNIT_COMM_BYTEMODEL_H
#define MIXSERVE_TEST_UNIT_COMM_BYTEMODEL_H

#include "Scenario.h"
#include "comm/ByteCounters.h"

#include <map>
#include <tuple>

namespace mxs::test {

class ByteModel {
public:
  /// (layer, op, link, direction, rank)
  using Key = std::tuple<int, int, int, int, int>;

  /// Floats of a row, which between nodes have the wire type, and the bytes that come with it.
  struct RowBytes {
    int64_t floats, exact;
  };

  explicit ByteModel(const Scenario &scenario) : s(scenario) {}

  /// all_gather / reduce_scatter over the ranks of `rank`'s group of `size` consecutive ranks.
  void allGather(int layer, mxs_site_t op, int groupSize, const std::vector<int64_t> &rowsOfRank,
                 RowBytes row);
  void reduceScatter(int layer, mxs_site_t op, int groupSize);
  void allGatherMethod(int layer);
  void flatEp(int layer);
  void hierEp(int layer);
  void hybrid(int layer) { lanes(layer, /*toHoldersAlone=*/false); }
  /// Inside a node rows go to the ranks that hold one of their experts.
  void fused(int layer) { lanes(layer, /*toHoldersAlone=*/true); }

  std::vector<int64_t> ownedRows() const;
  std::vector<int64_t> askedRows() const;

  /// Differences to what the runtime counted for the ranks [firstRank, endRank), in words.
  std::vector<std::string> compare(const std::vector<ByteRow> &counted, int firstRank,
                                   int endRank) const;

private:
  void lanes(int layer, bool toHoldersAlone);
  void move(int layer, mxs_site_t op, int from, int to, RowBytes row, int64_t rows = 1);

  const Scenario &s;
  std::map<Key, int64_t> bytes;
};

} // namespace mxs::test

#endif // MIXSERVE_TEST_UNIT_COMM_BYTEMODEL_H
