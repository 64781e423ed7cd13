//===- FlightRecorder.cpp ---------------------------------------------------------------------===//

#include "comm/FlightRecorder.h"

#include <algorithm>
#include <map>
#include <set>

namespace mxs {

void FlightRecorder::enter(uint64_t sequence, Site site, int64_t nowNs) {
  std::lock_guard<std::mutex> lock(mutex);
  records[count++ % kKept] = {sequence, site, nowNs, -1};
  failed = false;
}

void FlightRecorder::keepOpen() {
  std::lock_guard<std::mutex> lock(mutex);
  failed = true;
}

void FlightRecorder::leave(int64_t nowNs) {
  std::lock_guard<std::mutex> lock(mutex);
  if (!failed)
    records[(count - 1) % kKept].endNs = nowNs;
}

std::vector<FlightEntry> FlightRecorder::read(int64_t nowNs) const {
  std::lock_guard<std::mutex> lock(mutex);
  std::vector<FlightEntry> entries;
  for (uint64_t i = count > kKept ? count - kKept : 0; i < count; ++i) {
    const Record &record = records[i % kKept];
    entries.push_back({record.sequence, record.site.layer, record.site.op, nowNs - record.beginNs,
                       record.endNs < 0 ? -1 : nowNs - record.endNs});
  }
  return entries;
}

static std::string named(const FlightEntry &entry) {
  return describe({entry.layer, static_cast<mxs_site_t>(entry.op)});
}

/// "rank 4", "ranks 0, 1".
static std::string listed(const std::vector<int32_t> &ranks) {
  std::string text = ranks.size() == 1 ? "rank " : "ranks ";
  for (size_t i = 0; i < ranks.size(); ++i)
    text += (i ? ", " : "") + std::to_string(ranks[i]);
  return text;
}

/// The first operation after `sequence` in the history of the rank that came furthest.
static const FlightEntry *nextAfter(const RankFlight &furthest, uint64_t sequence) {
  const auto next = std::find_if(furthest.entries.begin(), furthest.entries.end(),
                                 [&](const FlightEntry &e) { return e.sequence > sequence; });
  return next == furthest.entries.end() ? nullptr : &*next;
}

/// What `last`, the last operation of some rank, says beside the rank that came furthest. A share
/// of sampling is a group's own business: nobody is behind because of it.
static std::string standing(const FlightEntry &last, const RankFlight &furthest) {
  if (last.leftNs < 0)
    return " in " + named(last);
  const FlightEntry *next = nextAfter(furthest, last.sequence);
  std::string text = " left " + named(last);
  if (next && next->op != MXS_SITE_SAMPLE)
    text += " and did not enter " + named(*next);
  return text;
}

/// Where the ranks are in one stream.
static std::string describeStream(const std::vector<RankFlight> &flights, int rankCount) {
  const RankFlight *furthest = nullptr;
  std::vector<bool> heard(static_cast<size_t>(rankCount), false);
  for (const RankFlight &flight : flights) {
    heard[static_cast<size_t>(flight.rank)] = true;
    if (!flight.entries.empty() &&
        (!furthest || flight.entries.back().sequence > furthest->entries.back().sequence))
      furthest = &flight;
  }
  if (!furthest)
    return "";
  // Ranks at the same place in one part; the longest there says how long. Those behind come first.
  struct Part {
    std::vector<int32_t> ranks;
    int64_t ageNs = 0;
  };
  std::map<std::pair<uint64_t, std::string>, Part> parts;
  std::vector<int32_t> nowhere;
  for (const RankFlight &flight : flights) {
    if (flight.entries.empty()) {
      nowhere.push_back(flight.rank);
      continue;
    }
    const FlightEntry &last = flight.entries.back();
    Part &part = parts[{last.sequence, standing(last, *furthest)}];
    part.ranks.push_back(flight.rank);
    part.ageNs = std::max(part.ageNs, last.leftNs < 0 ? last.enteredNs : last.leftNs);
  }
  std::string text;
  const auto add = [&](const std::string &more) { text += (text.empty() ? "" : "; ") + more; };
  if (!nowhere.empty())
    add(listed(nowhere) + " entered nothing");
  for (const auto &[place, part] : parts)
    add(listed(part.ranks) + place.second + " (" + std::to_string(part.ageNs / 1'000'000) + " ms)");
  std::vector<int32_t> unheard;
  for (int32_t rank = 0; rank < rankCount; ++rank)
    if (!heard[static_cast<size_t>(rank)])
      unheard.push_back(rank);
  if (!unheard.empty())
    add(listed(unheard) + " not heard");
  return text;
}

/// Whether some rank is inside an operation, or behind another one.
static bool hasOpen(const std::vector<RankFlight> &flights) {
  std::set<uint64_t> places;
  bool isInside = false;
  for (const RankFlight &flight : flights) {
    places.insert(flight.entries.empty() ? 0 : flight.entries.back().sequence);
    isInside = isInside || (!flight.entries.empty() && flight.entries.back().leftNs < 0);
  }
  return isInside || places.size() > 1;
}

std::string describeFlights(const std::vector<RankFlight> &flights, int rankCount) {
  std::map<int32_t, std::vector<RankFlight>> streams;
  for (const RankFlight &flight : flights)
    streams[flight.stream].push_back(flight);
  std::string text = describeStream(streams[0], rankCount);
  for (const auto &[stream, own] : streams)
    if (stream > 0 && hasOpen(own))
      text += (text.empty() ? "in stream " : "; in stream ") + std::to_string(stream) + ": " +
              describeStream(own, rankCount);
  return text;
}

} // namespace mxs
