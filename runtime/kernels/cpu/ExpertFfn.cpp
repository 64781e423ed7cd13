//===- ExpertFfn.cpp ------------------------------------------------------------------------===//
#include "kernels/cpu/ExpertFfn.h"

#include "kernels/cpu/Kernels.h"
#include "kernels/cpu/PackedLinear.h"

#include <algorithm>

using namespace mxs;
using namespace mxs::cpu;

namespace {

/// One call's view of the workspace and its three loops.
class FfnRun {
public:
  FfnRun(const Engine &engine, ThreadPool &pool, Workspace &space, const ExpertFfnCall &call);
  static int64_t bytes(const Engine &engine, const mxs_weight_t &gate, const mxs_weight_t &down,
                       int64_t rows, int64_t topK);
  Status run();

private:
  template <class Body> void share(int64_t tasks, const Body &body);
  void gatherRows();
  void planGateUp();
  void gateUp(int64_t task);
  void gateUpTile(int64_t expert, int64_t first, int64_t rows, int64_t block, int64_t blocks,
                  const BlockStart &next);
  void downSum();
  void downTile(int64_t expert, int64_t first, int64_t rows, int64_t block,
                const BlockStart &next) const;
  void downRange(int64_t firstBlock, int64_t width, int64_t firstRow, int64_t endRow) const;
  int64_t downStrip() const;
  ReadAhead downAhead(int worker) const;
  void downOfFew();
  void sumOfFew();
  int64_t pairsBefore(int64_t expert, int64_t row) const;
  int64_t nextUsed(int64_t expert) const;

  const Engine &engine;
  ThreadPool &pool;
  const ExpertFfnCall &call;
  const int64_t experts, hidden, ffn, capacity;
  const RowLayout inLayout, midLayout;
  RoutedPair *pairs;
  int64_t *ends;                                ///< [experts + 1] pairs before each expert
  int64_t *taskEnds;                            ///< [experts + 1] gate/up tasks before each expert
  int32_t *places;                              ///< [rows, K] pair of a row's choice, -1: not local
  int64_t *used;                                ///< [usedCount] experts with rows, ascending
  uint8_t *in, *mid;                            ///< rows of the pairs: inputs, activations
  float *few = nullptr;                         ///< [pairs, H] outputs of a call with few rows
  int64_t count = 0, usedCount = 0;             ///< pairs, experts with rows
  int64_t taskRows = kTileRows, taskBlocks = 1; ///< most of a gate/up task
};

int64_t pairCapacity(int64_t rows, int64_t topK, int64_t experts) {
  return rows * std::min(topK, experts);
}

/// Up to this many rows, reading the weights is all the work.
constexpr int64_t kFewRows = 16;

/// Tasks for each thread: those of few rows take the same time each, so fewer of them do.
constexpr int64_t kTasks = 32, kFewTasks = 8;

/// Elements that are copied or added sooner than a thread is woken.
constexpr int64_t kShortWork = 32768;

/// Column blocks that a task takes: blocks of a matrix lie one behind the other, and memory is read
/// faster in long pieces; but tasks must be many, so that the last ones to end are short: `least`.
int64_t stripBlocks(int64_t blocks, int64_t matrices, int64_t least) {
  int64_t strip = 1;
  while (strip < 4 && blocks * matrices / (2 * strip) >= least)
    strip *= 2;
  return strip;
}

} // namespace

int64_t FfnRun::bytes(const Engine &engine, const mxs_weight_t &gate, const mxs_weight_t &down,
                      int64_t rows, int64_t topK) {
  const int64_t pairs = pairCapacity(rows, topK, gate.matrices);
  const auto padded = Workspace::paddedBytes;
  return padded(pairs * static_cast<int64_t>(sizeof(RoutedPair))) +
         3 * padded((gate.matrices + 1) * 8) + padded(rows * topK * 4) +
         padded(engine.rowLayout(gate).bytes(pairs)) + padded(engine.rowLayout(down).bytes(pairs)) +
         padded(pairCapacity(std::min(rows, kFewRows), topK, gate.matrices) * gate.k * 4);
}

FfnRun::FfnRun(const Engine &engine, ThreadPool &pool, Workspace &space, const ExpertFfnCall &call)
    : engine(engine), pool(pool), call(call), experts(call.gate->matrices), hidden(call.gate->k),
      ffn(call.gate->n), capacity(pairCapacity(call.rows, call.topK, experts)),
      inLayout(engine.rowLayout(*call.gate)), midLayout(engine.rowLayout(*call.down)) {
  space.reserve(bytes(engine, *call.gate, *call.down, call.rows, call.topK));
  pairs = space.take<RoutedPair>(capacity);
  ends = space.take<int64_t>(experts + 1);
  taskEnds = space.take<int64_t>(experts + 1);
  used = space.take<int64_t>(experts);
  places = space.take<int32_t>(call.rows * call.topK);
  in = space.take<uint8_t>(inLayout.bytes(capacity));
  mid = space.take<uint8_t>(midLayout.bytes(capacity));
  if (call.rows <= kFewRows)
    few = space.take<float>(capacity * hidden);
}

Status FfnRun::run() {
  count = sortByExpert(call.ids, call.rows, call.topK, call.firstExpert,
                       call.firstExpert + static_cast<int32_t>(experts), capacity, pairs, ends);
  if (count < 0)
    return internalError("a row names an expert twice");
  gatherRows();
  planGateUp();
  const auto down = [this](int worker) { return downAhead(worker); };
  pool.parallelFor(
      taskEnds[experts], [this](int64_t task, int) { gateUp(task); }, down);
  if (few) {
    downOfFew();
    sumOfFew();
  } else {
    downSum();
  }
  return okStatus();
}

/// Short work, shared out only if it has several tasks.
template <class Body> void FfnRun::share(int64_t tasks, const Body &body) {
  if (tasks == 1)
    body(0);
  else
    pool.parallelFor(tasks, [&](int64_t task, int) { body(task); });
}

/// A row is put into the kernels' form once, and copied to its other experts.
void FfnRun::gatherRows() {
  std::fill_n(places, call.rows * call.topK, -1);
  for (int64_t i = 0; i < count; ++i)
    places[pairs[i].row * call.topK + pairs[i].choice] = static_cast<int32_t>(i);
  const int64_t perTask = std::max<int64_t>(1, kShortWork / (hidden * call.topK));
  share((call.rows + perTask - 1) / perTask, [&](int64_t task) {
    for (int64_t row = task * perTask; row < std::min(call.rows, (task + 1) * perTask); ++row) {
      int32_t put = -1;
      for (int64_t k = 0; k < call.topK; ++k) {
        const int32_t place = places[row * call.topK + k];
        if (place >= 0 && put >= 0) {
          copyRow(inLayout, in, capacity, put, place);
        } else if (place >= 0) {
          put = place;
          putRow(engine.kernels(), inLayout, in, capacity, put, 0, hidden, call.x + row * hidden);
        }
      }
    }
  });
}

//===----------------------------------------------------------------------===//
// Gate, up, activation: tasks are (expert, up to taskBlocks column blocks of F, up to taskRows
// rows)
//===----------------------------------------------------------------------===//

void FfnRun::planGateUp() {
  const int64_t blocks = mxs_weight_blocks(ffn), threads = pool.threads();
  for (int64_t e = 0; e < experts; ++e)
    if (ends[e + 1] > ends[e])
      used[usedCount++] = e;
  taskBlocks = stripBlocks(blocks, usedCount, (few ? kFewTasks : kTasks) * threads);
  const int64_t strips = (blocks + taskBlocks - 1) / taskBlocks;
  // About kTasks tasks for each thread, so that the last ones to end are short; a hot expert has
  // several tasks per column block then, whole tiles each.
  const int64_t share = count * strips / (kTasks * threads);
  taskRows = std::max<int64_t>(1, (share + kTileRows - 1) / kTileRows) * kTileRows;
  taskEnds[0] = 0;
  for (int64_t e = 0; e < experts; ++e)
    taskEnds[e + 1] = taskEnds[e] + (ends[e + 1] - ends[e] + taskRows - 1) / taskRows * strips;
}

void FfnRun::gateUp(int64_t task) {
  const int64_t expert = std::upper_bound(taskEnds, taskEnds + experts + 1, task) - taskEnds - 1;
  const int64_t blocks = mxs_weight_blocks(ffn), strips = (blocks + taskBlocks - 1) / taskBlocks;
  const int64_t local = task - taskEnds[expert], firstBlock = local % strips * taskBlocks;
  const int64_t endBlock = std::min(blocks, firstBlock + taskBlocks);
  const int64_t first = ends[expert] + local / strips * taskRows;
  const int64_t end = std::min(ends[expert + 1], first + taskRows);
  // With few rows, several blocks of gate and then of up: their tiles together are one tile's size.
  const int64_t width = std::clamp<int64_t>(kTileRows / (end - first), 1, taskBlocks);
  for (int64_t block = firstBlock; block < endBlock; block += width)
    for (int64_t row = first; row < end; row += kTileRows) {
      // The next task is most likely this thread's, too: the next block, or the next expert.
      const int64_t other = block + width < blocks ? expert : nextUsed(expert + 1);
      const bool goesOn = row + kTileRows >= end && other < experts;
      gateUpTile(expert, row, std::min(kTileRows, end - row), block,
                 std::min(width, endBlock - block),
                 goesOn ? blockStart(*call.gate, other, other == expert ? block + width : 0)
                        : BlockStart{});
    }
}

void FfnRun::gateUpTile(int64_t expert, int64_t first, int64_t rows, int64_t block, int64_t blocks,
                        const BlockStart &next) {
  alignas(64) float gate[kTileRows * kBlockColumns], up[kTileRows * kBlockColumns];
  const RowView x = inLayout.view(in, capacity, first);
  const int64_t tile = rows * kBlockColumns;
  for (int64_t i = 0; i < blocks; ++i)
    engine.multiply(x, rows, *call.gate, expert, block + i, gate + i * tile,
                    i + 1 < blocks ? blockStart(*call.gate, expert, block + i + 1)
                                   : blockStart(*call.up, expert, block));
  for (int64_t i = 0; i < blocks; ++i)
    engine.multiply(x, rows, *call.up, expert, block + i, up + i * tile,
                    i + 1 < blocks ? blockStart(*call.up, expert, block + i + 1) : next);
  engine.kernels().swiglu(gate, up, gate, blocks * tile);
  for (int64_t i = 0; i < blocks; ++i) {
    const int64_t column = (block + i) * kBlockColumns;
    for (int64_t row = 0; row < rows; ++row)
      putRow(engine.kernels(), midLayout, mid, capacity, first + row, column,
             std::min(kBlockColumns, ffn - column), gate + i * tile + row * kBlockColumns);
  }
}

//===----------------------------------------------------------------------===//
// Down and sum: tasks are (column blocks of H, range of rows)
//===----------------------------------------------------------------------===//

int64_t FfnRun::pairsBefore(int64_t expert, int64_t row) const {
  const RoutedPair *first = pairs + ends[expert], *last = pairs + ends[expert + 1];
  return std::lower_bound(first, last, row,
                          [](const RoutedPair &pair, int64_t row) { return pair.row < row; }) -
         pairs;
}

/// The first expert with rows from `expert` on; `experts` if there is none.
int64_t FfnRun::nextUsed(int64_t expert) const {
  while (expert < experts && ends[expert] == ends[expert + 1])
    ++expert;
  return expert;
}

void FfnRun::downTile(int64_t expert, int64_t first, int64_t rows, int64_t block,
                      const BlockStart &next) const {
  alignas(64) float sums[kTileRows * kBlockColumns];
  const int64_t column = block * kBlockColumns;
  engine.multiply(midLayout.view(mid, capacity, first), rows, *call.down, expert, block, sums,
                  next);
  for (int64_t i = 0; i < rows; ++i) {
    const RoutedPair &pair = pairs[first + i];
    engine.kernels().addScaled(call.weights[pair.row * call.topK + pair.choice],
                               sums + i * kBlockColumns, call.out + pair.row * hidden + column,
                               std::min(kBlockColumns, hidden - column));
  }
}

void FfnRun::downSum() {
  const int64_t blocks = mxs_weight_blocks(hidden), threads = pool.threads();
  // Nobody to share with: an expert's rows are read once, for all columns.
  if (threads == 1) {
    pool.parallelFor(1, [&](int64_t, int) { downRange(0, blocks, 0, call.rows); });
    return;
  }
  const int64_t wanted = 8 * threads;
  // Several column blocks of a task read the same rows: while there are tasks enough.
  int64_t width = 1;
  while (width < 4 && blocks / (2 * width) >= wanted)
    width *= 2;
  const int64_t groups = (blocks + width - 1) / width;
  const int64_t tiles = (call.rows + kTileRows - 1) / kTileRows;
  const int64_t ranges = std::clamp<int64_t>(wanted / groups, 1, std::max<int64_t>(1, tiles));
  // Of each thread's share the last group is cut into ranges of rows, so that none waits long.
  const int64_t whole = groups / threads - 1;
  if (ranges == 1 && groups % threads == 0 && whole > 0 && tiles > 1) {
    constexpr int64_t parts = 4;
    pool.parallelFor(threads * (whole + parts), [&](int64_t task, int) {
      const int64_t share = task / (whole + parts), at = task % (whole + parts);
      const int64_t group = share * (whole + 1) + std::min(at, whole);
      const int64_t part = std::max<int64_t>(0, at - whole);
      downRange(group * width, width, at < whole ? 0 : call.rows * part / parts,
                at < whole ? call.rows : call.rows * (part + 1) / parts);
    });
    return;
  }
  const int64_t rangeRows = (call.rows + ranges - 1) / ranges;
  pool.parallelFor(groups * ranges, [&](int64_t task, int) {
    const int64_t firstRow = task / groups * rangeRows;
    downRange(task % groups * width, width, firstRow, std::min(call.rows, firstRow + rangeRows));
  });
}

/// Rows [firstRow, endRow) of up to `width` column blocks from `firstBlock` on.
void FfnRun::downRange(int64_t firstBlock, int64_t width, int64_t firstRow, int64_t endRow) const {
  const int64_t endBlock = std::min(mxs_weight_blocks(hidden), firstBlock + width);
  const int64_t column = firstBlock * kBlockColumns;
  for (int64_t row = firstRow; row < endRow; ++row)
    std::fill(call.out + row * hidden + column,
              call.out + row * hidden + std::min(hidden, endBlock * kBlockColumns), 0.0f);
  for (int64_t e = nextUsed(0); e < experts;) {
    const int64_t other = nextUsed(e + 1), end = pairsBefore(e, endRow);
    for (int64_t first = pairsBefore(e, firstRow); first < end; first += kTileRows)
      for (int64_t block = firstBlock; block < endBlock; ++block) {
        const BlockStart next = block + 1 < endBlock ? blockStart(*call.down, e, block + 1)
                                : other < experts    ? blockStart(*call.down, other, firstBlock)
                                                     : BlockStart{};
        downTile(e, first, std::min(kTileRows, end - first), block, next);
      }
    e = other;
  }
}

//===----------------------------------------------------------------------===//
// Down and sum of few rows: tasks are (expert, strip of column blocks), so that each reads on and
// on; the sums follow, in the same order and with the same bits
//===----------------------------------------------------------------------===//

int64_t FfnRun::downStrip() const {
  return stripBlocks(mxs_weight_blocks(hidden), usedCount, kFewTasks * pool.threads());
}

/// What a thread reads first in downOfFew.
ReadAhead FfnRun::downAhead(int worker) const {
  ReadAhead ahead;
  if (!few)
    return ahead;
  const int64_t blocks = mxs_weight_blocks(hidden), strip = downStrip();
  const int64_t strips = (blocks + strip - 1) / strip, tasks = usedCount * strips;
  const int64_t end = pool.firstTask(tasks, worker + 1);
  for (int64_t task = pool.firstTask(tasks, worker); task < end && !ahead.full(); ++task) {
    const int64_t begin = task % strips * strip;
    addBlocks(*call.down, used[task / strips], begin, std::min(blocks, begin + strip) - begin,
              ahead);
  }
  return ahead;
}

void FfnRun::downOfFew() {
  const int64_t blocks = mxs_weight_blocks(hidden), strip = downStrip();
  const int64_t strips = (blocks + strip - 1) / strip;
  const int64_t tasks = usedCount * strips;
  const auto down = [&](int64_t task, int) {
    alignas(64) float sums[kFewRows * kBlockColumns];
    const int64_t expert = used[task / strips], first = ends[expert];
    const int64_t rows = ends[expert + 1] - first;
    const int64_t begin = task % strips * strip, end = std::min(blocks, begin + strip);
    for (int64_t block = begin; block < end; ++block) {
      const int64_t column = block * kBlockColumns;
      engine.multiply(midLayout.view(mid, capacity, first), rows, *call.down, expert, block, sums,
                      block + 1 < blocks ? blockStart(*call.down, expert, block + 1)
                      : task + 1 < tasks ? blockStart(*call.down, used[(task + 1) / strips], 0)
                                         : BlockStart{});
      for (int64_t row = 0; row < rows; ++row)
        std::copy_n(sums + row * kBlockColumns, std::min(kBlockColumns, hidden - column),
                    few + (first + row) * hidden + column);
    }
  };
  pool.parallelFor(tasks, down,
                   [this](int worker) { return linearAhead(pool, call.upcoming, worker); });
}

void FfnRun::sumOfFew() {
  // The columns of a task; all pairs, in ascending order of the experts.
  const int64_t width = std::max(kBlockColumns, kShortWork / std::max<int64_t>(1, count) / 64 * 64);
  share((hidden + width - 1) / width, [&](int64_t task) {
    const int64_t column = task * width, columns = std::min(width, hidden - column);
    for (int64_t row = 0; row < call.rows; ++row)
      std::fill_n(call.out + row * hidden + column, columns, 0.0f);
    for (int64_t i = 0; i < count; ++i) {
      const RoutedPair &pair = pairs[i];
      engine.kernels().addScaled(call.weights[pair.row * call.topK + pair.choice],
                                 few + i * hidden + column, call.out + pair.row * hidden + column,
                                 columns);
    }
  });
}

int64_t cpu::expertFfnBytes(const Engine &engine, const mxs_weight_t &gate,
                            const mxs_weight_t &down, int64_t rows, int64_t topK) {
  return FfnRun::bytes(engine, gate, down, rows, topK);
}

Status cpu::expertFfn(const Engine &engine, ThreadPool &pool, Workspace &space,
                      const ExpertFfnCall &call) {
  return call.rows > 0 ? FfnRun(engine, pool, space, call).run() : okStatus();
}
