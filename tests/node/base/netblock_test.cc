// SPDX-License-Identifier: Apache-2.0
#include "node/base/netblock.h"

#include <catch2/catch.hpp>

namespace {

using sf::IpAddress;
using sf::Netblock;

IpAddress Ip(const char* text) { return IpAddress::Parse(text).value(); }
Netblock Block(const char* text) { return Netblock::Parse(text).value(); }

}  // namespace

TEST_CASE("IpAddress: four numbers with dots, and nothing else", "[netblock]") {
  CHECK(Ip("1.2.3.4").value == 0x01020304);
  CHECK(ToString(Ip("255.255.255.255")) == "255.255.255.255");
  CHECK(Ip("10.0.0.9") < Ip("10.0.0.10"));
  for (const char* text : {"", ".", "1.2.3", "1.2.3.", "1.2.3.4.", "1.2.3.4.5", "1.2.3.256",
                           "1.2.3.-4", "1.2.3.+4", " 1.2.3.4", "1.2.3.4 ", "1.2.3.04", "1.2.3.0x4",
                           "1.2.3.99999999999", "::1", "localhost", "1,2,3,4"}) {
    CAPTURE(text);
    CHECK(IpAddress::Parse(text).error().code == sf::Code::kInvalid);
  }
}

TEST_CASE("Netblock: parse and print", "[netblock]") {
  for (const char* text : {"10.0.0.0/8", "192.168.10.0/24", "1.2.3.4/32", "0.0.0.0/0"}) {
    CHECK(ToString(Block(text)) == text);
  }
  for (const char* text : {"", "/", "10.0.0.0", "10.0.0.0/", "/24", "10.0.0.0/33", "10.0.0.0/-1",
                           "10.0.0.0/024", "10.0.0.0/24 ", "10.0.0.0/24/24", "10.0.0/24",
                           "10.0.0.1/24", "10.0.0.0/4", "10.0.0.0/255.0.0.0"}) {
    CAPTURE(text);
    CHECK(Netblock::Parse(text).error().code == sf::Code::kInvalid);
  }
}

TEST_CASE("Netblock: its edges", "[netblock]") {
  const Netblock block = Block("192.168.10.64/26");
  CHECK(block.size() == 64);
  CHECK(block.netmask() == Ip("255.255.255.192"));
  CHECK(block.gateway() == Ip("192.168.10.65"));
  CHECK(block.broadcast() == Ip("192.168.10.127"));
  CHECK(block.At(63) == block.broadcast());
  CHECK_FALSE(block.Contains(Ip("192.168.10.63")));
  CHECK(block.Contains(Ip("192.168.10.64")));
  CHECK(block.Contains(Ip("192.168.10.127")));
  CHECK_FALSE(block.Contains(Ip("192.168.10.128")));

  CHECK(Block("0.0.0.0/0").size() == std::uint64_t{1} << 32);
  CHECK(Block("0.0.0.0/0").Contains(Ip("255.255.255.255")));
  CHECK(Block("0.0.0.0/0").broadcast() == Ip("255.255.255.255"));
}

TEST_CASE("Netblock: blocks overlap when one is in the other", "[netblock]") {
  CHECK(Block("10.0.0.0/8").Overlaps(Block("10.1.0.0/16")));
  CHECK(Block("10.1.0.0/16").Overlaps(Block("10.0.0.0/8")));
  CHECK_FALSE(Block("10.1.0.0/16").Overlaps(Block("10.2.0.0/16")));
}

TEST_CASE("Netblock: instances have neither its own address, nor the router's, nor the broadcast's",
          "[netblock]") {
  const Netblock block = Block("10.0.0.0/29");
  std::set<IpAddress> taken;
  while (const auto free = block.FirstFree(taken)) {
    CHECK(block.IsForInstances(*free));
    taken.insert(*free);
  }
  CHECK(taken ==
        std::set{Ip("10.0.0.2"), Ip("10.0.0.3"), Ip("10.0.0.4"), Ip("10.0.0.5"), Ip("10.0.0.6")});
  taken.erase(Ip("10.0.0.4"));
  CHECK(block.FirstFree(taken) == Ip("10.0.0.4"));
  for (const char* text : {"10.0.0.0", "10.0.0.1", "10.0.0.7", "10.0.0.8", "9.255.255.255"}) {
    CHECK_FALSE(block.IsForInstances(Ip(text)));
  }
}

TEST_CASE("Netblock: one too small for hosts, and one at the very end, have no free address",
          "[netblock]") {
  CHECK_FALSE(Block("10.0.0.0/30").FirstFree({Ip("10.0.0.2")}));
  CHECK_FALSE(Block("10.0.0.0/31").FirstFree({}));
  CHECK_FALSE(Block("255.255.255.255/32").FirstFree({}));
  CHECK(Block("255.255.255.248/29").FirstFree({}) == Ip("255.255.255.250"));
}
