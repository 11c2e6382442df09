// SPDX-License-Identifier: Apache-2.0
#include "gossip/directory.h"

#include <catch2/catch.hpp>

#include "gossip/advert_codec.h"
#include "gossip/gossip.h"

namespace sf::gossip {
namespace {

const NodeId kPeer("peer");

Event Announced(std::uint32_t key, std::string payload, BootId boot = 1) {
  return {.kind = Event::Kind::kAnnounced,
          .said = {.name = kPeer, .address = {}, .boot = boot},
          .item = {.key = key, .version = 1, .payload = std::move(payload)}};
}
Event Of(Event::Kind kind, BootId boot = 1) {
  return {.kind = kind, .said = {.name = kPeer, .address = {}, .boot = boot}};
}

/// A node that says `advert`, heard by a directory.
struct Author {
  AdvertWriter writer;
  bool Say(const Advert& advert, Directory& directory) {
    bool changed = false;
    for (const AdvertWriter::Change& change : writer.Update(advert)) {
      changed |= directory.On(Announced(change.key, change.payload));
    }
    return changed;
  }
};

Advert Some() {
  Advert advert;
  advert.identity = {.version = "1", .api_port = 13000, .mesh_ip = 5, .zone = "z"};
  advert.role = {.highest = {.term = 2, .holder = kPeer}, .ready = true};
  advert.meshes = {1, 2, 300, 16000000};
  advert.images = {7, 0xffffffff};
  advert.instances = {{InstanceId("a"), {"created", "on"}}, {InstanceId("b"), {"error", "off"}}};
  return advert;
}

TEST_CASE("Directory: shows each advert as its owner last said it") {
  Directory directory;
  Author author;
  CHECK(directory.Find(kPeer) == nullptr);
  Advert advert = Some();
  CHECK(author.Say(advert, directory));
  CHECK(*directory.Find(kPeer) == advert);

  advert.meshes.erase(300);
  advert.images = {8};
  advert.instances.erase(InstanceId("a"));
  advert.instances[InstanceId("b")].state = "deleted";
  advert.instances[InstanceId("c")] = {"initial", ""};
  advert.role.highest.term = 9;
  CHECK(author.Say(advert, directory));
  CHECK(*directory.Find(kPeer) == advert);

  CHECK(author.Say({}, directory));
  CHECK(*directory.Find(kPeer) == Advert{});
}

TEST_CASE("Directory: an instance under a new key survives the late farewell under its old one") {
  Directory directory;
  const InstanceItem instance = {InstanceId("a"), {"created", "on"}};
  (void)directory.On(Announced(kFirstInstanceKey, EncodeItem(instance)));
  (void)directory.On(Announced(kFirstInstanceKey + 5, EncodeItem(instance)));
  (void)directory.On(Announced(kFirstInstanceKey, ""));
  CHECK(directory.Find(kPeer)->instances.contains(InstanceId("a")));
  (void)directory.On(Announced(kFirstInstanceKey + 5, ""));
  CHECK(directory.Find(kPeer)->instances.empty());
}

TEST_CASE("Directory: a new life begins with nothing said") {
  Directory directory;
  Author author;
  (void)author.Say(Some(), directory);
  CHECK_FALSE(directory.On(Of(Event::Kind::kSuspected)));
  CHECK_FALSE(directory.On(Of(Event::Kind::kRecovered)));
  CHECK_FALSE(directory.On(Of(Event::Kind::kLeft)));
  CHECK(directory.Find(kPeer) != nullptr);
  CHECK(directory.On(Of(Event::Kind::kRestarted, 2)));
  CHECK(directory.Find(kPeer) == nullptr);

  // Even if the news of that life is first heard by what is said in it.
  (void)directory.On(
      Announced(kRoleKey, EncodeItem(Role{.highest = {.term = 3, .holder = {}}}), 2));
  (void)directory.On(Announced(kIdentityKey, EncodeItem(Some().identity), 3));
  CHECK(directory.Find(kPeer)->role == Role{});
  CHECK(directory.On(Of(Event::Kind::kForgotten, 3)));
  CHECK(directory.adverts().empty());
}

TEST_CASE("Directory: what it cannot read is counted, and what it does not know is skipped") {
  Directory directory;
  Author author;
  (void)author.Say(Some(), directory);
  CHECK_FALSE(directory.On(Announced(kRoleKey, "rubbish")));
  CHECK_FALSE(directory.On(Announced(kFirstInstanceKey, "\x93")));
  CHECK_FALSE(directory.On(Announced(kFirstMeshKey, "\x91\xa1x")));
  CHECK(directory.malformed() == 3);
  CHECK_FALSE(directory.On(Announced(0xffffffff, "rubbish")));
  CHECK(directory.malformed() == 3);
  CHECK(*directory.Find(kPeer) == Some());
}

// What the whole view of a large cluster costs, and one change in it. As it is on the wire: 10
// bytes of key, version and length for each item beside its payload.
TEST_CASE("Directory: the view of 100 nodes with 50 instances each is a third of a megabyte") {
  constexpr std::size_t kEnvelope = 10;
  std::size_t bytes = 0;
  std::size_t items = 0;
  for (int node = 0; node < 100; ++node) {
    Advert advert = Some();
    advert.meshes.clear();
    advert.instances.clear();
    for (int i = 0; i < 50; ++i) {
      const std::string digits = std::to_string(100000000000 + node * 50 + i);
      advert.instances[InstanceId("6f4b2a10-9c3d-4e5f-8a7b-" + digits)] = {"created", "on"};
      advert.meshes.insert(static_cast<std::uint32_t>(1000003 * (i % 20) + 77) & 0xffffffU);
    }
    AdvertWriter writer;
    for (const AdvertWriter::Change& change : writer.Update(advert)) {
      bytes += change.payload.size() + kEnvelope;
      ++items;
    }
  }
  INFO(items << " items, " << bytes << " bytes");
  CHECK(items < 100 * 75);
  CHECK(bytes < 350'000);
}

}  // namespace
}  // namespace sf::gossip
