// SPDX-License-Identifier: Apache-2.0
#include "compute/agent_packets.h"

#include <catch2/catch.hpp>
#include <vector>

namespace {

using namespace sf;
using compute::AgentPacketReader;
using compute::ToAgentBytes;
using nlohmann::json;

/// All that comes of `bytes`: packets, and null for what was passed over with an error.
json Packets(AgentPacketReader& reader, std::string_view bytes) {
  json packets = json::array();
  reader.Feed(bytes);
  while (const auto packet = reader.Next()) packets.push_back(*packet ? **packet : json(nullptr));
  return packets;
}

json Packets(std::string_view bytes) {
  AgentPacketReader reader;
  return Packets(reader, bytes);
}

TEST_CASE("AgentPackets: a packet is its marker, its length and its text") {
  CHECK(ToAgentBytes({{"command", "ping"}}) == R"(*SFv001*[00000018]{"command":"ping"})");
  CHECK(Packets(R"(*SFv001*[00000018]{"command":"ping"})") == json{{{"command", "ping"}}});
  CHECK(Packets("*SFv001*[00000002]{}*SFv001*[00000002]{}").size() == 2);
}

TEST_CASE("AgentPackets: it does not matter in which pieces they come") {
  const std::string bytes =
      "noise" + ToAgentBytes({{"a", 1}}) + "*SFv00" + ToAgentBytes({{"b", 2}});
  const json whole = {{{"a", 1}}, {{"b", 2}}};
  for (std::size_t size = 1; size <= bytes.size(); ++size) {
    AgentPacketReader reader;
    json packets = json::array();
    for (std::size_t at = 0; at < bytes.size(); at += size) {
      for (json& one : Packets(reader, bytes.substr(at, size))) packets.push_back(one);
    }
    REQUIRE(packets == whole);
  }
}

TEST_CASE("AgentPackets: what is between packets is passed over, and not kept") {
  AgentPacketReader reader;
  for (int i = 0; i < 1000; ++i) {
    CHECK(Packets(reader, std::string(4096, '*')).empty());
    REQUIRE(reader.held() < 32);
  }
  CHECK(Packets(reader, "*SFv001*[0000001x]{}*SFv001*(00000002){}*SFv001*[-0000002]{}").empty());
  CHECK(Packets(reader, "*SFv002*[00000002]{}*SFv001*SFv001*[00000002]{}").size() == 1);
}

TEST_CASE("AgentPackets: a packet that is too long is passed over without being kept") {
  AgentPacketReader reader;
  CHECK(Packets(reader, "*SFv001*[99999999]{") == json{nullptr});
  const std::string piece(std::size_t{1} << 20, 'x');
  std::size_t left = 99'999'998;
  while (left > piece.size()) {
    REQUIRE(Packets(reader, piece).empty());
    REQUIRE(reader.held() == 0);
    left -= piece.size();
  }
  CHECK(Packets(reader, piece.substr(0, left) + ToAgentBytes({{"a", 1}})) == json{{{"a", 1}}});
}

TEST_CASE("AgentPackets: no more than one of the largest is ever held") {
  AgentPacketReader reader;
  CHECK(Packets(reader, fmt::format("*SFv001*[{:08}]", AgentPacketReader::kMaxPacket)).empty());
  const std::string piece(std::size_t{1} << 20, ' ');
  std::size_t came = 0;
  for (int i = 0; i < 9; ++i) {
    came += Packets(reader, piece).size();
    REQUIRE(reader.held() <= AgentPacketReader::kMaxPacket + piece.size());
  }
  CHECK(came == 1);
  CHECK(reader.held() < 32);
}

TEST_CASE("AgentPackets: only the plain values of an object are kept") {
  const auto one = [](const std::string& body) {
    return Packets(fmt::format("*SFv001*[{:08}]{}", body.size(), body));
  };
  CHECK(one(R"({"a": {"b": [1, {"c": 2}]}, "d": [3], "e": null, "f": -1.5, "g": true})") ==
        json{{{"e", nullptr}, {"f", -1.5}, {"g", true}}});
  for (const char* body : {"", "{", "[1]", "1", "\"x\"", "null", "{}{}", "{\"a\": \"\xff\"}",
                           "{\"a\": 1e999}", "{\"a\" 1}"}) {
    CAPTURE(body);
    CHECK(one(body) == json{nullptr});
  }
  std::string deep = "{\"a\":" + std::string(100'000, '[') + std::string(100'000, ']') + "}";
  CHECK(one(deep) == json{json::object()});
  json many = json::object();
  for (int i = 0; i < 100; ++i) many[std::to_string(i)] = i;
  CHECK(one(many.dump()) == json{nullptr});
}

}  // namespace
