// SPDX-License-Identifier: Apache-2.0
#include "compute/agent_channel.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace sf::compute {
namespace {

constexpr std::size_t kReadBytes = 64 * 1024;

}  // namespace

Result<std::unique_ptr<AgentChannel>> AgentChannel::Connect(EventLoop& loop,
                                                            const std::filesystem::path& socket,
                                                            Events events) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  const std::string path = socket.string();
  if (path.size() >= sizeof(address.sun_path)) {
    return Fail(Code::kInvalid, "{} is too long for the path of a socket", path);
  }
  path.copy(address.sun_path, path.size());
  FileDescriptor end(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (end.get() < 0 ||
      connect(end.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return Fail(Code::kUnavailable, "{}: {}", path, std::strerror(errno));
  }
  return std::unique_ptr<AgentChannel>(new AgentChannel(loop, std::move(end), std::move(events)));
}

AgentChannel::AgentChannel(EventLoop& loop, FileDescriptor socket, Events events)
    : socket_(std::move(socket)), events_(std::move(events)) {
  watch_.emplace(
      loop, socket_.get(), [this] { OnReadable(); }, [this] { OnWritable(); });
  Want();
}

bool AgentChannel::Send(const nlohmann::json& packet) {
  if (broken_ || queued_.size() - sent_ >= kMaxQueued) return false;
  queued_ += ToAgentBytes(packet);
  Write();
  Want();
  return true;
}

void AgentChannel::Refill() {
  budget_ = kBytesPerSecond;
  Want();
}

// One piece at a time, so that all guests have their turn.
void AgentChannel::OnReadable() {
  std::array<char, kReadBytes> piece;
  const ssize_t count = recv(socket_.get(), piece.data(), piece.size(), 0);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) return Close();
  budget_ -= count;
  reader_.Feed({piece.data(), static_cast<std::size_t>(count)});
  while (auto packet = reader_.Next()) {
    budget_ -= kPacketCost;
    events_.on_packet(*std::move(packet));
  }
  Want();
}

void AgentChannel::OnWritable() {
  Write();
  Want();
  if (HasRoom() && !closed_) events_.on_room();
}

void AgentChannel::Write() {
  while (!HasRoom() && !broken_) {
    const ssize_t count =
        send(socket_.get(), queued_.data() + sent_, queued_.size() - sent_, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) break;
    // It is reading that tells the owner: that is never within a call of theirs.
    broken_ = count <= 0;
    if (!broken_) sent_ += static_cast<std::size_t>(count);
  }
  // What is sent is let go of in large pieces, so that each byte is moved a few times at most.
  if (HasRoom() || sent_ > kMaxQueued / 2) queued_.erase(0, std::exchange(sent_, 0));
}

void AgentChannel::Close() {
  closed_ = broken_ = true;
  Want();
  events_.on_closed();
}

}  // namespace sf::compute
