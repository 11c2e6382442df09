// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sf::gossip {

/// What a stream is cut into: two bytes of length, the greater one first, and so many bytes.
///
/// Thread: loop.
class FrameReader {
 public:
  static constexpr std::size_t kLength = 2;

  FrameReader(std::size_t max_frame, std::size_t max_bytes)
      : max_frame_(max_frame), max_bytes_(max_bytes) {}

  /// Gives each frame that `bytes` complete to `take`. False, and no more is to be read, if the
  /// stream or a frame is longer than it may be, or if `take` says so.
  template <class Take>
  bool Read(std::string_view bytes, const Take& take) {
    read_ += bytes.size();
    if (read_ > max_bytes_) return false;
    begun_ += bytes;
    std::string_view rest = begun_;
    while (rest.size() >= kLength) {
      const std::size_t length = LengthOf(rest);
      if (length > max_frame_) return false;
      if (rest.size() < kLength + length) break;
      if (!take(rest.substr(kLength, length))) return false;
      rest.remove_prefix(kLength + length);
    }
    begun_.erase(0, begun_.size() - rest.size());
    return true;
  }

  /// Bytes of a frame that is not complete yet.
  std::size_t begun() const { return begun_.size(); }

  static void Append(std::string& stream, std::string_view frame) {
    stream += static_cast<char>(frame.size() >> 8);
    stream += static_cast<char>(frame.size());
    stream += frame;
  }

 private:
  static std::size_t LengthOf(std::string_view frame) {
    return static_cast<std::size_t>(static_cast<unsigned char>(frame[0])) << 8 |
           static_cast<unsigned char>(frame[1]);
  }

  const std::size_t max_frame_;
  const std::size_t max_bytes_;
  std::size_t read_ = 0;
  std::string begun_;
};

}  // namespace sf::gossip
