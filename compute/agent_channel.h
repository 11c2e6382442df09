// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "compute/agent_packets.h"
#include "node/base/event_loop.h"
#include "node/base/file_descriptor.h"
#include "node/base/result.h"

namespace sf::compute {

/// The side channel that the agent in a guest listens on.
inline constexpr char kAgentChannel[] = "sf-agent";

/// One connection to the agent in a guest: to QEMU's end of the virtio-serial port, which takes one
/// at a time. It is there also while nobody in the guest has the port open; what is sent then waits
/// for whoever opens it.
///
/// However much a guest sends, it is read at a bounded rate, and however little it reads, no more
/// than kMaxQueued waits for it.
///
/// Thread: that of the loop. Its events must not destroy it.
class AgentChannel {
 public:
  struct Events {
    std::function<void(Result<nlohmann::json>)> on_packet;  ///< as AgentPacketReader::Next()
    std::function<void()> on_room;                          ///< all that waited is sent
    std::function<void()> on_closed;                        ///< the last event
  };
  static constexpr std::size_t kMaxQueued = std::size_t{1} << 20;
  /// What a guest may send in a second; each packet counts for kPacketCost bytes more.
  static constexpr std::ptrdiff_t kBytesPerSecond = std::ptrdiff_t{16} << 20;
  static constexpr std::ptrdiff_t kPacketCost = 1024;

  static Result<std::unique_ptr<AgentChannel>> Connect(EventLoop& loop,
                                                       const std::filesystem::path& socket,
                                                       Events events);

  /// False: too much is waiting already, and this is dropped.
  bool Send(const nlohmann::json& packet);
  /// Whether nothing waits: on_room tells when that is so again.
  bool HasRoom() const { return sent_ == queued_.size(); }
  bool closed() const { return closed_; }
  /// Once a second: what was read too fast goes on.
  void Refill();

 private:
  AgentChannel(EventLoop& loop, FileDescriptor socket, Events events);
  void OnReadable();
  void OnWritable();
  void Write();
  void Close();
  void Want() { watch_->Want(!closed_ && budget_ > 0, !broken_ && !HasRoom()); }

  const FileDescriptor socket_;
  const Events events_;
  AgentPacketReader reader_;
  std::string queued_;
  std::size_t sent_ = 0;  ///< of queued_
  std::ptrdiff_t budget_ = kBytesPerSecond;
  bool broken_ = false;  ///< nothing can be sent any more
  bool closed_ = false;
  std::optional<EventLoop::Watch> watch_;
};

}  // namespace sf::compute
