//===- ScheduleChecker.cpp ----------------------------------------------------------------------===//

#include "comm/ScheduleChecker.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

namespace mxs {

namespace {

/// Which memory of a rank a step writes or reads.
enum class Data { Partial, Reduced, Rows, NodeSum, Arrived };
/// (kind, rank, chunk, node); -1 where it does not matter.
using Item = std::tuple<Data, int, int, int>;

/// For each rank, how many of its steps are known to have happened.
using Clock = std::vector<int>;

/// A step of a rank.
struct Place {
  int rank, index;
};

class Checker {
public:
  Checker(ScheduleKind kind, const Topology &topology, const std::vector<StepList> &ranks)
      : kind(kind), topology(topology), ranks(ranks), next(ranks.size(), 0),
        clocks(ranks.size(), Clock(ranks.size(), 0)) {}

  Status run() {
    MXS_TRY(checkMessages());
    MXS_TRY(checkFlags());
    MXS_TRY(simulate());
    MXS_TRY(checkReads());
    return checkComplete();
  }

private:
  const Step &at(Place place) const { return ranks[place.rank][place.index]; }
  bool isCombine() const {
    return kind == ScheduleKind::Combine || kind == ScheduleKind::CombineGather;
  }

  Status violation(const char *rule, Place place, const std::string &text) const {
    const Step &step = at(place);
    std::string where = "rank " + std::to_string(place.rank) + ", step " +
                        std::to_string(place.index) + " (" + stepName(step.kind);
    if (step.chunk >= 0)
      where += " chunk " + std::to_string(step.chunk) + " node " + std::to_string(step.node);
    if (step.device >= 0)
      where += " device " + std::to_string(step.device);
    return internalError(std::string("schedule ") + rule + ": " + where + "): " + text);
  }

  /// The rank at the other end of a message, and of a waited-for flag.
  int peer(Place place) const {
    return topology.rankOf(at(place).node, topology.deviceOf(place.rank));
  }
  /// The ranks whose flags `place` waits for.
  std::vector<int> flagOwners(Place place) const {
    std::vector<int> result;
    const Step &step = at(place);
    for (int i = 0; step.waitFlag >= 0 && i < step.devices; ++i)
      result.push_back(topology.rankOf(topology.nodeOf(place.rank), step.device + i));
    return result;
  }
  /// The nodes whose rows `step` gathers.
  std::vector<int> homesOf(const Step &step) const {
    std::vector<int> result;
    for (int i = 0; i < step.nodes; ++i)
      result.push_back((step.node + i) % topology.nodes);
    return result;
  }

  template <class Visit> Status forSteps(Visit visit) const {
    for (int rank = 0; rank < static_cast<int>(ranks.size()); ++rank)
      for (int i = 0; i < static_cast<int>(ranks[rank].size()); ++i)
        MXS_TRY(visit(Place{rank, i}));
    return okStatus();
  }

  //--- C1 ----------------------------------------------------------------------------------------
  struct Traffic {
    std::vector<Place> sent, posted, received;
  };

  Status checkMessages() {
    std::map<std::pair<int, int>, Traffic> pairs; // (source, target)
    MXS_TRY(forSteps([&](Place place) {
      const StepKind step = at(place).kind;
      if (step == StepKind::Send)
        pairs[{place.rank, peer(place)}].sent.push_back(place);
      if (step == StepKind::PostRecv)
        pairs[{peer(place), place.rank}].posted.push_back(place);
      if (step == StepKind::Recv)
        pairs[{peer(place), place.rank}].received.push_back(place);
      return okStatus();
    }));
    for (const auto &entry : pairs) {
      const Traffic &pair = entry.second;
      const size_t count =
          std::max(pair.sent.size(), std::max(pair.posted.size(), pair.received.size()));
      for (size_t i = 0; i < count; ++i) {
        const std::vector<Place> *lists[] = {&pair.sent, &pair.posted, &pair.received};
        for (const std::vector<Place> *list : lists)
          if (i >= list->size()) {
            const std::vector<Place> &other = i < pair.sent.size()     ? pair.sent
                                              : i < pair.posted.size() ? pair.posted
                                                                       : pair.received;
            return violation("(C1)", other[i], "no step at the other end of the message");
          }
        const Step &sent = at(pair.sent[i]), &posted = at(pair.posted[i]);
        if (sent.chunk != posted.chunk || at(pair.received[i]).chunk != sent.chunk)
          return violation("(C1)", pair.received[i], "messages cross on the way");
        if (sent.rows != posted.rows || at(pair.received[i]).rows != sent.rows)
          return violation("(C1)", pair.received[i],
                           "bound of " + std::to_string(posted.rows) + " rows for a message of " +
                               std::to_string(sent.rows));
        if (pair.posted[i].index > pair.received[i].index)
          return violation("(C1)", pair.received[i], "the receive is not posted yet");
      }
    }
    return okStatus();
  }

  //--- C2 ----------------------------------------------------------------------------------------
  Status checkFlags() {
    MXS_TRY(forSteps([&](Place place) {
      const int flag = at(place).setFlag;
      if (flag >= 0 && !setters.insert({{place.rank, flag}, place}).second)
        return violation("(C2)", place, "flag " + std::to_string(flag) + " is set twice");
      return okStatus();
    }));
    return forSteps([&](Place place) {
      const int flag = at(place).waitFlag;
      for (int owner : flagOwners(place))
        if (!setters.count({owner, flag}))
          return violation("(C2)", place, "flag " + std::to_string(flag) + " is never set");
      return okStatus();
    });
  }

  //--- C3 ----------------------------------------------------------------------------------------
  /// The steps of other ranks that must have happened before `place` can end.
  std::vector<Place> waitsFor(Place place) const {
    const Step &step = at(place);
    std::vector<Place> result;
    for (int owner : flagOwners(place))
      result.push_back(setters.at({owner, step.waitFlag}));
    if (step.kind == StepKind::Recv)
      result.push_back(find(peer(place), StepKind::Send, step.chunk, place.rank));
    // The network may hold a message back until its receive is posted.
    if (step.kind == StepKind::WaitSends)
      for (int i = 0; i < place.index; ++i)
        if (const Place sent{place.rank, i}; at(sent).kind == StepKind::Send)
          result.push_back(find(peer(sent), StepKind::PostRecv, at(sent).chunk, place.rank));
    return result;
  }
  /// The step of `rank` that exchanges `chunk` with `other`. checkMessages found it.
  Place find(int rank, StepKind wanted, int chunk, int other) const {
    Place place{rank, 0};
    while (at(place).kind != wanted || at(place).chunk != chunk || peer(place) != other)
      ++place.index;
    return place;
  }

  Status simulate() {
    happened.resize(ranks.size());
    for (bool moved = true; moved;) {
      moved = false;
      for (int rank = 0; rank < static_cast<int>(ranks.size()); ++rank)
        while (next[rank] < static_cast<int>(ranks[rank].size()) && advance(rank))
          moved = true;
    }
    for (int rank = 0; rank < static_cast<int>(ranks.size()); ++rank)
      if (next[rank] < static_cast<int>(ranks[rank].size()))
        return violation("(C3)", {rank, next[rank]}, "waits for ever");
    return okStatus();
  }
  bool advance(int rank) {
    const Place place{rank, next[rank]};
    const std::vector<Place> needed = waitsFor(place);
    for (Place before : needed)
      if (next[before.rank] <= before.index)
        return false;
    Clock &clock = clocks[rank];
    for (Place before : needed) {
      const Clock &then = happened[before.rank][before.index];
      for (size_t i = 0; i < clock.size(); ++i)
        clock[i] = std::max(clock[i], then[i]);
    }
    clock[rank] = ++next[rank];
    happened[rank].push_back(clock);
    return true;
  }
  bool before(Place first, Place second) const {
    return happened[second.rank][second.index][first.rank] > first.index;
  }

  //--- C4, C5 ------------------------------------------------------------------------------------
  std::vector<Item> writes(Place place) const {
    const Step &step = at(place);
    const bool combine = isCombine();
    switch (step.kind) {
    case StepKind::Enter:
      return {{Data::Partial, place.rank, -1, -1}};
    case StepKind::Reduce:
      return {{combine ? Data::NodeSum : Data::Reduced, place.rank, step.chunk,
               combine ? step.node : -1}};
    case StepKind::Region:
      return {{Data::Rows, place.rank, step.chunk, step.node}};
    case StepKind::Recv:
      return {{combine ? Data::Arrived : Data::Rows, place.rank, step.chunk, step.node}};
    case StepKind::Add:
      return {{Data::Reduced, place.rank, step.chunk, -1}};
    default:
      return {};
    }
  }

  std::vector<Item> reads(Place place) const {
    const Step &step = at(place);
    const bool combine = isCombine();
    const int self = place.rank, node = topology.nodeOf(self);
    std::vector<Item> result;
    switch (step.kind) {
    case StepKind::Reduce: {
      const RankGroup group = combine ? topology.node(node) : topology.attnRanks(self);
      for (int rank = group.first; rank < group.first + group.count; ++rank)
        result.push_back({Data::Partial, rank, -1, -1});
      break;
    }
    case StepKind::Region:
      if (kind != ScheduleKind::Dispatch)
        result.push_back({Data::Reduced, self, step.chunk, -1});
      break;
    case StepKind::Send:
      result.push_back({combine ? Data::NodeSum : Data::Rows, self, step.chunk,
                        combine ? step.node : node});
      break;
    case StepKind::Gather:
      for (int i = 0; i < step.devices; ++i)
        for (int home : homesOf(step))
          result.push_back({Data::Rows, topology.rankOf(node, step.device + i), step.chunk, home});
      break;
    case StepKind::Add:
      for (int home = 0; home < topology.nodes; ++home)
        result.push_back(
            {home == node ? Data::NodeSum : Data::Arrived, self, step.chunk, home});
      break;
    default:
      break;
    }
    return result;
  }

  Status checkReads() {
    std::map<Item, Place> written;
    MXS_TRY(forSteps([&](Place place) {
      for (const Item &item : writes(place))
        if (!written.insert({item, place}).second)
          return violation("(C4)", place, "writes again what was written");
      return okStatus();
    }));
    return forSteps([&](Place place) {
      for (const Item &item : reads(place)) {
        auto writer = written.find(item);
        if (writer == written.end() || !before(writer->second, place))
          return violation("(C4)", place,
                           "may read rank " + std::to_string(std::get<1>(item)) +
                               "'s rows before they are there");
        MXS_TRY(checkUse(place, std::get<1>(item), "reads memory of"));
      }
      for (int owner : flagOwners(place))
        MXS_TRY(checkUse(place, owner, "waits for a flag of"));
      return okStatus();
    });
  }
  // The last waits of all ranks are for the Left flags themselves: there a rank may be gone.
  Status checkUse(Place place, int owner, const char *what) const {
    const Place last{owner, static_cast<int>(ranks[owner].size()) - 1};
    if (owner == place.rank || at(place).waitFlag == NodeShared::Left || before(place, last))
      return okStatus();
    return violation("(C5)", place, std::string(what) + " rank " + std::to_string(owner) +
                                        ", which may have returned");
  }

  //--- C6 ----------------------------------------------------------------------------------------
  using Taken = std::set<std::tuple<int, int, int>>; ///< (chunk, node, device); -1: added
  void expect(int rank, int chunk, Taken &expected) const {
    if (isCombine())
      expected.insert({chunk, -1, -1});
    if (kind == ScheduleKind::Combine)
      return;
    const bool group = kind == ScheduleKind::CombineGather;
    const int self = topology.nodeOf(rank);
    const RankGroup from = group ? topology.attnRanks(rank) : topology.node(self);
    for (int node = group ? self : 0; node < (group ? self + 1 : topology.nodes); ++node)
      for (int i = 0; i < from.devices; ++i)
        expected.insert({chunk, node, from.firstDevice + i});
  }

  Status checkComplete() {
    for (int rank = 0; rank < static_cast<int>(ranks.size()); ++rank) {
      Taken done, expected;
      int chunks = 0;
      for (const Step &step : ranks[rank]) {
        chunks = std::max(chunks, step.chunk + 1);
        if (step.kind == StepKind::Add)
          done.insert({step.chunk, -1, -1});
        for (int i = 0; step.kind == StepKind::Gather && i < step.devices; ++i)
          for (int home : homesOf(step))
            done.insert({step.chunk, home, step.device + i});
      }
      for (int chunk = 0; chunk < chunks; ++chunk)
        expect(rank, chunk, expected);
      if (done != expected)
        return internalError("schedule (C6): rank " + std::to_string(rank) +
                             " leaves out rows of some chunk");
    }
    return okStatus();
  }

  const ScheduleKind kind;
  const Topology &topology;
  const std::vector<StepList> &ranks;
  std::map<std::pair<int, int>, Place> setters; ///< (rank, flag)
  std::vector<int> next;
  std::vector<Clock> clocks;
  std::vector<std::vector<Clock>> happened; ///< clock after each step
};

} // namespace

Status checkSchedule(ScheduleKind kind, const Topology &topology,
                     const std::vector<StepList> &ranks) {
  if (static_cast<int>(ranks.size()) != topology.rankCount())
    return internalError("schedule: steps of " + std::to_string(ranks.size()) + " ranks for " +
                         std::to_string(topology.rankCount()));
  return Checker(kind, topology, ranks).run();
}

} // namespace mxs
