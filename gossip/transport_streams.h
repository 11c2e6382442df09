// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <uv.h>

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gossip/member.h"
#include "node/base/event_loop.h"
#include "node/base/result.h"

namespace sf::gossip {

class Envelope;
struct TransportCounters;
struct Stream;

/// TCP between members: frames of two bytes of length and a sealed text. The first, the hello, says
/// what the connection is for and at which port its sender listens: that is who it is, to the
/// protocol. What a streamed datagram is answered with goes back on its stream.
///
/// A connection is for one of two things. Datagrams: it is closed by its maker as soon as nothing
/// has been said for a second. A sentinel says nothing at all, and stays; its end is the message.
///
/// Strangers may connect, so everything has a limit: connections, also per host; the time until
/// the hello, which only a member can seal, and until the end; bytes in and bytes waiting.
///
/// Thread: loop. Callbacks may call back into it.
class Streams {
 public:
  static constexpr std::size_t kMaxPerHost = 8;
  static constexpr std::size_t kMaxAccepted = 1024;
  static constexpr std::size_t kMaxMade = 256;
  static constexpr std::size_t kMaxBytes = 16u << 20;  ///< in, of one connection; waiting to go out
  static constexpr Duration kHelloTime = std::chrono::seconds(3);
  static constexpr Duration kConnectTime = std::chrono::seconds(1);
  static constexpr Duration kQuietTime = std::chrono::seconds(1);
  static constexpr Duration kStreamTime = std::chrono::seconds(10);

  struct Callbacks {
    std::function<void(const Address& from, std::string_view text, Stream& stream)> on_datagram;
    std::function<void(const Address& peer)> on_refused;   ///< nobody listens there
    std::function<void(const Address& peer)> on_accepted;  ///< a check, by the kernel there
    std::function<void(const Address& peer)> on_sentinel_ended;
    /// There was no connection to be had: what was to be sent.
    std::function<void(const Address& peer, std::vector<std::string> sealed)> on_undelivered;
  };

  /// At exactly `self`.
  static Result<std::unique_ptr<Streams>> Listen(EventLoop& loop, const Address& self,
                                                 Envelope& envelope, Callbacks callbacks,
                                                 TransportCounters& counters);
  ~Streams();
  Streams(const Streams&) = delete;
  Streams& operator=(const Streams&) = delete;

  /// Over the connection that there is, or a new one. False, with `sealed` as it was, if there are
  /// too many.
  bool Send(const Address& to, std::vector<std::string>&& sealed);
  /// On a stream that has just brought a datagram.
  void Reply(Stream& stream, const std::string& sealed);
  /// Whether anybody listens there, and perhaps something to be answered.
  void Check(const Address& to, std::vector<std::string> sealed);

  void OpenSentinel(const Address& to);
  void CloseSentinel(const Address& to);

 private:
  friend struct Stream;
  enum class Purpose : std::uint8_t { kDatagrams, kCheck, kSentinel };

  Streams(EventLoop& loop, const Address& self, Envelope& envelope, Callbacks callbacks,
          TransportCounters& counters);
  void Accept();
  bool HasRoomFor(std::uint32_t host) const;
  /// The one that is there already, or a new one, or nothing.
  Stream* Connect(const Address& to, Purpose purpose);
  void OnConnected(Stream& stream, int status);
  void Read(Stream& stream);
  void OnBytes(Stream& stream, std::string_view bytes);
  bool TakeFrame(Stream& stream, std::string_view sealed);
  bool TakeHello(Stream& stream, std::string_view hello);
  void OnTime(Stream& stream);
  void Write(Stream& stream, const std::vector<std::string>& sealed);
  void Expel(Stream& stream);
  void Lose(Stream& stream);
  void Close(Stream& stream);

  EventLoop& loop_;
  const Address self_;
  Envelope& envelope_;
  const Callbacks callbacks_;
  TransportCounters& counters_;
  uv_tcp_t* listener_;  // Freed by libuv's callback, as each Stream is.
  std::set<Stream*> accepted_;
  std::map<std::uint32_t, std::size_t> per_host_;  // of those accepted
  std::map<std::pair<Address, Purpose>, Stream*> made_;
  std::unique_ptr<char[]> buffer_;
};

}  // namespace sf::gossip
