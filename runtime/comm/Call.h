//===- Call.h - One collective in progress on one rank -------------------------------*- C++ -*-===//
//
// Everything that waits, moves bytes between ranks or counts them. A collective is: (post
// receives,) enter, read peers / send and receive, leave.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_RUNTIME_COMM_CALL_H
#define MIXSERVE_RUNTIME_COMM_CALL_H

#include "comm/Communicator.h"
#include "comm/RankState.h"

namespace mxs {

/// Payload of a received and checked message.
struct Received {
  uint8_t *payload = nullptr;
  int64_t rows = 0, bytes = 0;
};

class Call {
public:
  /// Starts the rank's next collective. All staging is free again.
  Call(RankState &state, Site site);
  ~Call();
  Call(const Call &) = delete;
  Call &operator=(const Call &) = delete;

  RankState &state;
  const Site site;
  const RowMap &rows;
  const Topology &topo;

  //--- Inside the node ---------------------------------------------------------------------------
  /// Room for `bytes` that this rank shows to `group` in place of its own memory; leave() then waits
  /// for nobody. For short rows: saves every rank a wait. Null if they are not short, or the group
  /// spans nodes.
  Status stage(const RankGroup &group, int64_t bytes, uint8_t *&room);
  /// Shows `shown` to the node. Visible to a peer that sees a flag that this rank sets afterwards.
  Status publish(const Published &shown);
  /// Shows `shown` and waits until every member of `group` on this node has entered.
  Status enter(const RankGroup &group, const Published &shown);
  /// This rank reads no more of its peers' memory in this collective.
  void doneReading();
  /// Waits until the peers that entered with this rank are done reading, unless they read what is
  /// staged, and for all own sends.
  Status leave();

  const Published &shownBy(int device) const {
    return state.node.published(device, state.sequence);
  }
  void setFlag(int flag) { state.node.set(state.device, flag, state.sequence); }
  /// Waits until `devices` devices from `firstDevice` on have a flag at `value`. `what` and `chunk`
  /// are for the message of a timeout.
  Status waitFlags(int firstDevice, int devices, int flag, uint64_t value, const char *what,
                   int chunk);

  /// to[0..n) = or += from[0..n), read from `device`. Counted unless it is this rank's own memory.
  void pullCopy(int device, void *to, const void *from, int64_t bytes, mxs_site_t op);
  void pullAdd(int device, float *to, const float *from, int64_t floats, mxs_site_t op);
  /// Hands what was pulled since the last call to the counters and, if links inside the node are
  /// paced, sleeps for it.
  void settle();
  /// The same for `bytes` that are counted already.
  void spendPace(int64_t bytes);

  /// Sums [floats] of the members' arrays, `from(device)` each, in ascending device into `to`.
  template <class From>
  void sumDevices(const RankGroup &group, float *to, int64_t floats, mxs_site_t op, From from) {
    for (int i = 0; i < group.devices; ++i) {
      const int peer = group.firstDevice + i;
      if (i == 0)
        pullCopy(peer, to, from(peer), floats * int64_t(sizeof(float)), op);
      else
        pullAdd(peer, to, from(peer), floats, op);
    }
  }

  /// Copies the rows of `offer`, whose home is `home`, into `out` [RECEIVED].
  void take(const Offer &offer, int fromDevice, int home, const RoutedRowsOut &out, int64_t hidden,
            int64_t topK, mxs_site_t op);

  //--- Between nodes -----------------------------------------------------------------------------
  /// Room for a message of at most `bytes`.
  Status startMessage(int64_t bytes, uint8_t *&payload);
  /// Sends what was put in `payload`, `exactBytes` and then floats of rows, which become the wire
  /// type in place: nobody may read or change it before leave().
  Status send(uint8_t *payload, int target, int chunk, int64_t rows, int64_t bytes, mxs_site_t op,
              int64_t exactBytes = 0);
  /// Posts a receive of at most `bytes`; returns its slot.
  Status expect(int source, int chunk, int64_t bytes, int &slot);
  /// Waits for slot's message, checks its header and makes floats of its rows.
  Status receive(int slot, mxs_site_t op, Received &out);
  Status waitArrival(int slot);
  uint64_t arrivalOf(int slot) const { return state.arrivals[slot].request.arrival; }
  Status waitSends();

  /// A failure in this collective: "layer 0 dispatch, chunk 2: ...".
  Status failure(mxs_status_t code, const std::string &text, int chunk = -1) const;

private:
  /// Waits until nobody reads what this rank staged two collectives ago.
  Status freePlace();

  /// Before the copy: with it the link begins to be busy.
  void pull(int device, int64_t bytes, mxs_site_t op) {
    if (device == state.device)
      return;
    state.pace.begin();
    state.pulls[op * topo.devices + device] += bytes;
  }

  Status widen(const Arrival &arrival, int64_t exactBytes, Received &message) const;

  const WireType wire;
  RankGroup peers;
  bool isStaged = false;
  const int64_t beginNs;
};

/// The other nodes of [first, first + count), starting after `self`: no two ranks of a lane begin
/// with the same target.
template <class Action> Status forOtherNodes(int self, int first, int count, Action action) {
  for (int i = 1; i < count; ++i)
    MXS_TRY(action(first + (self - first + i) % count));
  return okStatus();
}

} // namespace mxs

#endif // MIXSERVE_RUNTIME_COMM_CALL_H
