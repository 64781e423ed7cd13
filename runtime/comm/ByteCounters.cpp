//===- ByteCounters.cpp -------------------------------------------------------------------------===//

#include "comm/ByteCounters.h"

#include <algorithm>
#include <array>
#include <map>

namespace mxs {

ByteCounters::ByteCounters(const Topology &topology, int64_t layers) : devices(topology.devices) {
  for (int rank = 0; rank < topology.rankCount(); ++rank) {
    shards.push_back(std::make_unique<Shard>());
    shards.back()->bytes.resize(static_cast<size_t>(layers + 1) * cellsPerLayer());
  }
}

size_t ByteCounters::cellsPerLayer() const {
  return static_cast<size_t>(kSiteCount * kLinks * kDirections * devices);
}

void ByteCounters::add(int by, Site site, Link link, Direction direction, int counted,
                       uint64_t bytes) {
  if (bytes == 0)
    return;
  const int32_t layer = std::max(site.layer, -1); // -1: outside layers
  const size_t inLayer = static_cast<size_t>(
      ((static_cast<int>(site.op) * kLinks + static_cast<int>(link)) * kDirections +
       static_cast<int>(direction)) *
          devices +
      counted % devices);
  const size_t cell = static_cast<size_t>(layer + 1) * cellsPerLayer() + inLayer;
  Shard &shard = *shards[by];
  std::lock_guard<std::mutex> lock(shard.mutex);
  if (cell >= shard.bytes.size())
    shard.bytes.resize(static_cast<size_t>(layer + 2) * cellsPerLayer());
  shard.bytes[cell] += bytes;
}

std::vector<ByteRow> ByteCounters::rows() const {
  // By (layer, op, link, direction, rank).
  std::map<std::array<int, 5>, uint64_t> total;
  for (size_t by = 0; by < shards.size(); ++by) {
    const int firstOfNode = static_cast<int>(by) / devices * devices;
    std::lock_guard<std::mutex> lock(shards[by]->mutex);
    const std::vector<uint64_t> &bytes = shards[by]->bytes;
    for (size_t cell = 0; cell < bytes.size(); ++cell) {
      if (bytes[cell] == 0)
        continue;
      const int in = static_cast<int>(cell % cellsPerLayer()), flags = in / devices;
      total[{static_cast<int>(cell / cellsPerLayer()) - 1, flags / kDirections / kLinks,
             flags / kDirections % kLinks, flags % kDirections, firstOfNode + in % devices}] +=
          bytes[cell];
    }
  }
  std::vector<ByteRow> result;
  for (const auto &[key, bytes] : total)
    result.push_back({key[0], static_cast<mxs_site_t>(key[1]), static_cast<Link>(key[2]),
                      static_cast<Direction>(key[3]), key[4], bytes});
  return result;
}

std::string ByteCounters::json() const {
  std::string text = "[";
  for (const ByteRow &row : rows()) {
    if (text.size() > 1)
      text += ",\n ";
    text += "{\"layer\":" + std::to_string(row.layer) + ",\"op\":\"" + siteName(row.op) +
            "\",\"link\":\"" + (row.link == Link::Intra ? "intra" : "inter") + "\",\"dir\":\"" +
            (row.direction == Direction::Out ? "out" : "in") +
            "\",\"rank\":" + std::to_string(row.rank) +
            ",\"bytes\":" + std::to_string(row.bytes) + "}";
  }
  return text + "]";
}

void ByteCounters::clear() {
  for (const std::unique_ptr<Shard> &shard : shards) {
    std::lock_guard<std::mutex> lock(shard->mutex);
    std::fill(shard->bytes.begin(), shard->bytes.end(), 0);
  }
}

} // namespace mxs
