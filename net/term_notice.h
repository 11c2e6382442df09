// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// What a node that serves networks says in them to other nodes: "they are served in this term". A
// former holder that neither gossip nor the database can tell hears of its successor by this.
//
// Guests share these meshes, so a notice is genuine only under a key that the cluster's nodes have.
// Guests can hear one and repeat it, but it stays true, as terms only grow.
namespace sf::net {

/// One of the two that are free for local use (IEEE 802).
inline constexpr std::uint16_t kTermNoticeType = 0x88b5;

using TermKey = std::array<std::uint8_t, 32>;

/// The key of all nodes that share `secret`.
TermKey MakeTermKey(std::string_view secret);

/// The payload of a frame of kTermNoticeType.
std::string TermNotice(std::uint64_t term, const TermKey& key);
/// Nothing unless these are the bytes of a notice, made with this key.
std::optional<std::uint64_t> ReadTermNotice(std::string_view bytes, const TermKey& key);

}  // namespace sf::net
