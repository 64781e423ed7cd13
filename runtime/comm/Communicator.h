//===- Communicator.h - The collectives of one rank ----------------------------------*- C++ -*-===//
//
// One object per rank and stream, used by one thread. Every rank calls the same collectives of a
// stream in the same order, also with no rows; only `share` is its group's own business, after all
// others of the step. What each call moves, counts and in which order it adds: README.md in this
// folder and the C ABI (mixserve_rt.h).
//
// The first failure aborts the world; after that every call returns MXS_ABORTED at once. A call
// that fails returns when its node peers read its buffers no more, or hung for another deadline.
// Texts do not name this rank, which the caller knows; what the other ranks are told does.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_RUNTIME_COMM_COMMUNICATOR_H
#define MIXSERVE_RUNTIME_COMM_COMMUNICATOR_H

#include "comm/CommClock.h"
#include "comm/FlightRecorder.h"
#include "comm/RowMap.h"
#include "comm/Site.h"
#include "comm/WaitPoint.h"
#include "comm/World.h"

#include <memory>

namespace mxs {

class RankState;

/// Rows and their routing: x [rows, H], weights and ids [rows, K].
struct RoutedRows {
  const float *x;
  const float *weights;
  const int32_t *ids;
};
struct RoutedRowsOut {
  float *x;
  float *weights;
  int32_t *ids;
};

/// What follows a combine and is fused with it: a row-wise region on owned rows, then the gather of
/// what it computed.
struct GatherAfter {
  mxs_row_fn_t region; ///< fills `x` of the rows it is given, from their sums; null: `x` is the sums
  void *frame;         ///< for `region`
  const float *x;      ///< [OWNED, width]
  float *gathered;     ///< [GROUP, width]
  int64_t width;
  int32_t layer; ///< which the gather is counted in, as ATTN_AG
};

class Communicator {
public:
  Communicator(World &world, NodeShared &node, PacedLink &link, int rank, int stream);
  ~Communicator();

  int rank() const { return self; }
  const RowMap &rows() const;
  int chunks() const;
  /// Any thread may ask.
  CommTimes times() const;
  /// The rank waited for another stream of its own, outside a collective [ns].
  void waited(int64_t ns);
  /// Where this stream's thread sleeps; an abort of the world notifies it.
  WaitPoint &waitPoint();
  /// Its last operations. Any thread.
  RankFlight flight() const;

  /// Starts a step: rows of all ranks and the chunk count of the fused collectives (1 = one chunk).
  /// MXS_RESOURCE_EXHAUSTED: more rows or chunks than the world was created for.
  Status beginStep(const RowMap &rows, int chunks);

  /// Attention group: OWNED -> GROUP, ASKED_OWNED -> ASKED.
  Status allGather(Site site, const float *in, float *out, int64_t width, mxs_row_set_t from,
                   mxs_row_set_t to);
  /// OWNED -> RECEIVED (all ranks) or LANE -> RECEIVED (node; rows with some id >= 0).
  Status allGatherRouted(Site site, const RoutedRows &in, const RoutedRowsOut &out, int64_t hidden,
                         int64_t topK, mxs_row_set_t from, mxs_row_set_t to);
  /// GROUP -> OWNED, RECEIVED -> OWNED, RECEIVED -> LANE (zero in rows the lane did not gather).
  Status reduceScatter(Site site, const float *in, float *out, int64_t width, mxs_row_set_t from,
                       mxs_row_set_t to);
  /// GROUP -> GROUP; `in` may be `out`.
  Status allReduce(Site site, const float *in, float *out, int64_t width);

  /// Attention group: all = the `bytes` bytes `own` of every member, in rank order.
  /// MXS_INVALID_ARGUMENT: more than the world's shareBytes.
  Status share(Site site, const void *own, void *all, int64_t bytes);

  /// OWNED -> RECEIVED (FLAT_EP, HIER_EP) or LANE (HYBRID). Keeps the route for `combine`.
  Status dispatch(Site site, mxs_method_t method, const RoutedRows &in, const RoutedRowsOut &out,
                  int64_t hidden, int64_t topK);
  /// RECEIVED (FLAT_EP, HIER_EP) or LANE (HYBRID) -> OWNED.
  Status combine(Site site, mxs_method_t method, const float *partial, float *out, int64_t hidden);

  /// `ctx` is handed to `args.region`.
  Status agDispatch(mxs_ctx_t *ctx, int32_t layer, const mxs_ag_dispatch_t &args);
  Status rsCombine(int32_t layer, const float *partial, float *out, int64_t hidden);
  /// rsCombine, `after.region` on all owned rows, and the all_gather of its result in the attention
  /// group, in one schedule; bitwise equal to the three in sequence. The group must lie inside a
  /// node. `ctx` is handed to the region.
  Status rsCombineGather(mxs_ctx_t *ctx, int32_t layer, const float *partial, float *out,
                         int64_t hidden, const GatherAfter &after);

private:
  /// MXS_ABORTED, or MXS_INVALID_ARGUMENT when rows are larger than the world's buffers.
  Status start(int64_t width, int64_t topK);
  /// Poisons the world if `status` is a failure of this rank.
  Status finish(Status status);

  World &world;
  int self;
  std::unique_ptr<RankState> state;
};

} // namespace mxs

#endif // MIXSERVE_RUNTIME_COMM_COMMUNICATOR_H
