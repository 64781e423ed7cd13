//===- NodeShared.h - What the ranks of one node share -------------------------------*- C++ -*-===//
//
// Each rank publishes pointers to rows that its node peers read, and sets flags. A flag is a
// number that only grows: the sequence number of the collective that set it last. It is never
// reset, so a late reader cannot miss it.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_RUNTIME_COMM_NODESHARED_H
#define MIXSERVE_RUNTIME_COMM_NODESHARED_H

#include "comm/WaitPoint.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

namespace mxs {

/// Routed rows that a rank offers to one or all of its node peers. Row i is that of home row
/// `index[i]` and lies at position `position[i]` (null: at i) of x, weights and ids.
struct Offer {
  const int32_t *index = nullptr;
  const int32_t *position = nullptr;
  int64_t count = 0;
  const float *x = nullptr;
  const float *weights = nullptr;
  const int32_t *ids = nullptr;

  int64_t at(int64_t i) const { return position ? position[i] : i; }
};

/// What a rank shows in one collective; meaning of the parts: the collective.
struct Published {
  const void *columns[3] = {};
  const Offer *offers = nullptr;
};

class NodeShared {
public:
  /// Flags of every rank: entry, exit, then those of a fused collective's chunks (chunkFlag).
  enum : int { Entered = 0, Left = 1, FirstChunkFlag = 2 };

  NodeShared(int devices, int chunkFlags);

  /// What `device` shows in collective `sequence`, in the place of what it showed two collectives
  /// ago: nobody may read that any more. To be followed by set(device, Entered, ...), which makes
  /// it visible.
  void publish(int device, uint64_t sequence, const Published &shown) {
    members[device]->shown[sequence % 2] = shown;
  }
  /// Valid after the device's Entered flag was seen.
  const Published &published(int device, uint64_t sequence) const {
    return members[device]->shown[sequence % 2];
  }

  /// Sets a flag of `device` to `value`, which is above its old value, and wakes the devices that
  /// sleep and have nothing left to wait for (see Expecting).
  void set(int device, int flag, uint64_t value);
  bool reached(int device, int flag, uint64_t value) const {
    return members[device]->flags[flag].load(std::memory_order_acquire) >= value;
  }
  /// The first of `count` devices from `first` on whose flag is below `value`; -1 if there is none.
  int firstBelow(int first, int count, int flag, uint64_t value) const {
    for (int device = first; device < first + count; ++device)
      if (!reached(device, flag, value))
        return device;
    return -1;
  }

  /// While it lives, `device` waits until `count` devices from `first` on have a flag at `value`:
  /// flags that do not end this do not wake it. Sleeping for nothing in particular, it is woken by
  /// all flags.
  class Expecting {
  public:
    Expecting(NodeShared &node, int device, int first, int count, int flag, uint64_t value)
        : wanted(node.members[device]->wanted) {
      wanted.first.store(first, std::memory_order_relaxed);
      wanted.count.store(count, std::memory_order_relaxed);
      wanted.value.store(value, std::memory_order_relaxed);
      wanted.flag.store(flag, std::memory_order_release);
    }
    ~Expecting() { wanted.flag.store(-1, std::memory_order_release); }
    Expecting(const Expecting &) = delete;
    Expecting &operator=(const Expecting &) = delete;

  private:
    friend class NodeShared;
    /// Written by the device's thread before it counts itself as a sleeper. Who reads it between two
    /// waits may see a mixture: then it wakes the device for nothing, or the device, which looks
    /// after it has counted itself, needs no waking.
    struct Wanted {
      std::atomic<int> first{0}, count{0}, flag{-1};
      std::atomic<uint64_t> value{0};
    };
    Wanted &wanted;
  };

  /// Whether `device` may be reading its peers' memory. Set before a collective looks at the first
  /// flag; sequentially consistent, like the world's abort: see Communicator::finish.
  void setReading(int device, bool reading) { members[device]->reading.store(reading); }
  /// No other device reads the memory of `device`.
  bool unread(int device) const;

  /// Where the thread of `device` sleeps: flags and transport requests notify it.
  WaitPoint &waitPoint(int device) { return members[device]->sleeper; }
  void notifyAll();

private:
  /// Whether what `device` waits for has happened.
  bool satisfied(int device) const;

  struct Member {
    Published shown[2];
    Expecting::Wanted wanted;
    std::unique_ptr<std::atomic<uint64_t>[]> flags;
    std::atomic<bool> reading{false};
    WaitPoint sleeper;
  };
  std::vector<std::unique_ptr<Member>> members;
};

} // namespace mxs

#endif // MIXSERVE_RUNTIME_COMM_NODESHARED_H
