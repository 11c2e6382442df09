// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gossip/seal.h"

namespace sf::gossip {

/// The seal, or none: what a single host's nodes say to each other may go as it is.
///
/// Thread: loop.
class Envelope {
 public:
  Envelope(std::vector<Seal::Key> keys, BootId boot, std::size_t max_datagram)
      : boot_(boot), max_datagram_(max_datagram) {
    if (!keys.empty()) SetKeys(std::move(keys));
  }

  void SetKeys(std::vector<Seal::Key> keys) {
    if (seal_) return seal_->SetKeys(std::move(keys));
    seal_.emplace(std::move(keys), boot_, max_datagram_);
  }
  std::string Close(std::string text) { return seal_ ? seal_->Close(text) : std::move(text); }
  Seal::Opened Open(std::string_view bytes) {
    if (seal_) return seal_->Open(bytes);
    return {.drop = Drop::kNone, .text = std::string(bytes)};
  }
  std::size_t max_bytes() const { return max_datagram_ + Seal::kOverhead; }
  std::uint64_t Dropped(Drop reason) const { return seal_ ? seal_->Dropped(reason) : 0; }

 private:
  const BootId boot_;
  const std::size_t max_datagram_;
  std::optional<Seal> seal_;
};

}  // namespace sf::gossip
