//===- MoeExchange.cpp
//--------------------------------------------------------------------------===//

#include "bench/MoeExchange.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <thread>
#include <tuple>

namespace mxs::bench {

/// A rank's buffers. Rows that a method does not fill are never read.
struct MoeExchange::Rank {
  Rank(Communicator &comm, const RowMap &rows, const Topology &topo, const ExchangeShape &shape)
      : comm(comm), shape(shape), owned(rows.ownedRows(comm.rank())),
        firstExpert(topo.firstExpert(comm.rank())), endExpert(topo.endExpert(comm.rank())),
        partial(rows.groupRows(topo.attnGroup(comm.rank())) * shape.hidden),
        reduced(owned * shape.hidden), x(reduced.size()), weights(owned * shape.topK),
        ids(owned * shape.topK), lane(rows.laneRows(topo.deviceOf(comm.rank())), shape),
        received(rows.totalRows(), shape), parts(received.x.size()), laneSums(lane.x.size()),
        out(reduced.size()) {
    for (size_t i = 0; i < partial.size(); ++i)
      partial[i] = std::sin(static_cast<float>(i + comm.rank()));
    for (int64_t row = 0; row < owned; ++row)
      for (int64_t k = 0; k < shape.topK; ++k) {
        const int64_t global = rows.globalBegin(comm.rank()) + row;
        // K different experts of every row, spread evenly over all of them.
        ids[row * shape.topK + k] =
            static_cast<int32_t>((global * 7 + k * (shape.experts / shape.topK)) % shape.experts);
        weights[row * shape.topK + k] = 1.0f / static_cast<float>(k + 1);
      }
  }

  struct Routed {
    Routed(int64_t rows, const ExchangeShape &shape)
        : x(rows * shape.hidden), weights(rows * shape.topK), ids(rows * shape.topK) {}
    RoutedRows in() const { return {x.data(), weights.data(), ids.data()}; }
    RoutedRowsOut out() { return {x.data(), weights.data(), ids.data()}; }
    std::vector<float> x, weights;
    std::vector<int32_t> ids;
  };

  /// The row-wise region between attention and dispatch: here the norm alone.
  void region(int64_t first, int64_t count) {
    const int64_t hidden = shape.hidden;
    for (int64_t row = first; row < first + count; ++row) {
      const float *in = reduced.data() + row * hidden;
      float sum = 0;
      for (int64_t h = 0; h < hidden; ++h)
        sum += in[h] * in[h];
      const float scale = 1.0f / std::sqrt(sum / static_cast<float>(hidden) + 1e-6f);
      for (int64_t h = 0; h < hidden; ++h)
        x[row * hidden + h] = in[h] * scale;
    }
  }

  RoutedRows rowsIn() const { return {x.data(), weights.data(), ids.data()}; }

  /// parts[row] = row times the weights of this rank's experts of it.
  void experts() {
    const int64_t hidden = shape.hidden, topK = shape.topK;
    const auto rows = static_cast<int64_t>(received.ids.size()) / topK;
    for (int64_t row = 0; row < rows; ++row) {
      float weight = 0;
      for (int64_t k = 0; k < topK; ++k) {
        const int32_t id = received.ids[row * topK + k];
        if (id >= firstExpert && id < endExpert)
          weight += received.weights[row * topK + k];
      }
      float *part = parts.data() + row * hidden;
      if (weight == 0)
        std::fill_n(part, hidden, 0.0f);
      else
        for (int64_t h = 0; h < hidden; ++h)
          part[h] = received.x[row * hidden + h] * weight;
    }
  }

  Communicator &comm;
  const ExchangeShape shape;
  const int64_t owned, firstExpert, endExpert;
  std::vector<float> partial, reduced, x, weights;
  std::vector<int32_t> ids;
  Routed lane, received;
  std::vector<float> parts, laneSums, out;
};

MoeExchange::~MoeExchange() = default;

Status MoeExchange::create(const ExchangeShape &shape, WorldOptions pace,
                           std::unique_ptr<MoeExchange> &out) {
  std::unique_ptr<MoeExchange> made(new MoeExchange);
  made->shape = shape;
  Topology topo;
  topo.nodes = shape.nodes;
  topo.devices = topo.attnTp = shape.devices;
  topo.moeTp = shape.moeTp;
  topo.experts = shape.experts;
  MXS_TRY(topo.check());
  MXS_TRY(RowMap::create(topo, std::vector<int64_t>(shape.nodes, shape.tokensPerNode),
                         std::vector<std::vector<uint8_t>>(shape.nodes), made->rows));
  pace.maxTokens = made->rows.totalRows();
  pace.hidden = shape.hidden;
  pace.topK = shape.topK;
  MXS_TRY(World::create(topo, pace, made->world));
  for (int rank = 0; rank < topo.rankCount(); ++rank)
    made->ranks.push_back(std::make_unique<Rank>(made->world->rank(rank), made->rows, topo, shape));
  out = std::move(made);
  return okStatus();
}

Status MoeExchange::runRank(Rank &rank, ExchangeMethod method, int chunks) {
  Communicator &comm = rank.comm;
  const int64_t hidden = shape.hidden, topK = shape.topK;
  MXS_TRY(comm.beginStep(rows, chunks));
  if (method == ExchangeMethod::HybridFused) {
    mxs_ag_dispatch_t args = {};
    args.partial = rank.partial.data();
    args.reduced = rank.reduced.data();
    args.region = [](mxs_ctx_t *, void *frame, int64_t first, int64_t count) {
      static_cast<Rank *>(frame)->region(first, count);
    };
    args.frame = &rank;
    args.x = rank.x.data();
    args.weights = rank.weights.data();
    args.ids = rank.ids.data();
    args.out_x = rank.received.x.data();
    args.out_weights = rank.received.weights.data();
    args.out_ids = rank.received.ids.data();
    args.hidden = hidden;
    args.top_k = topK;
    MXS_TRY(comm.agDispatch(nullptr, 0, args));
    rank.experts();
    return comm.rsCombine(0, rank.parts.data(), rank.out.data(), hidden);
  }

  MXS_TRY(comm.reduceScatter({0, MXS_SITE_ATTN_RS}, rank.partial.data(), rank.reduced.data(),
                             hidden, MXS_ROWS_GROUP, MXS_ROWS_OWNED));
  rank.region(0, rank.owned);
  const Site dispatch{0, MXS_SITE_DISPATCH}, combine{0, MXS_SITE_COMBINE};
  switch (method) {
  case ExchangeMethod::AllGather:
    MXS_TRY(comm.allGatherRouted(dispatch, rank.rowsIn(), rank.received.out(), hidden, topK,
                                 MXS_ROWS_OWNED, MXS_ROWS_RECEIVED));
    rank.experts();
    return comm.reduceScatter(combine, rank.parts.data(), rank.out.data(), hidden,
                              MXS_ROWS_RECEIVED, MXS_ROWS_OWNED);
  case ExchangeMethod::Hybrid:
    MXS_TRY(comm.dispatch(dispatch, MXS_HYBRID, rank.rowsIn(), rank.lane.out(), hidden, topK));
    MXS_TRY(comm.allGatherRouted({0, MXS_SITE_DISPATCH_AG}, rank.lane.in(), rank.received.out(),
                                 hidden, topK, MXS_ROWS_LANE, MXS_ROWS_RECEIVED));
    rank.experts();
    MXS_TRY(comm.reduceScatter({0, MXS_SITE_COMBINE_RS}, rank.parts.data(), rank.laneSums.data(),
                               hidden, MXS_ROWS_RECEIVED, MXS_ROWS_LANE));
    return comm.combine(combine, MXS_HYBRID, rank.laneSums.data(), rank.out.data(), hidden);
  default: {
    const mxs_method_t which = method == ExchangeMethod::FlatEp ? MXS_FLAT_EP : MXS_HIER_EP;
    MXS_TRY(comm.dispatch(dispatch, which, rank.rowsIn(), rank.received.out(), hidden, topK));
    rank.experts();
    return comm.combine(combine, which, rank.parts.data(), rank.out.data(), hidden);
  }
  }
}

Status MoeExchange::run(ExchangeMethod method, int chunks) {
  std::vector<Status> statuses(ranks.size());
  std::vector<std::thread> threads;
  for (size_t i = 0; i < ranks.size(); ++i)
    threads.emplace_back([&, i] { statuses[i] = runRank(*ranks[i], method, chunks); });
  for (std::thread &thread : threads)
    thread.join();
  // The rank that failed first says more than those it ended.
  for (const Status &status : statuses)
    if (!status.ok() && status.code() != MXS_ABORTED)
      return status;
  for (const Status &status : statuses)
    MXS_TRY(status);
  return okStatus();
}

const std::vector<float> &MoeExchange::output(int rank) const { return ranks[rank]->out; }

LinkBytes MoeExchange::moved() const {
  std::map<std::tuple<int, Link, Direction>, uint64_t> totals;
  for (const ByteRow &row : world->counters().rows())
    totals[{row.rank, row.link, row.direction}] += row.bytes;
  LinkBytes result;
  for (const auto &[key, bytes] : totals) {
    uint64_t &most = std::get<1>(key) == Link::Inter ? result.inter : result.intra;
    most = std::max(most, bytes);
  }
  return result;
}

std::string checkExchange(const ExchangeShape &shape, const std::vector<int> &chunks) {
  std::unique_ptr<MoeExchange> exchange;
  if (Status status = MoeExchange::create(shape, {}, exchange); !status.ok())
    return status.message();
  std::vector<std::vector<float>> expected;
  auto compare = [&](ExchangeMethod method, int count, bool bitwise) -> std::string {
    if (Status status = exchange->run(method, count); !status.ok())
      return status.message();
    for (size_t rank = 0; rank < expected.size(); ++rank) {
      const std::vector<float> &got = exchange->output(static_cast<int>(rank));
      for (size_t i = 0; i < got.size(); ++i)
        if (bitwise ? std::memcmp(&got[i], &expected[rank][i], sizeof(float)) != 0
                    : !(std::abs(got[i] - expected[rank][i]) <= 1e-4f))
          return "method " + std::to_string(static_cast<int>(method)) + ", " +
                 std::to_string(count) + " chunks, rank " + std::to_string(rank) + ", element " +
                 std::to_string(i) + ": got " + std::to_string(got[i]) + ", expected " +
                 std::to_string(expected[rank][i]);
    }
    return "";
  };
  if (Status status = exchange->run(ExchangeMethod::Hybrid); !status.ok())
    return status.message();
  for (int rank = 0; rank < shape.nodes * shape.devices; ++rank)
    expected.push_back(exchange->output(rank));
  for (int count : chunks)
    if (std::string problem = compare(ExchangeMethod::HybridFused, count, true); !problem.empty())
      return problem;
  for (ExchangeMethod method :
       {ExchangeMethod::AllGather, ExchangeMethod::FlatEp, ExchangeMethod::HierEp})
    if (std::string problem = compare(method, 1, false); !problem.empty())
      return problem;
  return "";
}

} // namespace mxs::bench
