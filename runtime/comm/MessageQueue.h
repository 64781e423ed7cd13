//===- MessageQueue.h - Messages in order, in memory that is used again ---------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_COMM_MESSAGEQUEUE_H
#define MIXSERVE_RUNTIME_COMM_MESSAGEQUEUE_H

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

namespace mxs {

/// First in, first out; one thread at a time. When it has held as many and as long messages as it
/// ever will, neither call allocates.
class MessageQueue {
public:
  /// Room for `count` messages of `bytes` bytes.
  void reserve(size_t count, size_t bytes) {
    ring.resize(std::max(count, ring.size()));
    for (std::string &message : ring)
      message.reserve(bytes);
  }

  bool empty() const { return held == 0; }

  void push(const std::string &message) {
    if (held == ring.size()) {
      std::rotate(ring.begin(), ring.begin() + static_cast<std::ptrdiff_t>(first), ring.end());
      first = 0;
      ring.emplace_back();
    }
    ring[(first + held++) % ring.size()] = message;
  }

  /// The oldest; there must be one. What `message` had as memory holds a later one.
  void take(std::string &message) {
    message.swap(ring[first]);
    first = (first + 1) % ring.size();
    --held;
  }

private:
  std::vector<std::string> ring;
  size_t first = 0, held = 0;
};

} // namespace mxs

#endif // MIXSERVE_RUNTIME_COMM_MESSAGEQUEUE_H
