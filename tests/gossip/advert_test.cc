// SPDX-License-Identifier: Apache-2.0
#include "gossip/advert.h"

#include <catch2/catch.hpp>

#include "gossip/advert_codec.h"
#include "gossip/codec.h"

namespace sf::gossip {
namespace {

InstanceId Uuid(int number) {
  const std::string digits = std::to_string(100000000000 + number);
  return InstanceId("6f4b2a10-9c3d-4e5f-8a7b-" + digits);
}

Advert Busy(int instances) {
  Advert advert;
  advert.identity = {.version = "0.1.0",
                     .api_port = 13000,
                     .mesh_ip = 0x0a000001,
                     .zone = "east",
                     .api_tls = true};
  advert.capacity = {.limit = {64, 262144, 4000}, .used = {50, 102400, 1000}, .load_percent = 230};
  advert.role = {.highest = {.term = 7, .holder = NodeId("node-12.example")}, .ready = true};
  for (std::uint32_t i = 0; i < 20; ++i) advert.meshes.insert(1000000 + 977 * i);
  for (int i = 0; i < instances; ++i) advert.instances[Uuid(i)] = {"created", "on"};
  return advert;
}

TEST_CASE("AdvertWriter: what did not change is not said again") {
  AdvertWriter writer;
  CHECK_FALSE(writer.Update(Busy(50)).empty());
  CHECK(writer.Update(Busy(50)).empty());
}

TEST_CASE("AdvertWriter: one change is one item") {
  AdvertWriter writer;
  Advert advert = Busy(50);
  (void)writer.Update(advert);

  advert.instances[Uuid(7)].power = "off";
  CHECK(writer.Update(advert).size() == 1);
  advert.role.ready = false;
  CHECK(writer.Update(advert).size() == 1);
  advert.capacity.load_percent = 5;
  CHECK(writer.Update(advert).size() == 1);
  advert.meshes.insert(4711);
  CHECK(writer.Update(advert).size() == 1);
  advert.images.insert(ImageMark("http://images.example/a.qcow2"));
  CHECK(writer.Update(advert).size() == 1);
  advert.instances[Uuid(50)] = {"initial", "off"};
  CHECK(writer.Update(advert).size() == 1);
}

TEST_CASE("AdvertWriter: the place of an instance that is gone is given to another") {
  AdvertWriter writer;
  Advert advert = Busy(3);
  (void)writer.Update(advert);
  advert.instances.erase(Uuid(1));
  const auto gone = writer.Update(advert);
  REQUIRE(gone.size() == 1);
  CHECK(gone[0].payload.empty());
  CHECK(writer.Update(advert).empty());

  advert.instances[Uuid(9)] = {"initial", "off"};
  const auto come = writer.Update(advert);
  REQUIRE(come.size() == 1);
  CHECK(come[0].key == gone[0].key);
}

TEST_CASE("AdvertWriter: instances that come and go at once are items of one change each") {
  AdvertWriter writer;
  Advert advert = Busy(3);
  (void)writer.Update(advert);
  advert.instances.erase(Uuid(0));
  advert.instances[Uuid(5)] = {"initial", "off"};
  const auto changes = writer.Update(advert);
  REQUIRE(changes.size() == 1);  // The one key now says the other.
  CHECK_FALSE(changes[0].payload.empty());
}

TEST_CASE("AdvertWriter: more than the limits allow is left out, and all that is told fits") {
  Advert advert = Busy(static_cast<int>(kMaxInstances) + 5);
  advert.identity.zone = std::string(3000, 'z') + "\n";
  advert.identity.version = "\x1b[2J";
  for (std::uint32_t vni = 0; vni < 20000; ++vni) advert.meshes.insert(0xff0000 + vni);
  for (std::uint32_t i = 0; i < 2 * kMaxImages; ++i) advert.images.insert(0xff000000 + i);
  AdvertWriter writer;
  const auto changes = writer.Update(advert);
  CHECK(changes.size() == 4 + kMeshKeys + kMaxInstances);
  for (const AdvertWriter::Change& change : changes) {
    REQUIRE(change.payload.size() <= kMaxPayload);
  }
  Identity identity;
  REQUIRE(DecodeItem(changes[1].payload, identity));
  CHECK(identity.zone == std::string(kMaxText, 'z'));
  CHECK(identity.version == "?[2J");
}

TEST_CASE("Advert items: what is written is read") {
  const Advert advert = Busy(1);
  Identity identity;
  Capacity capacity;
  Role role;
  InstanceItem instance;
  MeshItem meshes;
  CHECK(DecodeItem(EncodeItem(advert.identity), identity));
  CHECK(DecodeItem(EncodeItem(advert.capacity), capacity));
  CHECK(DecodeItem(EncodeItem(advert.role), role));
  CHECK(DecodeItem(EncodeItem(InstanceItem(*advert.instances.begin())), instance));
  CHECK(DecodeItem(EncodeItem(MeshItem{1, 70000, 16777215}), meshes));
  CHECK(identity == advert.identity);
  CHECK(capacity == advert.capacity);
  CHECK(role == advert.role);
  CHECK(instance == InstanceItem(*advert.instances.begin()));
  CHECK(meshes == MeshItem{1, 70000, 16777215});
}

TEST_CASE("ImageMark: who names the same bytes by their checksum means the same image") {
  CHECK(ImageMark("http://a.example/x") != ImageMark("http://a.example/y"));
  CHECK(ImageMark("http://a.example/x#sha256=00ff") == ImageMark("https://b.example/#sha256=00ff"));
  CHECK(ImageMark("http://a.example/x#sha256=00ff") != ImageMark("http://a.example/x"));
  STATIC_REQUIRE(ImageMark("http://a.example/x") == 0x3a5fa3f1);  // as all releases say it
}

TEST_CASE("Advert items: amounts below zero and at their ends survive") {
  const Capacity extreme = {.limit = {-1, INT64_MAX, INT64_MIN}, .used = {-200, -40000, 0}};
  Capacity read;
  REQUIRE(DecodeItem(EncodeItem(extreme), read));
  CHECK(read == extreme);
}

TEST_CASE("Advert items: fields that a newer node appended are skipped") {
  // ["1.0", 13000, 1, "", true, {"new": [1]}]
  const std::string newer = {
      "\x96\xa3"
      "1.0\xcd\x32\xc8\x01\xa0\xc3\x81\xa3new\x91\x01"};
  Identity identity;
  REQUIRE(DecodeItem(newer, identity));
  CHECK(identity.version == "1.0");
  CHECK(identity.api_port == 13000);
  CHECK(identity.api_tls);
}

TEST_CASE("Advert items: a node from before HTTPS speaks plain HTTP") {
  // ["1.0", 13000, 1, ""]
  const std::string older = {
      "\x94\xa3"
      "1.0\xcd\x32\xc8\x01\xa0"};
  Identity identity;
  identity.api_tls = true;
  REQUIRE(DecodeItem(older, identity));
  CHECK(identity.api_port == 13000);
  CHECK_FALSE(identity.api_tls);
}

TEST_CASE("Advert items: what is malformed is refused, and leaves what was there") {
  Role role = {.highest = {.term = 3, .holder = NodeId("a")}, .ready = true};
  const Role before = role;
  const std::string good = EncodeItem(before);
  for (std::size_t length = 0; length < good.size(); ++length) {
    CHECK_FALSE(DecodeItem(std::string_view(good).substr(0, length), role));
  }
  CHECK_FALSE(DecodeItem(good + "x", role));
  CHECK_FALSE(
      DecodeItem("\x93\x01\xa1"
                 "a\x01",
                 role));  // 1 is no truth
  CHECK_FALSE(
      DecodeItem("\x93\xff\xa1"
                 "a\xc3",
                 role));                                  // a term below zero
  CHECK_FALSE(DecodeItem("\x93\x01\xa1\x1b\xc3", role));  // a name that moves the cursor
  CHECK_FALSE(DecodeItem("\xdd\xff\xff\xff\xff", role));  // 4 billion fields
  CHECK_FALSE(
      DecodeItem("\x93\xcf\xff\xff\xff\xff\xff\xff\xff\xff\xa1"
                 "a\xc3",
                 role));                                    // a last term
  CHECK_FALSE(DecodeItem(std::string(900, '\x91'), role));  // depth
  CHECK(role == before);
  Identity identity;
  CHECK_FALSE(
      DecodeItem("\x94\xa1"
                 "1\xce\x00\x01\x00\x00\x01\xa0",
                 identity));  // port 65536
}

}  // namespace
}  // namespace sf::gossip
