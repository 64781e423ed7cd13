//===- DenseCollectives.h - Gather and reduce of whole row sets -----------------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_COMM_DENSECOLLECTIVES_H
#define MIXSERVE_RUNTIME_COMM_DENSECOLLECTIVES_H

#include "comm/Call.h"
#include "comm/RowSpans.h"

namespace mxs {

/// One array per row set: this rank's rows `in`, all rows `out`.
struct Column {
  const void *in;
  void *out;
  int64_t rowBytes;
  bool rounds; ///< floats of activations: between nodes they travel in the wire type
};
constexpr int kMaxColumns = 3;

/// Every rank of `group` gets the rows of all of them. Lane-wise between the nodes first, then each
/// rank reads its node peers' lanes: a row enters a node once per lane, not once per rank. Every rank
/// has the same bits: in a group over several nodes the rank's own rows of `out` are rounded, too.
/// Columns that round come last.
Status gatherRows(Call &call, const RankGroup &group, const Column *columns, int count,
                  const RowSpans &spans);

/// out = the sum over `group` of its members' `in` [all rows of `spans`], this rank's rows only:
/// first in ascending device inside each node, then the node sums in ascending node.
/// `out` must not overlap any `in`.
Status reduceRows(Call &call, const RankGroup &group, const float *in, float *out, int64_t width,
                  const RowSpans &spans);

} // namespace mxs

#endif // MIXSERVE_RUNTIME_COMM_DENSECOLLECTIVES_H
