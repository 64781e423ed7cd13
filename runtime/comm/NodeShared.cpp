//===- NodeShared.cpp ---------------------------------------------------------------------------===//

#include "comm/NodeShared.h"

namespace mxs {

NodeShared::NodeShared(int devices, int chunkFlags) {
  const int flags = FirstChunkFlag + chunkFlags;
  for (int device = 0; device < devices; ++device) {
    auto member = std::make_unique<Member>();
    member->flags = std::make_unique<std::atomic<uint64_t>[]>(flags);
    for (int flag = 0; flag < flags; ++flag)
      member->flags[flag].store(0, std::memory_order_relaxed);
    members.push_back(std::move(member));
  }
}

void NodeShared::set(int device, int flag, uint64_t value) {
  members[device]->flags[flag].store(value, std::memory_order_release);
  for (int peer = 0; peer < static_cast<int>(members.size()); ++peer)
    if (peer != device && members[peer]->sleeper.isSlept() && satisfied(peer))
      members[peer]->sleeper.notify();
}

bool NodeShared::satisfied(int device) const {
  const Expecting::Wanted &wanted = members[device]->wanted;
  const int flag = wanted.flag.load(std::memory_order_acquire);
  const int first = wanted.first.load(std::memory_order_relaxed);
  const int count = wanted.count.load(std::memory_order_relaxed);
  // A mixture of two waits may name devices that there are not.
  if (flag < 0 || first + count > static_cast<int>(members.size()))
    return true;
  return firstBelow(first, count, flag, wanted.value.load(std::memory_order_relaxed)) < 0;
}

bool NodeShared::unread(int device) const {
  for (int peer = 0; peer < static_cast<int>(members.size()); ++peer)
    if (peer != device && members[peer]->reading.load())
      return false;
  return true;
}

void NodeShared::notifyAll() {
  for (const std::unique_ptr<Member> &member : members)
    member->sleeper.notify();
}

} // namespace mxs
