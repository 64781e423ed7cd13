//===- Tiles.h - Register tiles of the GEMM kernels, for any vector width -----------*- C++ -*-===//
//
// Included only by files that are compiled for one instruction set; everything is in an unnamed
// namespace, so that no instantiation is shared between such files (see KernelSet.h).
//
// All weight types have the same rhythm: a *step* is 64 cells of 4 bytes, one per output, and holds
// v consecutive k (1 float32, 2 bfloat16, 4 int8, 8 int4). A policy knows how a step is multiplied:
//
//   V: vector type: Reg, kCells (outputs of a register), load, store, zero
//   P: kAheadBytes (how far ahead a tile asks that reads its weights from memory itself),
//      asksSoon(v) (float kernels: whether such a tile asks at all, and rows that take turns),
//      ledTiles(rows) (float kernels: tiles of few rows, the first of which is one row; 0: as of
//      more), kBurstTiles (float kernels: so many tiles ask in bursts, see PartAsks; INT64_MAX:
//      never), kRowBytes (bytes of a row that a step reads), kPerStep (v), partSteps(rows)
//      (of a part, below), backBytes(rows) (integers: so much of a part it asks for itself, at its
//      beginning, in place of as much at the end of the next one), kMostRows, columns(R) (registers
//      of a tile of R rows), kPinsRows (an address register for each), unroll(R) (steps of an
//      iteration), and step<R, C>(sums, x, w); steps<R, C, N>(sums, x, w) in its place where
//      kTakesSeveral, which multiplies N steps at once; kBias (integers: what their weights are too
//      large by)
//
// The K of a block is cut so that the weights of a part stay in the cache while all rows pass.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_RUNTIME_KERNELS_CPU_TILES_H
#define MIXSERVE_RUNTIME_KERNELS_CPU_TILES_H

#include "kernels/cpu/KernelSet.h"

#define MXS_ALWAYS __attribute__((always_inline))
#define MXS_INLINE inline MXS_ALWAYS

namespace mxs::cpu {
namespace {

constexpr int64_t kStepBytes = 4 * kBlockColumns;
constexpr int kStepLines = kStepBytes / 64; ///< cache lines of a step

MXS_INLINE int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
MXS_INLINE int64_t clamped(int64_t a, int64_t least, int64_t most) {
  return a < least ? least : smaller(a, most);
}

/// The sums of a tile from y, or zeros at the start.
template <class V, int R, int C>
MXS_INLINE void loadSums(typename V::Reg (&sums)[R][C], const float *y, bool first) {
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c)
      sums[r][c] = first ? V::zero() : V::load(y + r * kBlockColumns + c * V::kCells);
}

template <class V, int R, int C>
MXS_INLINE void storeSums(const typename V::Reg (&sums)[R][C], float *y) {
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c)
      V::store(y + r * kBlockColumns + c * V::kCells, sums[r][c]);
}

/// The rows of a tile: at(r) is where row r goes on. Here its address is computed where it is used.
template <int R, bool Pinned> struct TileRows {
  const uint8_t *first;
  int64_t stride;
  MXS_INLINE TileRows(const uint8_t *first, int64_t stride) : first(first), stride(stride) {}
  MXS_INLINE const uint8_t *at(int r) const { return first + r * stride; }
  MXS_INLINE void advance(int64_t bytes) { first += bytes; }
};

/// The same with a register for every row: where a step has few multiplications, adding up
/// addresses in each costs as much as they do.
template <int R> struct TileRows<R, true> {
  const uint8_t *rows[R];
  int64_t offset = 0;
  MXS_INLINE TileRows(const uint8_t *first, int64_t stride) {
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      rows[r] = first + r * stride;
      asm("" : "+r"(rows[r])); // not to be computed from another one
    }
  }
  MXS_INLINE const uint8_t *at(int r) const { return rows[r] + offset; }
  MXS_INLINE void advance(int64_t bytes) { offset += bytes; }
};

/// A single row's address is in a register anyway.
template <class P, int R> using RowsOf = TileRows<R, P::kPinsRows && (R > 1)>;

/// Some steps one behind the other. Asks for `Lines` cache lines per step from `ahead` on.
template <class P, int R, int C, int Lines, int Steps, class Reg, class Rows>
MXS_INLINE void takeSteps(Reg (&sums)[R][C], Rows &x, const uint8_t *&w, const uint8_t *&ahead) {
  constexpr int each = P::kTakesSeveral ? Steps : 1;
#pragma GCC unroll 8
  for (int step = 0; step < Steps; step += each) {
#pragma GCC unroll 16
    for (int line = 0; line < each * Lines; ++line)
      __builtin_prefetch(ahead + (step * Lines + line) * 64, 0, 2);
    if constexpr (P::kTakesSeveral)
      P::template steps<R, C, each>(sums, x, w);
    else
      P::template step<R, C>(sums, x, w + step * kStepBytes);
    x.advance(each * P::kRowBytes);
  }
  w += Steps * kStepBytes;
  ahead += Steps * Lines * 64;
}

/// `steps` steps, unrolled.
template <class P, int R, int C, int Lines, class Reg, class Rows>
MXS_INLINE void takeAll(Reg (&sums)[R][C], Rows &x, const uint8_t *&w, int64_t steps,
                        const uint8_t *&ahead) {
  constexpr int unroll = P::unroll(R);
  if constexpr (unroll > 1)
    for (; steps >= unroll; steps -= unroll)
      takeSteps<P, R, C, Lines, unroll>(sums, x, w, ahead);
  for (; steps > 0; --steps)
    takeSteps<P, R, C, Lines, 1>(sums, x, w, ahead);
}

/// A tile of R rows times C registers of outputs; y points at its first output. Adds to what y
/// holds unless `first`. Asks for `Lines` cache lines of weights per step from `ahead` on.
template <class V, class P, int R, int C, int Lines>
MXS_INLINE void floatTile(const uint8_t *x, int64_t stride, const uint8_t *w, int64_t steps,
                          bool first, const uint8_t *ahead, float *y) {
  typename V::Reg sums[R][C];
  loadSums<V, R, C>(sums, y, first);
  RowsOf<P, R> rows(x, stride);
  takeAll<P, R, C, Lines>(sums, rows, w, steps, ahead);
  storeSums<V, R, C>(sums, y);
}

/// A number of cache lines, as a type.
template <int N> struct LineCount { static constexpr int value = N; };

/// body(LineCount<L>(), pass, ahead), L the lines that each of `Passes` asks for to make it
/// `lines`.
template <int Passes, int Most, int L = 1, class Body>
MXS_INLINE void askingPass(int64_t lines, int64_t pass, const uint8_t *ahead, const Body &body) {
  if constexpr (L * Passes < Most) {
    if (lines > L * Passes) {
      askingPass<Passes, Most, 2 * L>(lines, pass, ahead, body);
      return;
    }
  }
  body(LineCount<L>(), pass, ahead);
}

/// Calls body(LineCount<L>(), pass, ahead) for every pass of a tile over its columns; it asks for L
/// cache lines with each of its `steps`, from `ahead` on, one behind the other. All passes together
/// ask for `lines` per step, 0, 1, 2 or 4 and at most `Most`, as evenly as they can.
template <int Passes, int Most, class Body>
MXS_INLINE void forPasses(int64_t lines, int64_t steps, const uint8_t *ahead, const Body &body) {
  static_assert(Passes == 1 || Passes == 2 || Passes == 4);
  for (int64_t pass = 0; pass < Passes; ++pass) {
    if (lines >= Passes || (lines > 0 && pass % (Passes / lines) == 0)) {
      askingPass<Passes, Most>(lines, pass, ahead, body);
      ahead += steps * (lines > Passes ? lines / Passes : 1) * 64;
      continue;
    }
    body(LineCount<0>(), pass, static_cast<const uint8_t *>(nullptr));
  }
}

/// What the tiles of a part ask for of what comes after it: a tile that is alone for everything,
/// the first two, or four, of several for the same each: as slowly as there are tiles for, since
/// memory has other cores to serve. So many tiles that a pass of each has but a few lines to ask
/// for (P::kBurstTiles) ask for those before it, all of them: nothing is in the way of their steps.
struct PartAsks {
  int64_t lines; ///< cache lines of a step that a tile asks for
  MXS_INLINE explicit PartAsks(int64_t tiles)
      : lines(tiles == 1 ? kStepLines : tiles < 4 ? 2 : 1) {}
  /// Where a tile begins to ask in a part of `steps` steps that is followed by `next`; null: it
  /// does not, as tile -1. What follows may be shorter than that; asking reads nothing.
  MXS_INLINE const uint8_t *from(const uint8_t *next, int64_t tile, int64_t steps) const {
    return next && tile >= 0 && tile * lines < kStepLines ? next + tile * steps * lines * 64
                                                          : nullptr;
  }
};

/// Calls body(LineCount<0>(), pass, null) for every pass of a tile that asks in bursts.
template <int Passes, class Body>
MXS_INLINE void forBurstPasses(int64_t burst, const uint8_t *ahead, const Body &body) {
  for (int64_t pass = 0; pass < Passes; ++pass) {
    for (int64_t line = 0; ahead && line < burst; ++line, ahead += 64)
      __builtin_prefetch(ahead, 0, 2);
    body(LineCount<0>(), pass, static_cast<const uint8_t *>(nullptr));
  }
}

/// `lines` below 0: so many before each pass.
template <class V, class P, int R>
void floatRows(const uint8_t *x, int64_t stride, const uint8_t *w, int64_t steps, bool first,
               const uint8_t *ahead, int64_t lines, float *y) {
  constexpr int columns = P::columns(R), width = columns * V::kCells;
  constexpr int passes = kBlockColumns / width;
  // One pass that reads all there is asks for all of a step, if it asks.
  constexpr int most = passes > 1 || P::asksSoon(P::kPerStep) ? kStepLines : 2;
  const auto tile = [&](auto asked, int64_t pass, const uint8_t *from) MXS_ALWAYS {
    const int64_t c = pass * width;
    floatTile<V, P, R, columns, decltype(asked)::value>(x, stride, w + 4 * c, steps, first, from,
                                                        y + c);
  };
  if (P::kBurstTiles < INT64_MAX && lines < 0)
    forBurstPasses<passes>(-lines, ahead, tile);
  else
    forPasses<passes, most>(ahead ? lines : 0, steps, ahead, tile);
}

/// Calls Run<R>::call(...) for R = `rows`, 1 .. Most.
template <template <int> class Run, int Most, class... Args>
MXS_INLINE void forRows(int64_t rows, Args... args) {
  if constexpr (Most > 1)
    if (rows < Most) {
      forRows<Run, Most - 1>(rows, args...);
      return;
    }
  Run<Most>::call(args...);
}

/// Whether one tile is all and reads every weight once: there is nothing to keep in a cache.
template <class V, class P> MXS_INLINE bool onePass(int64_t rows) {
  return rows <= P::kMostRows && P::columns(static_cast<int>(rows)) * V::kCells >= kBlockColumns;
}

template <class V, class P> struct FloatBlock {
  template <int R> struct Run {
    static MXS_INLINE void call(const uint8_t *x, int64_t stride, const uint8_t *w, int64_t steps,
                                bool first, const uint8_t *ahead, int64_t lines, float *y) {
      floatRows<V, P, R>(x, stride, w, steps, first, ahead, lines, y);
    }
  };

  /// A BlockFunction.
  static void run(const RowView &x, int64_t rows, const BlockView &w, float *y) {
    const int64_t perStep = P::kPerStep, all = (w.k + perStep - 1) / perStep;
    // A row alone reads a part from memory in order; the rest, which would read it in strides, find
    // it in the cache, and ask for the next part: a tile for its first half, the second one for the
    // other (a single one that asked for all would ask too fast).
    const int64_t led = P::ledTiles(rows);
    const bool leads = led && rows > led;
    const int64_t tiles = led ? led : (rows + P::kMostRows - 1) / P::kMostRows;
    // A tile of one pass, if it is alone, reads the whole block but its end, asking as fast as it
    // reads, and then the end, asking for the next block.
    const bool readsOnce = tiles == 1 && onePass<V, P>(rows);
    constexpr int64_t soon = P::kAheadBytes / kStepBytes;
    const bool asksSoon = readsOnce && P::asksSoon(P::kPerStep) && all > 2 * soon;
    const int64_t part = asksSoon ? all - soon : readsOnce ? all : P::partSteps(rows);
    const bool asks = readsOnce ? asksSoon : !led || leads || P::asksSoon(P::kPerStep);
    const PartAsks share(tiles);
    for (int64_t step = 0; step < all; step += part) {
      const int64_t steps = smaller(part, all - step);
      const uint8_t *data = w.data + step * kStepBytes;
      const int64_t distance = asksSoon ? soon : part;
      const uint8_t *next = step + part < all ? data + distance * kStepBytes : w.next.data;
      int64_t row = 0;
      for (int64_t tile = 0; tile < tiles; ++tile) {
        const int64_t count = led && tile == 0 ? 1 : (rows - row) / (tiles - tile);
        const uint8_t *ahead = asks ? share.from(next, leads ? tile - 1 : tile, steps) : nullptr;
        int64_t lines = share.lines;
        if (P::kBurstTiles < INT64_MAX && tiles >= P::kBurstTiles) {
          static_assert(P::kBurstTiles >= 4); // so no tile is of one row, which has other passes
          constexpr int64_t passes = kBlockColumns / (P::columns(P::kMostRows) * V::kCells);
          const int64_t burst = (steps * kStepLines + tiles * passes - 1) / (tiles * passes);
          ahead = next ? next + tile * passes * burst * 64 : nullptr;
          lines = -burst;
        }
        forRows<Run, P::kMostRows>(count, x.data + row * x.stride + step * P::kRowBytes, x.stride,
                                   data, steps, step == 0, ahead, lines, y + row * kBlockColumns);
        row += count;
      }
    }
  }
};

//===----------------------------------------------------------------------===//
// Elementwise
//===----------------------------------------------------------------------===//

/// e^x to about 1 ulp for x in [-87.3, 88.3], clamped to it; NaN stays NaN.
template <class V> MXS_INLINE typename V::Reg exponential(typename V::Reg x) {
  using Reg = typename V::Reg;
  x = V::clamp(x, -87.3f, 88.3f);
  const Reg n = V::round(V::multiply(x, V::broadcast(1.44269504088896341f)));
  Reg r = V::multiplyAdd(n, V::broadcast(-0.693359375f), x);
  r = V::multiplyAdd(n, V::broadcast(2.12194440e-4f), r);
  Reg p = V::broadcast(1.9875691500e-4f);
  p = V::multiplyAdd(p, r, V::broadcast(1.3981999507e-3f));
  p = V::multiplyAdd(p, r, V::broadcast(8.3334519073e-3f));
  p = V::multiplyAdd(p, r, V::broadcast(4.1665795894e-2f));
  p = V::multiplyAdd(p, r, V::broadcast(1.6666665459e-1f));
  p = V::multiplyAdd(p, r, V::broadcast(5.0000001201e-1f));
  p = V::multiplyAdd(p, V::multiply(r, r), V::add(r, V::broadcast(1.0f)));
  return V::multiply(p, V::powerOfTwo(n));
}

template <class V> void swigluRow(const float *gate, const float *up, float *out, int64_t count) {
  const typename V::Reg one = V::broadcast(1.0f);
  for (int64_t i = 0; i < count; i += V::kCells) {
    const typename V::Reg g = V::load(gate + i);
    const typename V::Reg e = exponential<V>(V::subtract(V::zero(), g));
    V::store(out + i, V::multiply(V::divide(g, V::add(one, e)), V::load(up + i)));
  }
}

template <class V> void addScaledRow(float weight, const float *y, float *out, int64_t count) {
  int64_t i = 0;
  for (; i + V::kCells <= count; i += V::kCells)
    V::store(out + i, V::multiplyAdd(V::broadcast(weight), V::load(y + i), V::load(out + i)));
  for (; i < count; ++i)
    out[i] = __builtin_fmaf(weight, y[i], out[i]);
}

} // namespace
} // namespace mxs::cpu

#endif // MIXSERVE_RUNTIME_KERNELS_CPU_TILES_H
