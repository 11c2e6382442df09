// SPDX-License-Identifier: Apache-2.0
#include "gossip/transport_udp.h"

#include <arpa/inet.h>
#include <linux/errqueue.h>
#include <netinet/ip_icmp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "gossip/transport.h"
#include "node/base/check.h"

namespace sf::gossip {
namespace {

constexpr unsigned kBatch = 4;
// What is read before the loop sees to its timers again.
constexpr int kBatches = 16;
constexpr int kReceiveBuffer = 1 << 20;

bool IsPortUnreachable(const cmsghdr& header) {
  if (header.cmsg_level != IPPROTO_IP || header.cmsg_type != IP_RECVERR) return false;
  sock_extended_err error = {};
  std::memcpy(&error, CMSG_DATA(&header), sizeof error);
  return error.ee_origin == SO_EE_ORIGIN_ICMP && error.ee_type == ICMP_DEST_UNREACH &&
         error.ee_code == ICMP_PORT_UNREACH;
}

}  // namespace

sockaddr_in ToSockaddr(const Address& address) {
  sockaddr_in raw = {};
  raw.sin_family = AF_INET;
  raw.sin_port = htons(address.port);
  raw.sin_addr.s_addr = htonl(address.ip);
  return raw;
}

Address FromSockaddr(const sockaddr_in& address) {
  return {.ip = ntohl(address.sin_addr.s_addr), .port = ntohs(address.sin_port)};
}

std::string Print(const Address& address) {
  return fmt::format("{}.{}.{}.{}:{}", address.ip >> 24, address.ip >> 16 & 255,
                     address.ip >> 8 & 255, address.ip & 255, address.port);
}

Result<std::unique_ptr<UdpSocket>> UdpSocket::Bind(uv_loop_t* loop, Address& address,
                                                   std::size_t max_bytes, Callbacks callbacks,
                                                   TransportCounters& counters) {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return Fail(Code::kUnavailable, "no UDP socket for gossip: {}", strerror(errno));
  const int on = 1;
  setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on);
  // As much of it as the kernel allows: a joiner's answers come all at once.
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kReceiveBuffer, sizeof kReceiveBuffer);
  sockaddr_in raw = ToSockaddr(address);
  socklen_t size = sizeof raw;
  if (bind(fd, reinterpret_cast<sockaddr*>(&raw), size) != 0 ||
      getsockname(fd, reinterpret_cast<sockaddr*>(&raw), &size) != 0) {
    const int cause = errno;
    ::close(fd);
    return Fail(cause == EADDRINUSE ? Code::kConflict : Code::kUnavailable,
                "gossip cannot listen on {} by UDP: {}", Print(address), strerror(cause));
  }
  address = FromSockaddr(raw);
  return std::unique_ptr<UdpSocket>(
      new UdpSocket(loop, fd, max_bytes, std::move(callbacks), counters));
}

UdpSocket::UdpSocket(uv_loop_t* loop, int fd, std::size_t max_bytes, Callbacks callbacks,
                     TransportCounters& counters)
    : fd_(fd),
      slot_(max_bytes + 1),
      callbacks_(std::move(callbacks)),
      counters_(counters),
      buffer_(std::make_unique_for_overwrite<char[]>(slot_ * kBatch)),
      poll_(new uv_poll_t) {
  SF_CHECK(uv_poll_init(loop, poll_, fd_) == 0);
  poll_->data = this;
  Poll();
}

UdpSocket::~UdpSocket() {
  uv_close(reinterpret_cast<uv_handle_t*>(poll_),
           [](uv_handle_t* handle) { delete reinterpret_cast<uv_poll_t*>(handle); });
  ::close(fd_);
}

void UdpSocket::Poll() {
  uv_poll_start(poll_, UV_READABLE, [](uv_poll_t* poll, int status, int) {
    static_cast<UdpSocket*>(poll->data)->OnReady(status);
  });
}

void UdpSocket::OnReady(int status) {
  // libuv stops to poll a descriptor that has an error waiting.
  if (status < 0) Poll();
  ReadErrors();
  ReadDatagrams();
}

void UdpSocket::Send(const Address& to, std::string_view bytes) {
  const sockaddr_in raw = ToSockaddr(to);
  // The first try may only report what became of an earlier datagram, to whomever that went.
  for (int tries = 0; tries < 2; ++tries) {
    const ssize_t sent = sendto(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                                reinterpret_cast<const sockaddr*>(&raw), sizeof raw);
    if (sent >= 0) {
      ++counters_.udp_packets_out;
      counters_.udp_bytes_out += bytes.size();
      return;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) break;
  }
  ++counters_.udp_sends_failed;
}

void UdpSocket::ReadDatagrams() {
  std::array<mmsghdr, kBatch> messages;
  std::array<iovec, kBatch> places;
  std::array<sockaddr_in, kBatch> senders;
  for (int batch = 0; batch < kBatches; ++batch) {
    for (unsigned i = 0; i < kBatch; ++i) {
      places[i] = {.iov_base = buffer_.get() + i * slot_, .iov_len = slot_};
      messages[i] = {};
      messages[i].msg_hdr.msg_name = &senders[i];
      messages[i].msg_hdr.msg_namelen = sizeof senders[i];
      messages[i].msg_hdr.msg_iov = &places[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
    const int count = recvmmsg(fd_, messages.data(), kBatch, MSG_DONTWAIT, nullptr);
    // An error of an earlier datagram may be told instead: the queue has it too.
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    for (int i = 0; i < count; ++i) {
      const auto index = static_cast<std::size_t>(i);
      const std::string_view bytes(buffer_.get() + index * slot_, messages[index].msg_len);
      ++counters_.udp_packets_in;
      counters_.udp_bytes_in += bytes.size();
      callbacks_.on_datagram(FromSockaddr(senders[index]), bytes);
    }
    if (count >= 0 && count < static_cast<int>(kBatch)) return;
  }
}

void UdpSocket::ReadErrors() {
  for (int i = 0; i < kBatches * static_cast<int>(kBatch); ++i) {
    sockaddr_in receiver = {};
    alignas(cmsghdr) std::array<char, 256> control;
    msghdr message = {};
    message.msg_name = &receiver;  // of the datagram that came back
    message.msg_namelen = sizeof receiver;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    if (recvmsg(fd_, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return;
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
         header = CMSG_NXTHDR(&message, header)) {
      if (!IsPortUnreachable(*header)) continue;
      ++counters_.icmp_errors;
      callbacks_.on_refused(FromSockaddr(receiver));
    }
  }
}

}  // namespace sf::gossip
