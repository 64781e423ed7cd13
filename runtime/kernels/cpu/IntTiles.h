//===- IntTiles.h - Register tiles of int8 and int4 weights, for any vector width ---*- C++ -*-===//
//
// Exact dot products inside a group of rows' values, folded with both scales. Policies as in
// Tiles.h; see there, and KernelSet.h for why all is in an unnamed namespace.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_RUNTIME_KERNELS_CPU_INTTILES_H
#define MIXSERVE_RUNTIME_KERNELS_CPU_INTTILES_H

#include "kernels/cpu/Tiles.h"

namespace mxs::cpu {
namespace {

/// Everything that an integer tile needs of rows and weights, moved to its first row.
struct IntTile {
  const uint8_t *x;
  int64_t stride;
  const float *scales;
  const int32_t *sums;
  int64_t groups;
  const BlockView *w;
  BlockStart next;  ///< what a tile of one pass asks for at the end; null data: nothing
  BlockStart ahead; ///< what one of several passes asks for; null: not for those
  int64_t lines;    ///< ... and how many cache lines with each step
  /// For several passes: the scales of the part's groups, for all outputs.
  const uint16_t *const *groupScales;
  float *y;
};

/// The dots of row r begin with begin(r).
template <class V, int R, int C, class Begin>
MXS_INLINE void beginDots(typename V::IntReg (&dots)[R][C], const Begin &begin) {
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c)
      dots[r][c] = V::broadcastInt(begin(r));
}

//===----------------------------------------------------------------------===//
// One pass: a tile of all outputs
//===----------------------------------------------------------------------===//

/// Most rows of such a tile that asks for weights while it reads them. Its few instructions
/// per line let loads run so far ahead that they, and not the processor's own prefetching, wait for
/// the memory; with more rows there is none of that, and asking costs more than it gives.
constexpr int kAskRows = 2;

/// Groups whose scales such a tile asks for ahead: a second, thin stream beside the weights, which
/// the processor's own prefetching follows less well.
constexpr int64_t kAheadScales = 8;

/// Asks for a step's weights, into the second-level cache.
MXS_INLINE void askStep(const uint8_t *weights) {
#pragma GCC unroll 8
  for (int64_t line = 0; line < kStepBytes; line += 64)
    __builtin_prefetch(weights + line, 0, 2);
}

/// Groups [firstGroup, endGroup). The sums are kept in registers where they and the dots fit them,
/// else in y. A tile that passes over a whole block asks for the beginning of the next one, which
/// may lie elsewhere.
template <class V, class P, int R, int C>
MXS_INLINE void wideTile(const IntTile &t, int64_t firstGroup, int64_t endGroup) {
  static_assert(C * V::kCells == kBlockColumns);
  constexpr bool kept = 2 * R * C + C + 3 <= V::kRegisters;
  constexpr bool asks = R <= kAskRows;
  const BlockView w = *t.w;
  float *const y = t.y;
  typename V::Reg sums[R][C];
  if constexpr (kept)
    loadSums<V, R, C>(sums, y, firstGroup == 0);
  const int64_t first = firstGroup * w.rowGroup;
  RowsOf<P, R> rows(t.x + first, t.stride);
  const uint8_t *data = w.data + first / P::kPerStep * kStepBytes;
  const uint8_t *const dataEnd = w.data + (w.k + P::kPerStep - 1) / P::kPerStep * kStepBytes;
  for (int64_t g = firstGroup; g < endGroup; ++g) {
    const int64_t k = g * w.rowGroup,
                  steps = (smaller(w.rowGroup, w.k - k) + P::kPerStep - 1) / P::kPerStep;
    typename V::IntReg dots[R][C];
    beginDots<V>(dots, [&](int r) MXS_ALWAYS { return -P::kBias * t.sums[r * t.groups + g]; });
    const uint16_t *scales = w.scales + k / w.group * kBlockColumns;
    if constexpr (asks) {
      __builtin_prefetch(scales + kAheadScales * kBlockColumns, 0, 2);
      __builtin_prefetch(scales + kAheadScales * kBlockColumns + kBlockColumns / 2, 0, 2);
    }
    // Steps that ask inside the block; the rest ask for the next one.
    const int64_t inside = clamped((dataEnd - data - P::kAheadBytes) / kStepBytes, 0, steps);
    const uint8_t *ask = data + P::kAheadBytes;
    takeAll<P, R, C, asks ? kStepLines : 0>(dots, rows, data, inside, ask);
    if (const int64_t others = steps - inside; others > 0) {
      if (t.next.data) {
        ask = t.next.data + P::kAheadBytes - (dataEnd - data);
        askStep(reinterpret_cast<const uint8_t *>(t.next.scales));
        takeAll<P, R, C, kStepLines>(dots, rows, data, others, ask);
      } else {
        takeAll<P, R, C, 0>(dots, rows, data, others, ask);
      }
    }
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) {
      const typename V::Reg scale = V::loadBf16(scales + c * V::kCells);
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        float *sum = y + r * kBlockColumns + c * V::kCells;
        const typename V::Reg both = V::multiply(scale, V::broadcast(t.scales[r * t.groups + g]));
        if constexpr (kept)
          sums[r][c] = V::multiplyAdd(V::toFloat(dots[r][c]), both, sums[r][c]);
        else
          V::store(sum,
                   V::multiplyAdd(V::toFloat(dots[r][c]), both, g == 0 ? V::zero() : V::load(sum)));
      }
    }
  }
  if constexpr (kept)
    storeSums<V, R, C>(sums, y);
}

//===----------------------------------------------------------------------===//
// Several passes: a tile of some outputs at a time
//===----------------------------------------------------------------------===//

/// Most groups of a part.
constexpr int64_t kMostGroups = 64;

/// What the groups of a part need of a tile's rows, side by side: looked up in each pass, it took
/// a fifth of the instructions.
template <class P, int R> struct GroupRows {
  float scales[kMostGroups][R];
  int32_t begins[kMostGroups][R]; ///< what the dots begin with

  MXS_INLINE GroupRows(const IntTile &t, int64_t firstGroup, int64_t endGroup) {
    for (int64_t g = 0; g < endGroup - firstGroup; ++g)
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        scales[g][r] = t.scales[r * t.groups + firstGroup + g];
        begins[g][r] = -P::kBias * t.sums[r * t.groups + firstGroup + g];
      }
  }
};

/// Adds the products of groups [firstGroup, endGroup), each on its own, to y: there are no
/// registers for sums beside the dots. Asks for `Lines` cache lines of weights per step from
/// `ahead` on.
template <class V, class P, int R, int C, int Lines>
MXS_INLINE void narrowTile(const IntTile &t, const GroupRows<P, R> &groups, int64_t firstGroup,
                           int64_t endGroup, int64_t column, const uint8_t *ahead) {
  const BlockView &w = *t.w;
  float *const y = t.y + column;
  const int64_t first = firstGroup * w.rowGroup, groupSteps = w.rowGroup / P::kPerStep;
  RowsOf<P, R> rows(t.x + first, t.stride);
  const uint8_t *data = w.data + first / P::kPerStep * kStepBytes + 4 * column;
  int64_t left = (smaller(w.k, endGroup * w.rowGroup) - first + P::kPerStep - 1) / P::kPerStep;
  for (int64_t g = 0; left > 0; ++g, left -= groupSteps) {
    typename V::IntReg dots[R][C];
    beginDots<V>(dots, [&](int r) MXS_ALWAYS { return groups.begins[g][r]; });
    if (Lines > 0 && t.ahead.scales && column == 0) {
      const uint16_t *ask = t.ahead.scales + (t.groupScales[g] - t.groupScales[0]);
      __builtin_prefetch(ask, 0, 2);
      __builtin_prefetch(ask + kBlockColumns / 2, 0, 2);
    }
    const int64_t steps = smaller(groupSteps, left);
    if (P::kTakesSeveral && steps == P::unroll(R))
      takeSteps<P, R, C, Lines, P::unroll(R)>(dots, rows, data, ahead);
    else
      takeAll<P, R, C, Lines>(dots, rows, data, steps, ahead);
    const uint16_t *scales = t.groupScales[g] + column;
    asm volatile("" ::: "memory"); // sums stay in y: in registers they would push out the dots
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) {
      const typename V::Reg scale = V::loadBf16(scales + c * V::kCells);
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        float *sum = y + r * kBlockColumns + c * V::kCells;
        const typename V::Reg both = V::multiply(scale, V::broadcast(groups.scales[g][r]));
        V::store(sum, V::multiplyAdd(V::toFloat(dots[r][c]), both, V::load(sum)));
      }
    }
  }
}

template <class V, class P> struct IntBlock {
  /// Outputs of a pass, passes of a tile of R rows.
  template <int R> static constexpr int kWidth = P::columns(R) * V::kCells;
  template <int R> static constexpr int kPasses = kBlockColumns / kWidth<R>;
  static constexpr bool kIsNarrow = (kPasses<P::kMostRows>) > 1;

  template <int R> struct Run {
    static MXS_INLINE void call(const IntTile &tile, int64_t firstGroup, int64_t endGroup) {
      if constexpr (kPasses<R> == 1)
        wideTile<V, P, R, P::columns(R)>(tile, firstGroup, endGroup);
      else
        narrowTiles<R>(tile, firstGroup, endGroup);
    }
  };

  template <int R>
  static MXS_INLINE void narrowTiles(const IntTile &tile, int64_t firstGroup, int64_t endGroup) {
    // Parts of many rows are the longest.
    static_assert(kIsNarrow && P::partSteps(INT64_MAX) <= kMostGroups);
    const int64_t steps = (endGroup - firstGroup) * tile.w->rowGroup / P::kPerStep;
    const GroupRows<P, R> groups(tile, firstGroup, endGroup);
    const auto pass = [&](auto asked, int64_t pass, const uint8_t *ahead) MXS_ALWAYS {
      narrowTile<V, P, R, P::columns(R), decltype(asked)::value>(tile, groups, firstGroup, endGroup,
                                                                 pass * kWidth<R>, ahead);
    };
    forPasses<kPasses<R>, kStepLines>(tile.ahead.data ? tile.lines : 0, steps, tile.ahead.data,
                                      pass);
  }

  /// A BlockFunction.
  static void run(const RowView &x, int64_t rows, const BlockView &w, float *y) {
    const int64_t all = (w.k + w.rowGroup - 1) / w.rowGroup;
    const int64_t tiles = (rows + P::kMostRows - 1) / P::kMostRows;
    const int64_t groupSteps = w.rowGroup / P::kPerStep;
    const bool onePass = cpu::onePass<V, P>(rows);
    const int64_t part = onePass ? all : (P::partSteps(rows) + groupSteps - 1) / groupSteps;
    const BlockStart next = onePass ? w.next : BlockStart{};
    const PartAsks share(tiles);
    const bool narrow = kIsNarrow && !onePass;
    const uint16_t *groupScales[kIsNarrow ? kMostGroups : 1];
    if (narrow)
      for (int64_t i = 0; i < rows * kBlockColumns; i += V::kCells)
        V::store(y + i, V::zero());
    for (int64_t group = 0; group < all; group += part) {
      const int64_t end = smaller(group + part, all);
      if (narrow)
        for (int64_t g = group; g < end; ++g)
          groupScales[g - group] = w.scales + g * w.rowGroup / w.group * kBlockColumns;
      const uint8_t *const partEnd = w.data + end * groupSteps * kStepBytes;
      const BlockStart after =
          end < all ? BlockStart{partEnd, w.scales + end * w.rowGroup / w.group * kBlockColumns}
                    : w.next;
      const int64_t steps = (end - group) * groupSteps;
      const uint8_t *ahead = after.data;
      if constexpr (kIsNarrow)
        if (ahead == partEnd) // not where the next block lies elsewhere
          ahead -= P::backBytes(rows);
      int64_t row = 0;
      for (int64_t tile = 0; tile < tiles; ++tile) {
        const int64_t count = (rows - row) / (tiles - tile);
        const IntTile t{x.data + row * x.stride,
                        x.stride,
                        x.scales + row * x.groups,
                        x.sums + row * x.groups,
                        x.groups,
                        &w,
                        next,
                        {share.from(ahead, tile, steps), tile == 0 ? after.scales : nullptr},
                        share.lines,
                        groupScales,
                        y + row * kBlockColumns};
        forRows<Run, P::kMostRows, const IntTile &>(count, t, group, end);
        row += count;
      }
    }
  }
};

} // namespace
} // namespace mxs::cpu

#endif // MIXSERVE_RUNTIME_KERNELS_CPU_INTTILES_H
