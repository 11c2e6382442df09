// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "gossip/member.h"

namespace sf::gossip {

// What a node says of itself, and nobody else may. It travels as items (see Gossip::Announce), each
// so small that one change sends one datagram; what a reader does not know, it skips.

/// More than these are not told: they would not fit among the items of one owner.
constexpr std::size_t kMaxInstances = 3072;
constexpr std::size_t kMaxMeshes = 4096;
constexpr std::size_t kMaxImages = 188;
/// Of any text in an advert; longer ones are cut by the writer and refused by the reader.
constexpr std::size_t kMaxText = 64;

struct Identity {
  std::string version;         ///< of the software
  std::uint16_t api_port = 0;  ///< at the member's address
  std::uint32_t mesh_ip = 0;   ///< where its VXLAN devices end; host byte order
  std::string zone;
  bool api_tls = false;  ///< its API speaks HTTPS; a node that does not say so does not
  bool operator==(const Identity&) const = default;
};

struct Amounts {
  std::int64_t cpus = 0;
  std::int64_t memory_mb = 0;
  std::int64_t disk_gb = 0;
  bool operator==(const Amounts&) const = default;
};

struct Capacity {
  Amounts limit;  ///< what instances may take in all
  Amounts used;
  std::int64_t load_percent = 0;  ///< the host's one-minute load average, in hundredths
  bool operator==(const Capacity&) const = default;
};

/// Who serves the networks, counted by terms: the greater term is the newer truth.
struct Tenure {
  std::uint64_t term = 0;
  NodeId holder;
  bool operator==(const Tenure&) const = default;
};

struct Role {
  Tenure highest = {};  ///< that the author knows of
  bool ready = false;   ///< whether the author could serve, and ask for the row
  bool operator==(const Role&) const = default;
};

struct InstanceReport {
  std::string state;
  std::string power;
  bool operator==(const InstanceReport&) const = default;
};

/// What stands for an image in an advert: FNV-1a of its URL, or of the checksum that pins it, as
/// who names that means those bytes wherever they come from. A hint: two images may have the same.
constexpr std::uint32_t ImageMark(std::string_view url) {
  const std::size_t pin = url.find("#sha256=");
  if (pin != std::string_view::npos) url.remove_prefix(pin);
  std::uint32_t hash = 0x811c9dc5;
  for (const char c : url) hash = (hash ^ static_cast<unsigned char>(c)) * 0x01000193;
  return hash;
}

struct Advert {
  Identity identity;
  Capacity capacity;
  Role role;
  std::set<std::uint32_t> meshes;  ///< joined, by VNI
  std::set<std::uint32_t> images;  ///< marks of those in its cache that were used last
  std::map<InstanceId, InstanceReport> instances;
  bool operator==(const Advert&) const = default;
};

/// Turns an advert into as few items as say it, given what was said before.
///
/// Thread: loop. Invariant: an instance keeps its key for as long as it is told of, so that a
/// change of one does not resend another.
class AdvertWriter {
 public:
  struct Change {
    std::uint32_t key = 0;
    std::string payload;  ///< empty takes the item back
  };

  /// What is to be announced so that all know `advert`. Each change must be announced.
  std::vector<Change> Update(const Advert& advert);

 private:
  void Say(std::uint32_t key, std::string payload, std::vector<Change>& changes);
  void SayImages(const std::set<std::uint32_t>& images, std::vector<Change>& changes);
  void SayMeshes(const std::set<std::uint32_t>& meshes, std::vector<Change>& changes);
  void SayInstances(const std::map<InstanceId, InstanceReport>& instances,
                    std::vector<Change>& changes);

  std::map<std::uint32_t, std::string> said_;  // by key, without what was taken back
  std::map<InstanceId, std::uint32_t> slots_;
  std::set<std::uint32_t> free_slots_;  // below next_slot_
  std::uint32_t next_slot_ = 0;
};

}  // namespace sf::gossip
