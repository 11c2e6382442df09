// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "node/base/result.h"

namespace sf::compute {

/// The bytes that carry `packet`: "*SFv001*", its length as eight digits in brackets, JSON.
std::string ToAgentBytes(const nlohmann::json& packet);

/// Finds the packets in what a guest sends, which may be anything. Of a packet, an object, only
/// what stands in it as text, number, boolean or null is kept: what is nested in it could take many
/// times the memory that its bytes did, and nobody asks for it.
///
/// Invariant: holds no more than one packet of the largest size and what was fed last.
class AgentPacketReader {
 public:
  static constexpr std::size_t kMaxPacket = std::size_t{8} << 20;
  static constexpr std::size_t kMaxFields = 64;

  /// Once Next() has nothing left.
  void Feed(std::string_view bytes);
  /// kTooLarge: one that is longer than may be was begun, and is passed over; kCorrupt: one that is
  /// no JSON object. What is between packets is passed over without a word.
  std::optional<Result<nlohmann::json>> Next();

  std::size_t held() const { return buffer_.size() - at_; }

 private:
  bool FindHead();
  std::string_view Rest() const { return std::string_view(buffer_).substr(at_); }

  std::string buffer_;
  std::size_t at_ = 0;               ///< where in it what was not looked at begins
  std::optional<std::size_t> body_;  ///< the length of the packet whose head was found
  std::size_t skip_ = 0;             ///< of one that is too long: so many bytes are still to come
};

}  // namespace sf::compute
