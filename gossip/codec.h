// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gossip/messages.h"

namespace sf::gossip {

/// Packets as msgpack: [version, from, boot, part...], a part being [kind, field...].
///
/// How it grows: fields are only ever appended to a part, and kinds only ever added. A reader skips
/// fields and parts that it does not know, so an older and a newer node understand each other; a
/// change that breaks this takes a new version, and nodes skip packets of a version above theirs.
/// What is appended is made of nil, booleans, numbers, bytes, strings of up to kMaxName and arrays:
/// anything else is refused before it is looked at.
///
/// What comes in is a stranger's: nothing is believed before it is checked, no length is trusted,
/// nothing here throws or aborts. A packet with one malformed part is refused as a whole.

constexpr std::uint8_t kWireVersion = 1;
constexpr std::size_t kMaxName = 64;
constexpr std::size_t kMaxPayload = 960;  ///< of one item: with its envelope it fits in a datagram

/// One part as bytes, to be sent to several members without being encoded again.
std::string EncodePart(const Part& part);

/// Encoded parts to one receiver, joined into datagrams of at most `limit` bytes each. A part that
/// is longer than that on its own is left out; the limits above see to it that there is none.
std::vector<std::string> Assemble(const NodeId& from, BootId boot,
                                  std::span<const std::string> parts, std::size_t limit);

/// Nothing if it is not a packet that we may believe.
std::optional<Packet> Decode(std::string_view datagram);

}  // namespace sf::gossip
