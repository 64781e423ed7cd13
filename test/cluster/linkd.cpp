//===- linkd.cpp - A switch in user space, with rate, latency and loss ------------------------===//
//
// linkd MBIT LATENCY_US LOSS_PERCENT SEED NETNS...: makes a TAP device eth0 in each network
// namespace and carries Ethernet frames between them. Every port is full duplex with MBIT each way
// (0 = no bound); a frame leaves LATENCY_US after its last bit. Frames that TCP has not cut yet
// (TSO) stay whole, which keeps the cost low: 1 Gbit/s takes about a sixth of a core.
//
//===----------------------------------------------------------------------===//

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <map>
#include <memory>
#include <queue>
#include <random>
#include <sched.h>
#include <string>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <vector>

namespace {

using Bytes = std::vector<uint8_t>;
using Mac = std::array<uint8_t, 6>;

constexpr int kVirtioHeader = 10;      // what the kernel puts before a frame that it has not cut
constexpr double kPortBacklog = 0.004; // [s] sent ahead of the wire; more stays in the host's queue
constexpr double kSwitchBuffer =
    0.05; // [s] waiting for one port; more is dropped, as a switch does

double now() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

[[noreturn]] void fail(const std::string &what) {
  std::fprintf(stderr, "linkd: %s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(1);
}

/// A TAP device "eth0" in the namespace at `path`; it lives as long as the descriptor.
int makeTap(const std::string &path) {
  const int space = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (space < 0 || setns(space, CLONE_NEWNET))
    fail("cannot enter " + path);
  close(space);
  const int tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (tap < 0)
    fail("cannot open /dev/net/tun");
  ifreq request = {};
  request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
  std::strcpy(request.ifr_name, "eth0");
  int header = kVirtioHeader;
  if (ioctl(tap, TUNSETIFF, &request) || ioctl(tap, TUNSETVNETHDRSZ, &header) ||
      ioctl(tap, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6))
    fail("cannot make eth0 in " + path);
  return tap;
}

struct Frame {
  double due;
  int port; ///< where it goes
  std::shared_ptr<Bytes> data;
  bool operator<(const Frame &other) const { return due > other.due; } // earliest on top
};

class Switch {
public:
  Switch(double bytesPerSecond, double latency, double loss, unsigned seed, std::vector<int> taps)
      : rate(bytesPerSecond), latency(latency), lost(loss), random(seed), taps(std::move(taps)),
        outFree(this->taps.size(), 0), inFree(this->taps.size(), 0), resume(this->taps.size(), 0),
        cut(this->taps.size(), false) {
    poll = epoll_create1(EPOLL_CLOEXEC);
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    for (size_t port = 0; port < this->taps.size(); ++port)
      watch(EPOLL_CTL_ADD, this->taps[port], static_cast<int>(port), EPOLLIN);
    watch(EPOLL_CTL_ADD, timer, kTimer, EPOLLIN);
    watch(EPOLL_CTL_ADD, STDIN_FILENO, kCommands, EPOLLIN);
  }

  [[noreturn]] void run() {
    while (true) {
      setTimer();
      epoll_event events[16];
      const int count = epoll_wait(poll, events, 16, -1);
      for (int i = 0; i < count; ++i) {
        uint64_t expirations;
        if (events[i].data.fd == kTimer)
          (void)!read(timer, &expirations, sizeof expirations);
        else if (events[i].data.fd == kCommands)
          obey();
        else
          takeFrames(events[i].data.fd);
      }
      deliver();
    }
  }

private:
  static constexpr int kTimer = -1, kCommands = -2;

  void watch(int operation, int descriptor, int name, uint32_t events) {
    epoll_event event = {};
    event.events = events;
    event.data.fd = name;
    if (epoll_ctl(poll, operation, descriptor, &event))
      fail("epoll_ctl");
  }

  // One line at a time: whoever writes it does so in one call.
  void obey() {
    char line[64] = {}, word[8];
    unsigned port;
    if (read(STDIN_FILENO, line, sizeof line - 1) <= 0)
      watch(EPOLL_CTL_DEL, STDIN_FILENO, kCommands, 0);
    else if (std::sscanf(line, "%7s %u", word, &port) == 2 && port < cut.size())
      cut[port] = std::strcmp(word, "down") == 0;
  }

  void setTimer() {
    double next = flying.empty() ? 0 : flying.top().due;
    for (double at : resume)
      if (at > 0 && (next == 0 || at < next))
        next = at;
    if (next == 0)
      return;
    const double wait = std::max(next - now(), 1e-6);
    itimerspec spec = {};
    spec.it_value.tv_sec = static_cast<time_t>(wait);
    spec.it_value.tv_nsec =
        static_cast<long>((wait - static_cast<double>(spec.it_value.tv_sec)) * 1e9);
    timerfd_settime(timer, 0, &spec, nullptr);
  }

  void takeFrames(int port) {
    const double t = now();
    for (int i = 0; i < 8; ++i) {
      if (outFree[port] - t > kPortBacklog) {
        // Not reading pushes back into the host's own queue.
        watch(EPOLL_CTL_MOD, taps[port], port, 0);
        resume[port] = outFree[port] - kPortBacklog / 2;
        return;
      }
      const ssize_t size = read(taps[port], buffer.data(), buffer.size());
      if (size < kVirtioHeader + 14)
        return;
      carry(port, std::make_shared<Bytes>(buffer.begin(), buffer.begin() + size), t);
    }
  }

  void carry(int from, std::shared_ptr<Bytes> frame, double t) {
    Mac target, source;
    std::memcpy(target.data(), frame->data() + kVirtioHeader, target.size());
    std::memcpy(source.data(), frame->data() + kVirtioHeader + 6, source.size());
    learned[source] = from;
    const double wire = rate > 0 ? static_cast<double>(frame->size() - kVirtioHeader) / rate : 0;
    const double sent = outFree[from] = std::max(t, outFree[from]) + wire;
    const auto known = learned.find(target);
    const bool all = (target[0] & 1) || known == learned.end();
    for (int to = 0; to < static_cast<int>(taps.size()); ++to) {
      if (to == from || cut[from] || cut[to] || (!all && to != known->second) ||
          chance(random) < lost)
        continue;
      const double arrived = std::max(sent, inFree[to] + wire);
      if (arrived - t > kSwitchBuffer)
        continue;
      inFree[to] = arrived;
      flying.push({arrived + latency, to, frame});
    }
  }

  void deliver() {
    const double t = now();
    for (; !flying.empty() && flying.top().due <= t + 2e-6; flying.pop()) {
      const Frame &frame = flying.top();
      // A host whose queue is full loses the frame.
      (void)!write(taps[frame.port], frame.data->data(), frame.data->size());
    }
    for (size_t port = 0; port < taps.size(); ++port)
      if (resume[port] > 0 && resume[port] <= t) {
        resume[port] = 0;
        watch(EPOLL_CTL_MOD, taps[port], static_cast<int>(port), EPOLLIN);
      }
  }

  const double rate, latency, lost;
  std::mt19937 random;
  std::uniform_real_distribution<double> chance{0, 1};
  const std::vector<int> taps;
  std::vector<double> outFree, inFree; ///< when each direction of a port is idle again
  std::vector<double> resume;          ///< when reading goes on; 0: it is going on
  std::vector<bool> cut;
  std::map<Mac, int> learned;
  std::priority_queue<Frame> flying;
  Bytes buffer = Bytes(70'000);
  int poll, timer;
};

} // namespace

int main(int argc, char **argv) {
  if (argc < 6) {
    std::fprintf(stderr, "usage: linkd MBIT LATENCY_US LOSS_PERCENT SEED NETNS...\n");
    return 1;
  }
  const int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  std::vector<int> taps;
  for (int i = 5; i < argc; ++i)
    taps.push_back(makeTap(argv[i]));
  // Back to where it was started: whoever removes the hosts looks for it there.
  if (home < 0 || setns(home, CLONE_NEWNET))
    fail("cannot return to the switch's namespace");
  prctl(PR_SET_TIMERSLACK, 1000);
  std::printf("ready\n");
  std::fflush(stdout);
  Switch(std::atof(argv[1]) * 1e6 / 8, std::atof(argv[2]) * 1e-6, std::atof(argv[3]) / 100,
         static_cast<unsigned>(std::atoi(argv[4])), std::move(taps))
      .run();
}
