// SPDX-License-Identifier: Apache-2.0
#include "net/ping.h"

#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <random>
#include <span>
#include <system_error>

#include "net/network_namespace.h"

namespace sf::net {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::duration<double, std::milli>;

constexpr int kRequests = 10;
constexpr auto kInterval = 200ms;
constexpr auto kLastAnswer = 1s;
constexpr std::size_t kPayload = 56;

struct Request {
  icmphdr header = {};
  std::array<std::uint8_t, kPayload> payload = {};
};

/// The Internet checksum (RFC 1071).
std::uint16_t Checksum(const Request& request) {
  std::array<std::uint16_t, sizeof(Request) / 2> words;
  std::memcpy(words.data(), &request, sizeof(request));
  std::uint32_t sum = 0;
  for (const std::uint16_t word : words) sum += word;
  sum = (sum >> 16) + (sum & 0xffff);
  return static_cast<std::uint16_t>(~(sum + (sum >> 16)));
}

/// One run: requests that went out, and when their answers came.
class Run {
 public:
  Run(FileDescriptor socket, IpAddress address)
      : socket_(std::move(socket)),
        address_(address),
        id_(static_cast<std::uint16_t>(std::random_device{}())) {
    lines_.push_back(fmt::format("PING {0} ({0}) {1}({2}) bytes of data.", ToString(address_),
                                 kPayload, kPayload + sizeof(icmphdr) + sizeof(iphdr)));
  }

  std::vector<std::string> Lines() && {
    begun_ = Clock::now();
    for (int i = 0; i < kRequests; ++i) {
      Send();
      const bool last = i + 1 == kRequests;
      Listen(begun_ + i * kInterval + (last ? Clock::duration(kLastAnswer) : kInterval));
    }
    Conclude();
    return std::move(lines_);
  }

 private:
  void Send() {
    Request request;
    request.header.type = ICMP_ECHO;
    request.header.un.echo.id = htons(id_);
    request.header.un.echo.sequence = htons(static_cast<std::uint16_t>(sent_.size() + 1));
    request.header.checksum = Checksum(request);
    sockaddr_in to = {};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(address_.value);
    sent_.push_back(Clock::now());
    if (::sendto(socket_.get(), &request, sizeof(request), 0,
                 reinterpret_cast<const sockaddr*>(&to), sizeof(to)) < 0) {
      lines_.push_back("ping: sendmsg: " + std::generic_category().message(errno));
    }
  }

  /// Until `end`, or until all requests are answered.
  void Listen(Clock::time_point end) {
    while (took_.size() < kRequests) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
      pollfd ready = {.fd = socket_.get(), .events = POLLIN, .revents = 0};
      if (left <= 0ms || ::poll(&ready, 1, static_cast<int>(left.count())) <= 0) return;
      std::array<std::uint8_t, 2048> packet;
      const ssize_t size = ::recv(socket_.get(), packet.data(), packet.size(), 0);
      if (size > 0) Take({packet.data(), static_cast<std::size_t>(size)});
    }
  }

  /// The socket hears all ICMP of the namespace.
  void Take(std::span<const std::uint8_t> packet) {
    iphdr ip = {};
    icmphdr icmp = {};
    if (packet.size() < sizeof(ip)) return;
    std::memcpy(&ip, packet.data(), sizeof(ip));
    const std::size_t header = ip.ihl * 4U;
    if (packet.size() < header + sizeof(icmp)) return;
    std::memcpy(&icmp, packet.data() + header, sizeof(icmp));
    const std::size_t number = ntohs(icmp.un.echo.sequence);
    if (icmp.type != ICMP_ECHOREPLY || ntohs(icmp.un.echo.id) != id_ ||
        ip.saddr != htonl(address_.value) || number < 1 || number > sent_.size()) {
      return;
    }
    took_.push_back(Clock::now() - sent_[number - 1]);
    lines_.push_back(fmt::format("{} bytes from {}: icmp_seq={} ttl={} time={:.3f} ms",
                                 packet.size() - header, ToString(address_), number, ip.ttl,
                                 took_.back().count()));
  }

  void Conclude() {
    const std::size_t lost = sent_.size() - std::min(took_.size(), sent_.size());
    lines_.emplace_back();
    lines_.push_back(fmt::format("--- {} ping statistics ---", ToString(address_)));
    lines_.push_back(
        fmt::format("{} packets transmitted, {} received, {}% packet loss, time {}ms", sent_.size(),
                    took_.size(), lost * 100 / sent_.size(),
                    std::chrono::ceil<std::chrono::milliseconds>(Clock::now() - begun_).count()));
    if (took_.empty()) return;
    Milliseconds sum{};
    for (const Milliseconds each : took_) sum += each;
    const auto [least, most] = std::ranges::minmax(took_);
    lines_.push_back(fmt::format("rtt min/avg/max = {:.3f}/{:.3f}/{:.3f} ms", least.count(),
                                 sum.count() / static_cast<double>(took_.size()), most.count()));
  }

  const FileDescriptor socket_;
  const IpAddress address_;
  const std::uint16_t id_;
  Clock::time_point begun_;
  std::vector<Clock::time_point> sent_;
  std::vector<Milliseconds> took_;
  std::vector<std::string> lines_;
};

}  // namespace

// A socket stays in the namespace that it was made in: the thread is there for that moment only.
Result<std::vector<std::string>> Ping(const FileDescriptor& inside, IpAddress address) {
  const FileDescriptor here = TRY(OpenOwnNamespace());
  FileDescriptor socket;
  {
    Home home(here);
    TRY(home.Enter(inside));
    socket = FileDescriptor(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP));
  }
  if (socket.get() < 0) {
    return Fail(Code::kInternal, "no socket for ICMP: {}", std::generic_category().message(errno));
  }
  return Run(std::move(socket), address).Lines();
}

}  // namespace sf::net
