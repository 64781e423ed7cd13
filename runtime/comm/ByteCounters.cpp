//===- ByteCounters.cpp -------------------------------------------------------------------------===//

#include "comm/ByteCounters.h"

namespace mxs {

ByteCounters::ByteCounters(int ranks) {
  for (int rank = 0; rank < ranks; ++rank)
    shards.push_back(std::make_unique<Shard>());
}

void ByteCounters::add(int by, Site site, Link link, Direction direction, int counted,
                       uint64_t bytes) {
  if (bytes == 0)
    return;
  Shard &shard = *shards[by];
  std::lock_guard<std::mutex> lock(shard.mutex);
  shard.bytes[Key(site.layer, site.op, static_cast<int>(link), static_cast<int>(direction),
                  counted)] += bytes;
}

std::vector<ByteRow> ByteCounters::rows() const {
  std::map<Key, uint64_t> total;
  for (const std::unique_ptr<Shard> &shard : shards) {
    std::lock_guard<std::mutex> lock(shard->mutex);
    for (const auto &[key, bytes] : shard->bytes)
      total[key] += bytes;
  }
  std::vector<ByteRow> result;
  for (const auto &[key, bytes] : total) {
    const auto &[layer, op, link, direction, rank] = key;
    result.push_back({layer, static_cast<mxs_site_t>(op), static_cast<Link>(link),
                      static_cast<Direction>(direction), rank, bytes});
  }
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
    shard->bytes.clear();
  }
}

} // namespace mxs
