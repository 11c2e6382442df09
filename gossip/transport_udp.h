// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <netinet/in.h>
#include <uv.h>

#include <functional>
#include <memory>
#include <string_view>

#include "gossip/member.h"
#include "node/base/result.h"

namespace sf::gossip {

struct TransportCounters;

sockaddr_in ToSockaddr(const Address& address);
Address FromSockaddr(const sockaddr_in& address);
std::string Print(const Address& address);

/// One UDP socket, by uv_poll and not uv_udp: that one turns an ICMP error into an errno and does
/// not tell whose port it was that nobody listens at, which the socket's error queue does.
///
/// What the kernel's buffer has no room for is dropped and counted: it is the queue, with the limit
/// that a queue needs, and gossip repairs what is lost.
///
/// Thread: loop.
class UdpSocket {
 public:
  struct Callbacks {
    std::function<void(const Address& from, std::string_view bytes)> on_datagram;
    std::function<void(const Address& peer)> on_refused;  ///< an ICMP error: nobody listens there
  };

  /// At `address`, whose port becomes the one that was taken if it was 0.
  static Result<std::unique_ptr<UdpSocket>> Bind(uv_loop_t* loop, Address& address,
                                                 std::size_t max_bytes, Callbacks callbacks,
                                                 TransportCounters& counters);
  ~UdpSocket();
  UdpSocket(const UdpSocket&) = delete;
  UdpSocket& operator=(const UdpSocket&) = delete;

  void Send(const Address& to, std::string_view bytes);

 private:
  UdpSocket(uv_loop_t* loop, int fd, std::size_t max_bytes, Callbacks callbacks,
            TransportCounters& counters);
  void OnReady(int status);
  void ReadDatagrams();
  void ReadErrors();
  void Poll();

  const int fd_;
  const std::size_t slot_;  // bytes per datagram: one more than allowed, so that it shows
  const Callbacks callbacks_;
  TransportCounters& counters_;
  std::unique_ptr<char[]> buffer_;
  uv_poll_t* poll_;  // Freed by libuv's callback.
};

}  // namespace sf::gossip
