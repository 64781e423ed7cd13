//===- ReadAhead.h - What a thread reads of memory while it waits -------------------*- C++ -*-===//
//
// Few rows are multiplied as fast as memory gives the weights, and a thread that waits for another
// one at the end of a call reads nothing. What the next call reads is known, though: a waiting
// thread asks for the beginning of its share of it, into its own second-level cache. It changes
// time only: nothing but prefetch instructions touches the memory, and those do no harm where it is
// no longer mapped.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_RUNTIME_THREADS_READAHEAD_H
#define MIXSERVE_RUNTIME_THREADS_READAHEAD_H

#include <algorithm>
#include <cstdint>

namespace mxs {

/// Pieces of memory in the order in which a thread will read them, and how much of them has been
/// asked for. Owns nothing.
class ReadAhead {
public:
  /// Most bytes that are asked for: with what is still read they must fit the second-level cache.
  static constexpr int64_t kMostBytes = 384 * 1024;

  /// Adds a piece; what exceeds kMostBytes, or the number of pieces, is dropped.
  void add(const void *begin, int64_t bytes) {
    bytes = std::min(bytes, kMostBytes - total);
    if (bytes <= 0 || count == kPieces)
      return;
    total += bytes;
    pieces[count++] = {static_cast<const char *>(begin), bytes};
  }

  /// Whether nothing more can be added.
  bool full() const { return count == kPieces || total == kMostBytes; }

  /// Asks for the next few lines; false: all has been asked for.
  bool ask() {
    if (at == count)
      return false;
    Piece &piece = pieces[at];
    const int64_t bytes = std::min(piece.bytes, kAtOnce);
    for (int64_t i = 0; i < bytes; i += 64)
      __builtin_prefetch(piece.begin + i, 0, 2);
    piece.begin += bytes;
    piece.bytes -= bytes;
    at += piece.bytes == 0;
    return true;
  }

  /// Bytes that are still to be asked for.
  int64_t left() const {
    int64_t sum = 0;
    for (int i = at; i < count; ++i)
      sum += pieces[i].bytes;
    return sum;
  }

private:
  static constexpr int kPieces = 8;
  /// A processor drops what it is asked for while too much is under way (Zen 4: 24 lines of a
  /// core), so whoever asks pauses in between: 512 bytes with a pause of 28 ns are 18 GB/s, which a
  /// core gets; without, a third of the lines came.
  static constexpr int64_t kAtOnce = 512;
  struct Piece {
    const char *begin;
    int64_t bytes;
  };
  Piece pieces[kPieces];
  int count = 0, at = 0;
  int64_t total = 0;
};

} // namespace mxs

#endif // MIXSERVE_RUNTIME_THREADS_READAHEAD_H
