// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gossip/advert.h"

namespace sf::gossip {

/// The items of an advert as msgpack, each an array of fields under a key of its own.
///
/// They grow as the messages do (codec.h): fields are only ever appended and keys only ever added,
/// and a reader skips those that it does not know. What comes in is another node's: it is checked
/// before it is believed, and nothing here throws.

constexpr std::uint32_t kIdentityKey = 1;
constexpr std::uint32_t kCapacityKey = 2;
constexpr std::uint32_t kRoleKey = 3;
constexpr std::uint32_t kImagesKey = 4;
/// Meshes are spread over these by hash, so that joining one resends few others.
constexpr std::uint32_t kFirstMeshKey = 0x100;
constexpr std::uint32_t kMeshKeys = 32;
constexpr std::size_t kMeshesPerItem = 188;  ///< of 5 bytes, and 3 before them: fits kMaxPayload
constexpr std::uint32_t kFirstInstanceKey = 0x10000;
constexpr std::uint32_t kLastInstanceKey = 0x1ffff;

using InstanceItem = std::pair<InstanceId, InstanceReport>;
using MeshItem = std::vector<std::uint32_t>;
using MarkItem = MeshItem;  ///< the marks of images

std::string EncodeItem(const Identity& identity);
std::string EncodeItem(const Capacity& capacity);
std::string EncodeItem(const Role& role);
std::string EncodeItem(const InstanceItem& instance);
std::string EncodeItem(const MeshItem& meshes);

/// False if it is not that; `out` is then as it was.
bool DecodeItem(std::string_view payload, Identity& out);
bool DecodeItem(std::string_view payload, Capacity& out);
bool DecodeItem(std::string_view payload, Role& out);
bool DecodeItem(std::string_view payload, InstanceItem& out);
bool DecodeItem(std::string_view payload, MeshItem& out);

}  // namespace sf::gossip
