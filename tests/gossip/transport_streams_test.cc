// SPDX-License-Identifier: Apache-2.0
// What strangers may do to the port that members stream to.
#include "gossip/transport_streams.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <thread>

#include "gossip/codec.h"
#include "gossip/transport_udp.h"
#include "tests/gossip/transport_cluster.h"

namespace sf::gossip {
namespace {

constexpr std::uint32_t kStranger = 0x7f4e0001;  // 127.78.0.1

/// Somebody who has an address and no key.
class Stranger {
 public:
  explicit Stranger(const Address& target) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    const sockaddr_in from = ToSockaddr({.ip = kStranger, .port = 0});
    const sockaddr_in to = ToSockaddr(target);
    REQUIRE(bind(fd_, reinterpret_cast<const sockaddr*>(&from), sizeof from) == 0);
    REQUIRE(connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
  }
  ~Stranger() { ::close(fd_); }
  Stranger(const Stranger&) = delete;
  Stranger& operator=(const Stranger&) = delete;

  bool Say(const std::string& bytes) const {
    return send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(bytes.size());
  }

 private:
  const int fd_;
};

std::string Frame(std::string text) {
  return std::string{static_cast<char>(text.size() >> 8), static_cast<char>(text.size())} + text;
}

TEST_CASE("Streams: strangers who connect and say nothing are few, and soon gone") {
  Cluster cluster;
  Transport& node = cluster.Start();
  std::vector<std::unique_ptr<Stranger>> strangers;
  for (std::size_t i = 0; i < Streams::kMaxPerHost + 3; ++i) {
    strangers.push_back(std::make_unique<Stranger>(cluster.AddressOf(0)));
  }
  REQUIRE(cluster.Until([&] { return node.counters().connections_over_limit == 3; }));
  CHECK(node.counters().connections_open == Streams::kMaxPerHost);
  REQUIRE(cluster.Until([&] { return node.counters().connections_open == 0; }));
  CHECK(node.counters().connections_expelled == Streams::kMaxPerHost);
}

TEST_CASE("Streams: a stranger's bytes end its connection") {
  Cluster cluster;
  Transport& node = cluster.Start();
  const auto dropped = [&](Drop why) { return node.counters().dropped[static_cast<int>(why)]; };
  const Stranger liar(cluster.AddressOf(0)), babbler(cluster.AddressOf(0)),
      stutterer(cluster.AddressOf(0));
  REQUIRE(liar.Say(Frame(std::string(60, 'x'))));
  REQUIRE(babbler.Say(std::string(5000, '\xff')));
  REQUIRE(stutterer.Say(Frame("short")));
  REQUIRE(cluster.Until([&] { return node.counters().connections_expelled == 3; }, seconds(2)));
  CHECK(dropped(Drop::kWrongKey) == 1);
  CHECK(dropped(Drop::kTruncated) == 1);
  CHECK(node.counters().connections_open == 0);
}

TEST_CASE("Streams: no connection may bring more than its share") {
  Cluster cluster;
  cluster.keys = {};  // So that anybody can say hello.
  Transport& node = cluster.Start();
  const Stranger talker(cluster.AddressOf(0));
  REQUIRE(talker.Say(Frame("d12")));
  std::thread talking([&talker] {
    const std::string junk = Frame(std::string(1000, 'x'));
    for (std::size_t said = 0; said < 2 * Streams::kMaxBytes && talker.Say(junk);) {
      said += junk.size();
    }
  });
  const bool expelled = cluster.Until([&] { return node.counters().connections_expelled == 1; });
  talking.join();
  CHECK(expelled);
  CHECK(node.counters().tcp_bytes_in <= Streams::kMaxBytes + 65536);
  CHECK(node.gossip().members().size() == 1);
}

TEST_CASE("Streams: who asks and hangs up does no harm") {
  Cluster cluster;
  cluster.keys = {};
  Transport& node = cluster.Start();
  {
    const Stranger rude(cluster.AddressOf(0));
    REQUIRE(cluster.Until([&] { return node.counters().connections_open == 1; }));
    std::string said = Frame("d12");
    for (std::uint32_t i = 0; i < 10; ++i) {
      const std::string ping = EncodePart(Ping{.sequence = i});
      said += Frame(Assemble(NodeId("rude"), 5, {&ping, 1}, cluster.config.max_datagram).front());
    }
    REQUIRE(rude.Say(said));
  }
  REQUIRE(cluster.Until([&] { return node.counters().connections_open == 0; }));
  CHECK(node.counters().tcp_frames_in == 10);
}

TEST_CASE("Streams: a sentinel that says anything is sent away") {
  Cluster cluster;
  cluster.keys = {};
  Transport& node = cluster.Start();
  const Stranger sentinel(cluster.AddressOf(0));
  REQUIRE(sentinel.Say(Frame("s12")));
  REQUIRE(cluster.Until([&] { return node.counters().tcp_bytes_in == 5; }));
  CHECK(node.counters().connections_open == 1);
  REQUIRE(sentinel.Say(Frame("x")));
  CHECK(cluster.Until([&] { return node.counters().connections_expelled == 1; }, seconds(2)));
}

}  // namespace
}  // namespace sf::gossip
