// SPDX-License-Identifier: Apache-2.0
// Items of other nodes' adverts. Each is refused, and then has changed nothing, or can be said
// again and is then the same; and the directory of them all takes any under any key.
#include "gossip/advert.h"

#include <iterator>

#include "gossip/advert_codec.h"
#include "gossip/codec.h"
#include "gossip/directory.h"
#include "node/base/check.h"
#include "tests/fuzz/target.h"

namespace sf::fuzz {
namespace {

using namespace gossip;

template <class T>
void TryAs(std::string_view payload) {
  T read;
  if (!DecodeItem(payload, read)) {
    SF_CHECK(read == T());
    return;
  }
  T again;
  SF_CHECK(DecodeItem(EncodeItem(read), again) && again == read);
}

/// What `input` is cut into, announced under keys near the ends of their ranges.
void TryDirectory(std::string_view input) {
  constexpr std::uint32_t kKeys[] = {kIdentityKey,
                                     kCapacityKey,
                                     kRoleKey,
                                     kFirstMeshKey,
                                     kFirstMeshKey + 1,
                                     kFirstMeshKey + kMeshKeys,
                                     kFirstInstanceKey,
                                     kFirstInstanceKey + 1,
                                     kLastInstanceKey,
                                     kImagesKey,
                                     ~0u};
  Directory directory;
  std::uint64_t version = 0;
  for (Cutter cut(input); !cut.empty();) {
    Event event = {.kind = Event::Kind::kAnnounced, .said = {}, .item = {}};
    event.said.name = NodeId(cut.Flag() ? "n1" : "n2");
    event.said.boot = 1 + cut.Byte() % 8 / 7;
    if (cut.Byte() % 32 == 0) event.kind = Event::Kind::kForgotten;
    event.item.key = kKeys[cut.Byte() % std::size(kKeys)];
    event.item.version = ++version;
    event.item.payload = cut.Take(cut.Number(2) % (kMaxPayload + 1));
    (void)directory.On(event);
    SF_CHECK(directory.adverts().size() <= 2 && directory.malformed() <= version);
    for (const auto& [node, advert] : directory.adverts()) {
      SF_CHECK(advert.role.highest.term <= directory.highest().term);
      SF_CHECK(advert.instances.size() <= 3);  // one for each of its keys above
    }
  }
}

}  // namespace

void Try(std::string_view input) {
  TryDirectory(input);
  input = input.substr(0, kMaxPayload);
  TryAs<Identity>(input);
  TryAs<Capacity>(input);
  TryAs<Role>(input);
  TryAs<InstanceItem>(input);
  TryAs<MeshItem>(input);
}

std::vector<std::string> Seeds() {
  const Identity identity = {
      .version = "0.1.0", .api_port = 13000, .mesh_ip = 0x0a000001, .zone = "east"};
  const Capacity capacity = {
      .limit = {64, 262144, 4000}, .used = {50, 102400, -1}, .load_percent = 230};
  const Role role = {.highest = {.term = 7, .holder = NodeId("n1")}, .ready = true};
  const InstanceItem instance = {InstanceId("6f4b2a10-9c3d-4e5f-8a7b-100000000000"),
                                 {.state = "created", .power = "on"}};
  const MeshItem meshes = {1, 70000, 16777215};
  std::vector<std::string> seeds = {EncodeItem(identity), EncodeItem(capacity), EncodeItem(role),
                                    EncodeItem(instance), EncodeItem(meshes)};
  // All of them in the directory: who, which boot, what happened, key, length, payload.
  std::string announced;
  const char keys[] = {0, 1, 2, 6, 3};
  for (std::size_t i = 0; i < std::size(keys); ++i) {
    announced += {1, 0, 1, keys[i], 0, static_cast<char>(seeds[i].size())};
    announced += seeds[i];
  }
  seeds.push_back(announced);
  return seeds;
}

}  // namespace sf::fuzz
