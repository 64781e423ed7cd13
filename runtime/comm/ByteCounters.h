//===- ByteCounters.h - Bytes that left one rank's memory for another's --------------*- C++ -*-===//
//
// Counted by the code that moves the bytes, never by a formula: the planner's formulas are tested
// against these. Payload and routing metadata only; headers, flags and control are not counted.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_RUNTIME_COMM_BYTECOUNTERS_H
#define MIXSERVE_RUNTIME_COMM_BYTECOUNTERS_H

#include "comm/Site.h"
#include "comm/Topology.h"

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace mxs {

/// Link class of two ranks: INTER iff their nodes differ, whatever process they live in.
enum class Link { Intra, Inter };
enum class Direction { Out, In };

struct ByteRow {
  int32_t layer;
  mxs_site_t op;
  Link link;
  Direction direction;
  int rank; ///< the rank whose memory the bytes left (Out) or reached (In)
  uint64_t bytes;
};

class ByteCounters {
public:
  /// `layers`: memory for so many is allocated now; for more it is when they are counted first.
  ByteCounters(const Topology &topology, int64_t layers);

  /// Adds `bytes` to `counted`'s row. `by` is the rank whose thread counts, on the same node; any
  /// thread may read.
  void add(int by, Site site, Link link, Direction direction, int counted, uint64_t bytes);

  /// Non-zero rows in ascending (layer, op, link, direction, rank), op in the order of mxs_site_t,
  /// intra before inter, out before in.
  std::vector<ByteRow> rows() const;
  /// The rows as a JSON array: {"layer":0,"op":"dispatch","link":"inter","dir":"out","rank":0,"bytes":8}.
  std::string json() const;
  void clear();

private:
  // One shard per counting rank, so that the ranks do not share a lock.
  struct Shard {
    mutable std::mutex mutex;
    std::vector<uint64_t> bytes; // [layers + 1][sites][links][directions][devices]
  };
  static constexpr int kLinks = 2, kDirections = 2;

  size_t cellsPerLayer() const;
  int devices;
  std::vector<std::unique_ptr<Shard>> shards;
};

} // namespace mxs

#endif // MIXSERVE_RUNTIME_COMM_BYTECOUNTERS_H
