//===- NodeReport.cpp -----------------------------------------------------------------------===//
#include "core/NodeReport.h"

#include "comm/Transport.h"

using namespace mxs;

std::string NodeReport::written() const {
  ByteWriter out;
  out.putArray(calls);
  out.putArray(times);
  out.putArray(spent);
  out.put<uint64_t>(bytes.size());
  for (const ByteRow &row : bytes) {
    out.put<int32_t>(row.layer);
    out.put<int32_t>(row.op);
    out.put<uint8_t>(row.link == Link::Inter);
    out.put<uint8_t>(row.direction == Direction::In);
    out.put<int32_t>(row.rank);
    out.put(row.bytes);
  }
  return out.take();
}

static bool isSite(int32_t op) { return op >= 0 && op < kSiteCount; }

bool NodeReport::read(const std::string &text, int devices, int ranks) {
  ByteReader in(text);
  uint64_t rows = 0;
  bool sound = true;
  in.getArray(calls);
  in.getArray(times);
  in.getArray(spent);
  in.get(rows);
  bytes.clear();
  for (uint64_t i = 0; i < rows && in.ok(); ++i) {
    int32_t op = 0;
    uint8_t inter = 0, inward = 0;
    ByteRow row{};
    in.get(row.layer);
    in.get(op);
    in.get(inter);
    in.get(inward);
    in.get(row.rank);
    in.get(row.bytes);
    row.op = static_cast<mxs_site_t>(op);
    row.link = inter ? Link::Inter : Link::Intra;
    row.direction = inward ? Direction::In : Direction::Out;
    sound = sound && isSite(op) && row.rank >= 0 && row.rank < ranks;
    bytes.push_back(row);
  }
  const size_t expected = static_cast<size_t>(devices);
  return in.finished() && sound && calls.size() == expected && times.size() == expected &&
         spent.size() == expected;
}

std::string mxs::writeFlights(const std::vector<RankFlight> &flights) {
  ByteWriter out;
  out.put<uint64_t>(flights.size());
  for (const RankFlight &flight : flights) {
    out.put(flight.rank);
    out.put(flight.stream);
    out.putArray(flight.entries);
  }
  return out.take();
}

bool mxs::readFlights(const std::string &text, int ranks, std::vector<RankFlight> &flights) {
  ByteReader in(text);
  uint64_t count = 0;
  bool sound = true;
  in.get(count);
  for (uint64_t i = 0; i < count && in.ok(); ++i) {
    RankFlight flight;
    in.get(flight.rank);
    in.get(flight.stream);
    in.getArray(flight.entries);
    sound = sound && flight.rank >= 0 && flight.rank < ranks && flight.stream >= 0 &&
            flight.stream < kMaxStreams;
    for (const FlightEntry &entry : flight.entries)
      sound = sound && isSite(entry.op);
    if (sound)
      flights.push_back(std::move(flight));
  }
  return in.finished() && sound;
}

std::string mxs::writeEvents(const std::vector<TraceEvent> &events) {
  ByteWriter out;
  out.put<uint64_t>(events.size());
  for (const TraceEvent &event : events) {
    out.putText(event.name);
    for (int32_t number : {event.site.layer, static_cast<int32_t>(event.site.op), event.source,
                           event.target, event.chunk, event.peer, event.stream})
      out.put(number);
    out.put(event.beginNs);
    out.put(event.endNs);
  }
  return out.take();
}

bool mxs::readEvents(const std::string &text, int64_t shiftNs, std::set<std::string> &names,
                     std::vector<TraceEvent> &events) {
  ByteReader in(text);
  uint64_t count = 0;
  bool sound = true;
  in.get(count);
  for (uint64_t i = 0; i < count && in.ok(); ++i) {
    std::string name;
    int32_t op = 0;
    TraceEvent event{};
    in.getText(name);
    in.get(event.site.layer);
    in.get(op);
    in.get(event.source);
    in.get(event.target);
    in.get(event.chunk);
    in.get(event.peer);
    in.get(event.stream);
    in.get(event.beginNs);
    in.get(event.endNs);
    sound =
        sound && isSite(op) && event.source >= 0 && event.stream >= 0 && event.stream < kMaxStreams;
    event.site.op = static_cast<mxs_site_t>(op);
    event.name = names.insert(name).first->c_str();
    event.beginNs += shiftNs;
    event.endNs += shiftNs;
    events.push_back(event);
  }
  return in.finished() && sound;
}
