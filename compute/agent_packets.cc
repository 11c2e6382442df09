// SPDX-License-Identifier: Apache-2.0
#include "compute/agent_packets.h"

#include <algorithm>
#include <utility>

#include "node/base/number.h"

namespace sf::compute {
namespace {

using nlohmann::json;

constexpr std::string_view kMarker = "*SFv001*";
constexpr std::size_t kDigits = 8;
constexpr std::size_t kHead = kMarker.size() + 1 + kDigits + 1;

/// Keeps the plain values of the outermost object. Its functions are called as nlohmann's sax
/// interface has it, and go on while they return true.
class PlainFields {
 public:
  bool null() { return Keep(nullptr); }
  bool boolean(bool value) { return Keep(value); }
  bool number_integer(std::int64_t value) { return Keep(value); }
  bool number_unsigned(std::uint64_t value) { return Keep(value); }
  bool number_float(double value, const std::string&) { return Keep(value); }
  bool string(std::string& value) { return Keep(std::move(value)); }
  bool binary(json::binary_t&) { return false; }
  bool start_object(std::size_t) { return ++depth_ > 0; }
  bool key(std::string& name) {
    if (depth_ == 1) key_ = std::move(name);
    return true;
  }
  bool end_object() { return --depth_ >= 0; }
  bool start_array(std::size_t) { return depth_++ > 0; }
  bool end_array() { return --depth_ >= 0; }
  bool parse_error(std::size_t, const std::string&, const json::exception&) { return false; }

  json Take() { return std::move(fields_); }

 private:
  template <class Value>
  bool Keep(Value&& value) {
    if (depth_ == 1) fields_[key_] = std::forward<Value>(value);
    return depth_ > 0 && fields_.size() <= AgentPacketReader::kMaxFields;
  }

  json fields_ = json::object();
  std::string key_;
  int depth_ = 0;
};

}  // namespace

std::string ToAgentBytes(const json& packet) {
  const std::string body = packet.dump(-1, ' ', false, json::error_handler_t::replace);
  return fmt::format("{}[{:08}]{}", kMarker, body.size(), body);
}

void AgentPacketReader::Feed(std::string_view bytes) {
  const std::size_t skipped = std::min(skip_, bytes.size());
  skip_ -= skipped;
  buffer_.erase(0, std::exchange(at_, 0));
  buffer_.append(bytes.substr(skipped));
  // What a large packet needed is not kept for small ones.
  if (buffer_.capacity() > kMaxPacket / 8 && buffer_.size() < kMaxPacket / 64) {
    buffer_.shrink_to_fit();
  }
}

std::optional<Result<json>> AgentPacketReader::Next() {
  if (!body_ && !FindHead()) return std::nullopt;
  if (*body_ > kMaxPacket) {
    const std::size_t length = *std::exchange(body_, std::nullopt);
    const std::size_t here = std::min(length, held());
    at_ += here;
    skip_ = length - here;
    return Fail(Code::kTooLarge, "a packet of {} bytes, and {} is the most", length, kMaxPacket);
  }
  if (held() < *body_) return std::nullopt;
  const std::string_view body = Rest().substr(0, *body_);
  at_ += *std::exchange(body_, std::nullopt);
  PlainFields fields;
  if (!json::sax_parse(body, &fields)) return Fail(Code::kCorrupt, "a packet that is no object");
  return fields.Take();
}

// Ends with everything before a head passed over, and that head read; or with what may still become
// the beginning of one.
bool AgentPacketReader::FindHead() {
  for (;;) {
    const std::string_view rest = Rest();
    const std::size_t found = rest.find(kMarker);
    if (found == std::string_view::npos) {
      at_ += rest.size() - std::min(rest.size(), kMarker.size() - 1);
      return false;
    }
    at_ += found;
    const std::string_view head = Rest().substr(0, kHead);
    if (head.size() < kHead) return false;
    const auto length = ToNumber<std::size_t>(head.substr(kMarker.size() + 1, kDigits));
    if (head[kMarker.size()] == '[' && head.back() == ']' && length) {
      at_ += kHead;
      body_ = *length;
      return true;
    }
    ++at_;
  }
}

}  // namespace sf::compute
