//===- SharedTransport.h - One network for several worlds ---------*- C++ -*-===//
//
// A World owns its transport, and MPI allows one at a time. Layouts that are measured side by side
// are worlds of their own, so they share one. Only one world may communicate at a time.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_TOOLS_BENCH_SHAREDTRANSPORT_H
#define MIXSERVE_TOOLS_BENCH_SHAREDTRANSPORT_H

#include "comm/Trace.h"
#include "comm/Transport.h"

#include <map>
#include <memory>
#include <mutex>

namespace mixserve::tools {

class SharedTransport {
public:
  explicit SharedTransport(std::unique_ptr<mxs::Transport> transport)
      : links(/*enabled=*/false, /*devices=*/1), wire(std::move(transport)) {
    wire->traceTo(&links);
    wire->onFailure([this](const mxs::Status &why) {
      std::lock_guard<std::mutex> lock(mutex);
      for (const auto &[view, handler] : handlers)
        handler(why);
    });
  }

  /// What a World takes. It must not be used after close().
  std::unique_ptr<mxs::Transport> view() { return std::make_unique<View>(*this); }
  /// Messages of all worlds; not enabled at first.
  mxs::Trace &trace() { return links; }
  /// Ends the transport: before the worlds go, since it writes to their buffers until then.
  void close() { wire.reset(); }

private:
  class View : public mxs::Transport {
  public:
    explicit View(SharedTransport &shared) : shared(shared) {}
    ~View() override {
      std::lock_guard<std::mutex> lock(shared.mutex);
      shared.handlers.erase(this);
    }
    void postSend(int source, int target, uint64_t tag, const void *data, int64_t bytes,
                  mxs::MessageRequest &request) override {
      shared.wire->postSend(source, target, tag, data, bytes, request);
    }
    void postRecv(int target, int source, uint64_t tag, void *data, int64_t capacity,
                  mxs::MessageRequest &request) override {
      shared.wire->postRecv(target, source, tag, data, capacity, request);
    }
    void drive() override { shared.wire->drive(); }
    void beginSleep() override { shared.wire->beginSleep(); }
    void endSleep() override { shared.wire->endSleep(); }
    void traceTo(mxs::Trace *) override {}
    void sendControl(int fromNode, int toNode, const std::string &message) override {
      shared.wire->sendControl(fromNode, toNode, message);
    }
    bool takeControl(int atNode, int fromNode, std::string &message) override {
      return shared.wire->takeControl(atNode, fromNode, message);
    }
    mxs::WaitPoint &controlWaitPoint(int node) override {
      return shared.wire->controlWaitPoint(node);
    }
    void onFailure(std::function<void(const mxs::Status &)> handler) override {
      std::lock_guard<std::mutex> lock(shared.mutex);
      shared.handlers[this] = std::move(handler);
    }
    void abort(const mxs::Status &reason) override { shared.wire->abort(reason); }

  private:
    SharedTransport &shared;
  };

  mxs::Trace links;
  std::unique_ptr<mxs::Transport> wire;
  std::mutex mutex;
  std::map<View *, std::function<void(const mxs::Status &)>> handlers;
};

} // namespace mixserve::tools

#endif // MIXSERVE_TOOLS_BENCH_SHAREDTRANSPORT_H
