// SPDX-License-Identifier: Apache-2.0
// A stream of frames means the same however it is cut, and never more is kept of it than one frame.
#include "gossip/transport_frames.h"

#include "node/base/check.h"
#include "tests/fuzz/target.h"

namespace sf::fuzz {
namespace {

using gossip::FrameReader;

constexpr std::size_t kMaxFrame = 1232;
constexpr std::size_t kMaxBytes = 3000;

/// What one reader made of a stream.
struct Reading {
  std::vector<std::string> frames;
  bool refused = false;
};

/// In pieces of the sizes that `cut` says; what is left of the stream when `cut` is at its end, at
/// once.
Reading ReadInPieces(std::string_view stream, Cutter cut) {
  FrameReader reader(kMaxFrame, kMaxBytes);
  Reading reading;
  while (!stream.empty() && !reading.refused) {
    const std::size_t size = cut.empty() ? stream.size() : 1 + cut.Byte() % 64;
    const std::string_view piece = stream.substr(0, size);
    stream.remove_prefix(piece.size());
    reading.refused = !reader.Read(piece, [&](std::string_view frame) {
      SF_CHECK(frame.size() <= kMaxFrame);
      reading.frames.emplace_back(frame);
      return frame != "stop";
    });
    SF_CHECK(reading.refused || reader.begun() < FrameReader::kLength + kMaxFrame);
  }
  return reading;
}

}  // namespace

void Try(std::string_view input) {
  Cutter cutter(input);
  const std::string_view sizes = cutter.Take(cutter.Byte());
  const std::string_view stream = input.substr(std::min(input.size(), 1 + sizes.size()));
  const Reading whole = ReadInPieces(stream, Cutter({}));
  const Reading pieces = ReadInPieces(stream, Cutter(sizes));

  std::string again;
  for (const std::string& frame : pieces.frames) FrameReader::Append(again, frame);
  SF_CHECK(stream.starts_with(again));
  SF_CHECK(whole.refused == pieces.refused);
  // A stream that is too long is refused sooner if it comes at once.
  if (stream.size() <= kMaxBytes) SF_CHECK(whole.frames == pieces.frames);
}

std::vector<std::string> Seeds() {
  std::string stream;
  for (const std::size_t size : {3U, 0U, 60U, 255U, 256U, 1232U}) {
    FrameReader::Append(stream, std::string(size, 'x'));
  }
  std::string stopped = stream.substr(0, 70);
  FrameReader::Append(stopped, "stop");
  return {std::string(1, '\0') + stream, "\x05\x01\x02\x03\x3f\x40" + stream, "\x01\x07" + stopped,
          std::string("\x02\x01\x01\xff\xff", 5) + stream};
}

}  // namespace sf::fuzz
