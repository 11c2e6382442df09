// SPDX-License-Identifier: Apache-2.0
#include "compute/agent_channel.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <catch2/catch.hpp>
#include <chrono>
#include <thread>

#include "tests/images/test_directory.h"

namespace {

using namespace sf;
using test::TestDirectory;
using namespace std::chrono_literals;
using compute::AgentChannel;
using nlohmann::json;

/// QEMU's end of the port, with an agent behind it that says what a test wants.
class FakeAgent {
 public:
  explicit FakeAgent(const std::filesystem::path& path)
      : listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path.string().copy(address.sun_path, sizeof(address.sun_path) - 1);
    REQUIRE(bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
    REQUIRE(listen(listener_.get(), 1) == 0);
  }
  void Accept() { end_ = FileDescriptor(accept(listener_.get(), nullptr, nullptr)); }
  void HangUp() { end_ = FileDescriptor(); }
  /// How many of them it could say without waiting.
  std::size_t Say(std::string_view bytes) {
    const ssize_t count = send(end_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    return count < 0 ? 0 : static_cast<std::size_t>(count);
  }
  std::string Hear() {
    std::array<char, 65536> piece;
    const ssize_t count = recv(end_.get(), piece.data(), piece.size(), MSG_DONTWAIT);
    return count <= 0 ? "" : std::string(piece.data(), static_cast<std::size_t>(count));
  }

 private:
  FileDescriptor listener_;
  FileDescriptor end_;
};

/// A channel to it, on a loop that runs when a test says so.
struct Bed {
  TestDirectory directory;
  FakeAgent agent{directory / "s"};
  EventLoop loop;
  std::vector<json> heard;
  std::size_t errors = 0, rooms = 0, ends = 0;
  std::unique_ptr<AgentChannel> channel;

  Bed() {
    auto made = AgentChannel::Connect(loop, directory / "s",
                                      {.on_packet =
                                           [this](const auto& packet) {
                                             if (packet) heard.push_back(*packet);
                                             if (!packet) ++errors;
                                           },
                                       .on_room = [this] { ++rooms; },
                                       .on_closed = [this] { ++ends; }});
    REQUIRE(made);
    channel = *std::move(made);
    agent.Accept();
  }
  void Run(std::chrono::milliseconds time = 50ms) {
    EventLoop::Alarm alarm(loop, [this] { loop.Stop(); });
    alarm.Set(std::chrono::steady_clock::now() + time);
    loop.Run();
  }
};

TEST_CASE("AgentChannel: packets go both ways") {
  Bed bed;
  CHECK(bed.channel->Send({{"command", "ping"}}));
  bed.agent.Say("boot noise" + compute::ToAgentBytes({{"command", "agent-start"}}));
  bed.Run();
  CHECK(bed.heard == std::vector<json>{{{"command", "agent-start"}}});
  CHECK(bed.agent.Hear() == compute::ToAgentBytes({{"command", "ping"}}));
}

TEST_CASE("AgentChannel: nobody there is an error, and so is a path that is too long") {
  TestDirectory directory;
  EventLoop loop;
  CHECK(AgentChannel::Connect(loop, directory / "none", {}).error().code == Code::kUnavailable);
  CHECK(AgentChannel::Connect(loop, directory / std::string(200, 'x'), {}).error().code ==
        Code::kInvalid);
}

TEST_CASE("AgentChannel: the end comes once, in the middle of a packet as well") {
  Bed bed;
  bed.agent.Say("*SFv001*[00000100]{\"comm");
  bed.agent.HangUp();
  bed.Run();
  CHECK(bed.ends == 1);
  CHECK(bed.channel->closed());
  CHECK_FALSE(bed.channel->Send({{"command", "ping"}}));
  bed.channel->Refill();
  bed.Run();
  CHECK(bed.ends == 1);
  CHECK(bed.heard.empty());
}

TEST_CASE("AgentChannel: who does not read has only so much waiting, and no wake-ups") {
  Bed bed;
  const json packet = {{"command", "pong"}, {"unique", std::string(1000, 'x')}};
  std::size_t taken = 0;
  while (bed.channel->Send(packet) && taken < 10'000) ++taken;
  CHECK(taken > 1000);
  CHECK(taken < 5000);  // The queue, and what fits into the socket.
  CHECK_FALSE(bed.channel->HasRoom());
  bed.Run();
  CHECK(bed.rooms == 0);
  std::size_t heard = 0;
  for (int i = 0; i < 1000 && !bed.channel->HasRoom(); ++i) {
    heard += bed.agent.Hear().size();
    bed.Run(1ms);
  }
  CHECK(bed.rooms == 1);
  heard += bed.agent.Hear().size();
  CHECK(heard > 0);
  CHECK(bed.channel->Send(packet));
}

TEST_CASE("AgentChannel: who sends without end is read at a bounded rate") {
  Bed bed;
  const std::string noise(65536, '*');
  std::size_t said = 0;
  const auto talk = [&] {
    for (int i = 0; i < 2000; ++i) {
      const std::size_t more = bed.agent.Say(noise);
      said += more;
      bed.Run(more == 0 ? 2ms : 0ms);
      if (more == 0 && i > 1000) break;
    }
  };
  talk();
  const auto most = static_cast<std::size_t>(AgentChannel::kBytesPerSecond);
  CHECK(said >= most);
  CHECK(said < most + (std::size_t{2} << 20));  // What the sockets hold.
  bed.channel->Refill();
  talk();
  CHECK(said >= 2 * most);
}

TEST_CASE("AgentChannel: many small packets count for more than their bytes") {
  Bed bed;
  std::string packets;
  for (int i = 0; i < 2000; ++i) packets += "*SFv001*[00000002]{}";
  for (int i = 0; i < 3000; ++i) {
    bed.agent.Say(packets);
    bed.Run(0ms);
  }
  CHECK(bed.heard.size() + bed.errors > 1000);
  CHECK(bed.heard.size() + bed.errors < 30'000);
}

}  // namespace
