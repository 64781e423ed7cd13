//===- RowSpans.h - Which part of an index space is whose -----------------------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_COMM_ROWSPANS_H
#define MIXSERVE_RUNTIME_COMM_ROWSPANS_H

#include "comm/RowMap.h"

namespace mxs {

/// Where a rank's rows lie in the rows of its group (GROUP), the group's asked rows (ASKED), or all
/// rows (RECEIVED). With `oneEach`: every rank has one row, that of rank `oneEach` is the first.
struct RowSpans {
  const RowMap &rows;
  mxs_row_set_t set;
  int oneEach = -1;

  int64_t begin(int rank) const {
    return oneEach >= 0             ? rank - oneEach
           : set == MXS_ROWS_GROUP   ? rows.ownedBegin(rank)
           : set == MXS_ROWS_ASKED ? rows.askedBegin(rank)
                                   : rows.globalBegin(rank);
  }
  int64_t count(int rank) const {
    return oneEach >= 0            ? 1
           : set == MXS_ROWS_ASKED ? rows.askedOwned(rank)
                                   : rows.ownedRows(rank);
  }
};

} // namespace mxs

#endif // MIXSERVE_RUNTIME_COMM_ROWSPANS_H
