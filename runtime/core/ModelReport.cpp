//===- ModelReport.cpp - Counters and trace of all nodes ---------------------------------===//
#include "core/Json.h"
#include "core/ModelRanks.h"

using namespace mxs;

static Json callsJson(const CallCounts &counts) {
  Json calls = Json::object();
  for (size_t i = 0; i < kCallCount; ++i)
    if (counts[i] > 0)
      calls[callName(static_cast<Call>(i))] = counts[i];
  return calls;
}

Status Model::nodeReport(size_t node, NodeReport &out) {
  if (!isRemote(node)) {
    out = ranks->runners[node - static_cast<size_t>(firstNode)]->report();
    return okStatus();
  }
  std::string text;
  MXS_TRY(ranks->channels[node]->ask(Message::Report, text));
  if (!out.read(text, manifest().devices, manifest().ranks()))
    return internalError("node " + std::to_string(node) + " sent a malformed report");
  return okStatus();
}

std::string Model::stats() {
  CallCounts total{}, time{};
  Json perRank = Json::array(), perRankTime = Json::array(), rankTimes = Json::array();
  ByteCounters bytes(ranks->world->topology(), manifest().layers);
  const auto addBytes = [&](const std::vector<ByteRow> &rows) {
    for (const ByteRow &row : rows)
      bytes.add(row.rank, {row.layer, row.op}, row.link, row.direction, row.rank, row.bytes);
  };
  addBytes(ranks->world->counters().rows());
  const size_t first = static_cast<size_t>(firstNode);
  for (size_t node = first; node < first + ranks->channels.size(); ++node) {
    NodeReport report;
    // After a failure only this process is asked.
    if (isRemote(node) && !broken.ok())
      break;
    if (const Status status = nodeReport(node, report); !status.ok()) {
      broken = explain(status);
      break;
    }
    addBytes(report.bytes);
    for (size_t device = 0; device < report.calls.size(); ++device) {
      for (size_t i = 0; i < kCallCount; ++i) {
        total[i] += report.calls[device][i];
        time[i] += report.times[device][i];
      }
      perRank.push_back(callsJson(report.calls[device]));
      perRankTime.push_back(callsJson(report.times[device]));
      const RankTimes &spent = report.spent[device];
      rankTimes.push_back({{"compute", spent.compute},
                           {"intra", spent.intra},
                           {"inter", spent.inter},
                           {"wait", spent.wait}});
    }
  }
  Json sizes = Json::array();
  for (const auto &size : bySize)
    if (size.steps > 0)
      sizes.push_back({{"steps", size.steps}, {"tokens", size.tokens}});
  Json stats = {{"schema", "mixserve.stats/v1"},
                {"steps", steps},
                {"tokens", tokens},
                {"step_sizes", std::move(sizes)},
                {"calls", callsJson(total)},
                {"call_ns", callsJson(time)},
                {"rank_calls", std::move(perRank)},
                {"rank_call_ns", std::move(perRankTime)},
                {"rank_ns", std::move(rankTimes)}};
  stats["bytes"] = Json::parse(bytes.json());
  return stats.dump();
}

// The shortest of some round trips: the error is at most half of it.
Status Model::clockLead(size_t node, int64_t &leadNs) {
  int64_t shortest = INT64_MAX;
  for (int i = 0; i < 16; ++i) {
    std::string text;
    int64_t there = 0;
    const int64_t begin = steadyNs();
    MXS_TRY(ranks->channels[node]->ask(Message::Clock, text));
    const int64_t end = steadyNs();
    ByteReader reader(text);
    reader.get(there);
    if (!reader.finished())
      return internalError("node " + std::to_string(node) + " sent a malformed clock");
    if (end - begin >= shortest)
      continue;
    shortest = end - begin;
    leadNs = there - (begin + (end - begin) / 2);
  }
  return okStatus();
}

Status Model::gatherTrace(std::string &json) {
  std::set<std::string> names;
  std::vector<TraceEvent> events = ranks->world->trace().events();
  for (size_t node = 1; options.launched && node < ranks->channels.size(); ++node) {
    int64_t leadNs = 0;
    std::string text;
    MXS_TRY(clockLead(node, leadNs));
    MXS_TRY(ranks->channels[node]->ask(Message::Events, text));
    if (!readEvents(text, -leadNs, names, events))
      return internalError("node " + std::to_string(node) + " sent a malformed trace");
  }
  json = ranks->world->trace().json(events);
  return okStatus();
}

// Control messages of the world have ended with it; the transport still carries some.
void Model::hearFlights(std::vector<RankFlight> &flights) {
  Transport &transport = ranks->world->transport();
  std::vector<bool> heard(ranks->channels.size(), false);
  const auto hear = [&] {
    bool all = true;
    for (size_t node = 1; node < heard.size(); ++node) {
      std::string message;
      Reply reply;
      // Before its last word a node may have sent others.
      while (!heard[node] && transport.takeControl(0, static_cast<int>(node), message))
        heard[node] = Reply::read(message, reply).ok() && reply.kind == Message::Flight &&
                      readFlights(reply.payload, manifest().ranks(), flights);
      all = all && heard[node];
    }
    return all;
  };
  const std::atomic<bool> never{false};
  (void)transport.controlWaitPoint(0).wait(hear, never, 500'000'000);
}

Status Model::withFlights(const Status &status) {
  // A rank's own failure needs no other rank's word.
  if (status.code() != MXS_TIMEOUT && status.code() != MXS_ABORTED)
    return status;
  std::vector<RankFlight> flights;
  for (const std::unique_ptr<NodeRunner> &runner : ranks->runners)
    for (RankFlight &flight : runner->flights())
      flights.push_back(std::move(flight));
  if (firstNode > 0)
    ranks->world->transport().sendControl(
        firstNode, 0, Reply{Message::Flight, okStatus(), writeFlights(flights)}.written());
  else if (options.launched)
    hearFlights(flights);
  const std::string where = describeFlights(flights, manifest().ranks());
  return where.empty() ? status : Status(status.code(), status.message() + "; " + where);
}
