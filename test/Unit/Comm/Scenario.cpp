//===- Scenario.cpp -----------------------------------------------------------------------------===//

#include "Scenario.h"
#include "mixserve_weights.h"

#include <random>

namespace mxs::test {

static float hashed(uint64_t what, uint64_t a, uint64_t b, uint64_t c) {
  uint64_t h = what * 0x9e3779b97f4a7c15u + a * 0xbf58476d1ce4e5b9u + b * 0x94d049bb133111ebu +
               c * 0xd6e8feb86659fd93u + 1;
  for (int i = 0; i < 2; ++i) {
    h ^= h >> 31;
    h *= 0x7fb5d329728ea185u;
    h ^= h >> 27;
  }
  return static_cast<float>(static_cast<double>(h >> 11) / (uint64_t(1) << 52)) - 1.0f;
}

Scenario::Scenario(const Topology &topo, std::vector<int64_t> tokens, Routing routing, int64_t topK,
                   unsigned seed)
    : topo(topo), topK(topK), groupTokens(std::move(tokens)) {
  std::mt19937 random(seed);
  ownedFirst.push_back(0);
  for (int rank = 0; rank < ranks(); ++rank) {
    const int64_t groupRows = groupTokens[rank / topo.attnTp];
    const int64_t member = rank % topo.attnTp;
    for (int64_t row = 0; row < groupRows; ++row)
      if (row >= member * groupRows / topo.attnTp && row < (member + 1) * groupRows / topo.attnTp)
        home.push_back(rank);
    ownedFirst.push_back(totalRows());
  }
  for (int64_t group = 0; group < static_cast<int64_t>(groupTokens.size()); ++group) {
    asked.emplace_back(groupTokens[group]);
    for (uint8_t &flag : asked.back())
      flag = random() % 2;
  }

  const auto experts = static_cast<int32_t>(topo.experts);
  for (int64_t row = 0; row < totalRows(); ++row) {
    std::vector<int32_t> all(experts);
    for (int32_t e = 0; e < experts; ++e)
      all[e] = e;
    for (int64_t k = 0; k < topK; ++k) {
      int32_t id = -1; // fewer experts than K
      if (k < experts) {
        if (routing == Routing::Random)
          std::swap(all[k], all[k + random() % (experts - k)]);
        id = routing == Routing::Uniform ? static_cast<int32_t>((row * topK + k) % experts) : all[k];
      }
      ids.push_back(id);
    }
    if (routing == Routing::Random && random() % 16 == 0)
      std::fill(ids.end() - topK, ids.end(), -1); // a row without experts
  }
  findDestinations();
  Status made = RowMap::create(topo, groupTokens, asked, rows);
  if (!made.ok())
    home.clear(), ids.clear();
}

void Scenario::findDestinations() {
  const int groups = ranks() / topo.moeTp;
  rankSets.resize(totalRows());
  nodeSets.resize(totalRows());
  for (int64_t row = 0; row < totalRows(); ++row)
    for (int rank = 0; rank < ranks(); ++rank) {
      const int64_t e = rank / topo.moeTp;
      for (int64_t k = 0; k < topK; ++k) {
        const int64_t id = ids[row * topK + k];
        if (id < 0 || id < e * topo.experts / groups || id >= (e + 1) * topo.experts / groups)
          continue;
        rankSets[row].insert(rank);
        nodeSets[row].insert(node(rank));
      }
    }
}

float Scenario::sent(float value, int fromNode, int toNode) const {
  const bool rounds = wire == WireType::BF16 && fromNode != toNode;
  return rounds ? mxs_bf16_to_f32(mxs_bf16_from_f32(value)) : value;
}

float Scenario::x(int64_t row, int64_t h) const { return hashed(1, 0, row, h); }
float Scenario::weight(int64_t row, int64_t k) const { return hashed(2, 0, row, k) * 0.5f + 0.6f; }
float Scenario::attention(int rank, int64_t row, int64_t h) const {
  return hashed(3, rank, row, h);
}
float Scenario::expert(int rank, int64_t row, int64_t h) const {
  return holds(rank, row) ? hashed(4, rank, row, h) : 0.0f;
}

std::string Scenario::name() const {
  std::string text = std::to_string(topo.nodes) + "x" + std::to_string(topo.devices) + " attn_tp " +
                     std::to_string(topo.attnTp) + " moe_tp " + std::to_string(topo.moeTp) +
                     " experts " + std::to_string(topo.experts) + " rows";
  for (int64_t tokens : groupTokens)
    text += " " + std::to_string(tokens);
  return text;
}

} // namespace mxs::test
