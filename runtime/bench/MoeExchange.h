//===- MoeExchange.h - One MoE layer's communication, without its GEMMs ---------------*- C++
//-*-===//
//
// What a layer moves between attention's partial sums and the sum of its experts' parts at each
// row's home, by every dispatch method, on ranks that are threads of this process. The experts are
// left out: a rank's part of a row is the row itself, times the routing weight.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_RUNTIME_BENCH_MOEEXCHANGE_H
#define MIXSERVE_RUNTIME_BENCH_MOEEXCHANGE_H

#include "comm/Communicator.h"

#include <memory>
#include <string>
#include <vector>

namespace mxs::bench {

/// Attention TP fills a node; MoE TP is `moeTp` ranks of it. T tokens per node, uniform routing.
struct ExchangeShape {
  int nodes = 2, devices = 4, moeTp = 1;
  int64_t tokensPerNode = 256, hidden = 512, experts = 64, topK = 8;
};

enum class ExchangeMethod { AllGather, FlatEp, HierEp, Hybrid, HybridFused };

/// Bytes of one run on the rank that moves most of a link class: the larger of what it sends and
/// what it receives.
struct LinkBytes {
  uint64_t inter = 0, intra = 0;
};

class MoeExchange {
public:
  /// `pace` gives the link speeds; its sizes are filled in from `shape`.
  static Status create(const ExchangeShape &shape, WorldOptions pace,
                       std::unique_ptr<MoeExchange> &out);
  ~MoeExchange();

  /// Runs the layer once on all ranks; `chunks` is for HybridFused.
  Status run(ExchangeMethod method, int chunks = 1);
  /// [owned rows, H] of the last run, by rank.
  const std::vector<float> &output(int rank) const;
  /// Since creation.
  LinkBytes moved() const;

private:
  struct Rank;
  MoeExchange() = default;
  Status runRank(Rank &rank, ExchangeMethod method, int chunks);

  ExchangeShape shape;
  RowMap rows;
  std::unique_ptr<World> world;
  std::vector<std::unique_ptr<Rank>> ranks;
};

/// All methods give the same sums (bitwise for the two hybrids at every count of `chunks`, 1e-4
/// otherwise). What differs, or nothing.
std::string checkExchange(const ExchangeShape &shape, const std::vector<int> &chunks);

} // namespace mxs::bench

#endif // MIXSERVE_RUNTIME_BENCH_MOEEXCHANGE_H
