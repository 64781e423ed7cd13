//===- Pace.h - Slows a rank's copies down to the speed of a link --------------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_COMM_PACE_H
#define MIXSERVE_RUNTIME_COMM_PACE_H

#include <cstdint>
#include <mutex>

namespace mxs {

/// A virtual link of `nsPerMib` (0 = as fast as memory), which the streams of a rank share.
class PacedLink {
public:
  explicit PacedLink(uint64_t nsPerMib) : nsPerMib(nsPerMib) {}

  bool isPaced() const { return nsPerMib != 0; }
  /// `bytes` begin to move at `beganNs`, or when what moves has arrived; the time of arrival.
  int64_t move(int64_t bytes, int64_t beganNs);

private:
  const uint64_t nsPerMib;
  std::mutex mutex;
  int64_t freeAt = 0; ///< steadyNs() at which the link is idle again
};

/// What one thread copies over a link. The copy is the transfer: the link is busy from its
/// beginning, not from its end.
class Pace {
public:
  explicit Pace(PacedLink &link) : link(link) {}

  bool isPaced() const { return link.isPaced(); }

  /// A copy begins. Until spend(), further ones belong to the same transfer.
  void begin() {
    if (isPaced() && beganAt == 0)
      beganAt = now();
  }
  /// `bytes` have been copied since begin(): sleeps until the link would have moved them.
  void spend(int64_t bytes);

private:
  static int64_t now();

  PacedLink &link;
  int64_t beganAt = 0; ///< of the running transfer, 0: none
  bool hasFineTimer = false;
  int64_t lateNs = 0;  ///< by which the last sleep was too long
};

/// Transfer time of `bytes` at `nsPerMib` [ns].
int64_t paceNs(int64_t bytes, uint64_t nsPerMib);
/// Lets the calling thread wake from sleeps to 1 us instead of the default 50 us.
void useFineTimers();

} // namespace mxs

#endif // MIXSERVE_RUNTIME_COMM_PACE_H
