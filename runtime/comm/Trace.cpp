//===- Trace.cpp ------------------------------------------------------------------------------===//

#include "comm/Trace.h"
#include "comm/Transport.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <set>
#include <tuple>

namespace mxs {

int64_t steadyNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

Trace::Trace(bool enabled, int devices) : on(enabled), devices(devices), origin(steadyNs()) {}

void Trace::add(const TraceEvent &event) {
  if (!enabled())
    return;
  std::lock_guard<std::mutex> lock(mutex);
  list.push_back(event);
}

void recordInFlight(Trace *events, const void *message, int source, int target, int64_t beginNs,
                    int64_t endNs) {
  if (!events || !events->enabled())
    return;
  MessageHeader header;
  std::memcpy(&header, message, sizeof header);
  const Site site = {header.layer, static_cast<mxs_site_t>(header.op)};
  events->add({"in-flight", site, source, target, header.chunk, -1, beginNs, endNs});
}

std::vector<TraceEvent> Trace::events() const {
  std::lock_guard<std::mutex> lock(mutex);
  return list;
}

void Trace::clear() {
  std::lock_guard<std::mutex> lock(mutex);
  list.clear();
}

// Nanoseconds as microseconds with three decimals.
static std::string microseconds(int64_t ns) {
  char text[40];
  std::snprintf(text, sizeof text, "%lld.%03lld", static_cast<long long>(ns / 1000),
                static_cast<long long>(ns % 1000));
  return text;
}

static std::string trackName(const char *kind, int pid, int tid, const std::string &name) {
  return std::string("{\"name\":\"") + kind + "\",\"ph\":\"M\",\"pid\":" + std::to_string(pid) +
         ",\"tid\":" + std::to_string(tid) + ",\"args\":{\"name\":\"" + name + "\"}}";
}

std::string Trace::json(const std::vector<TraceEvent> &all) const {
  int lastRank = 0;
  for (const TraceEvent &event : all)
    lastRank = std::max(lastRank, std::max(event.source, event.target));
  const int linkPid = lastRank / devices + 1, ranks = linkPid * devices;

  std::string body;
  auto append = [&](const std::string &line) { body += (body.empty() ? "\n" : ",\n") + line; };
  std::set<std::tuple<int, int>> tracks;
  for (const TraceEvent &event : all) {
    const bool link = event.target >= 0;
    const int pid = link ? linkPid : event.source / devices;
    const int tid =
        link ? event.source * ranks + event.target : event.stream * ranks + event.source;
    if (tracks.insert({pid, tid}).second) {
      append(trackName("process_name", pid, tid, link ? "links" : "node " + std::to_string(pid)));
      append(trackName("thread_name", pid, tid,
                       link ? std::to_string(event.source) + " -> " + std::to_string(event.target)
                            : "rank " + std::to_string(event.source) +
                                  (event.stream > 0 ? ", stream " + std::to_string(event.stream)
                                                    : std::string())));
    }
    append(std::string("{\"name\":\"") + event.name + "\",\"cat\":\"" + siteName(event.site.op) +
           "\",\"ph\":\"X\",\"pid\":" + std::to_string(pid) + ",\"tid\":" + std::to_string(tid) +
           ",\"ts\":" + microseconds(event.beginNs - origin) +
           ",\"dur\":" + microseconds(event.endNs - event.beginNs) + ",\"args\":{\"layer\":" +
           std::to_string(event.site.layer) + ",\"chunk\":" + std::to_string(event.chunk) +
           ",\"peer\":" + std::to_string(event.peer) + "}}");
  }
  return "{\"traceEvents\":[" + body + "\n],\"displayTimeUnit\":\"ns\"}\n";
}

} // namespace mxs
