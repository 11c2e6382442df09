// SPDX-License-Identifier: Apache-2.0
#include "node/reconcile/agent_run.h"

#include <sodium.h>

#include <string_view>

#include "compute/capacity.h"

namespace sf::reconcile {
namespace {

using nlohmann::json;

/// Of a file, in one packet. Agents read a few kilobytes at a time, and keep what is not whole.
constexpr std::size_t kChunkBytes = 8192;
constexpr int kMaxPackets = 32;  // at a time
/// How often it is seen whether there is room for more; a power of two.
constexpr std::uint64_t kRoomEvery = 1 << 20;
constexpr std::size_t kMaxMessage = 1000;
constexpr int kBase64 = sodium_base64_VARIANT_ORIGINAL;
constexpr int kRegularFile = 0100000;
constexpr int kDefaultMode = 0644;

std::string ToBase64(std::string_view bytes) {
  std::string text(sodium_base64_encoded_len(bytes.size(), kBase64), '\0');
  sodium_bin2base64(text.data(), text.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                    bytes.size(), kBase64);
  text.pop_back();  // The terminator.
  return text;
}

Result<std::string> FromBase64(std::string_view text) {
  std::string bytes(text.size() / 4 * 3 + 3, '\0');
  std::size_t size = 0;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), text.data(),
                        text.size(), nullptr, &size, nullptr, kBase64) != 0) {
    return Fail(Code::kCorrupt, "a chunk that is not base64");
  }
  bytes.resize(size);
  return bytes;
}

/// The text at `key`; empty if there is none.
std::string TextAt(const json& packet, const char* key) {
  const auto found = packet.find(key);
  return found != packet.end() && found->is_string() ? found->get<std::string>() : std::string();
}

bool Says(const json& packet, const char* key, bool value) {
  const auto found = packet.find(key);
  return found != packet.end() && *found == value;
}

std::string Message(const json& packet) {
  const std::string text = TextAt(packet, "message");
  return text.empty() ? "the agent does not say why" : text.substr(0, kMaxMessage);
}

/// Packets that say of no command in particular that it went wrong: it was the only one.
bool IsComplaint(std::string_view command) {
  return command == "command-error" || command == "unknown-command" ||
         command == "json-decode-failure";
}

/// What a command is called in the packet that asks for it.
std::string PacketName(const json& command) {
  const std::string name = TextAt(command, "command");
  return name == "put-blob" ? "put-file" : name;
}

}  // namespace

bool AgentRun::Go(const Line& line) {
  for (int packets = 0; !done() && line.has_room() && (!asked_ || put_at_); ++packets) {
    if (packets == kMaxPackets) return true;
    const auto packet = asked_ ? NextChunk() : Begin();
    if (packet) {
      asked_ = true;
      line.send(*packet);
    } else {
      Stop(packet.error().message);
    }
  }
  return false;
}

Result<json> AgentRun::Begin() {
  const std::string name = PacketName(Command());
  json packet = {{"command", name}, {"unique", Unique()}};
  if (name == "execute") {
    packet["command-line"] = Command().at("commandline");
    packet["block-for-result"] = true;
    return packet;
  }
  packet["path"] = Command().at("path");
  if (name == "chmod") {
    packet["mode"] = Command().at("mode");
  } else if (name == "get-file") {
    file_ = TRY(images::File::Create(files_.fetched));
    fetched_ = 0;
  } else {
    file_ = TRY(images::File::OpenForReading(
        files_.to_put.at(BlobId(Command().at("blob_uuid").get<std::string>()))));
    const std::uint64_t size = TRY(file_->Size());
    packet["stat_result"] = {{"mode", kRegularFile | kDefaultMode}, {"size", size}};
    put_at_ = 0;
  }
  return packet;
}

// A chunk of nothing is the end.
Result<json> AgentRun::NextChunk() {
  const std::string bytes = TRY(file_->ReadAt(*put_at_, kChunkBytes));
  json packet = {{"command", "put-file"}, {"unique", Unique()},   {"path", Command().at("path")},
                 {"offset", *put_at_},    {"encoding", "base64"}, {"chunk", nullptr}};
  if (bytes.empty()) {
    put_at_ = {};
  } else {
    packet["chunk"] = ToBase64(bytes);
    *put_at_ += bytes.size();
  }
  return packet;
}

void AgentRun::Hear(const Result<json>& packet) {
  if (done() || !asked_) return;
  // A packet that was no object may have been anything, but one that was too long was the answer.
  if (!packet && packet.error().code == Code::kTooLarge) return Stop(packet.error().message);
  if (!packet) return;
  const std::string name = TextAt(*packet, "command");
  if (IsComplaint(name)) return Stop(Message(*packet));
  if (name != PacketName(Command()) + "-response") return;
  if (TextAt(*packet, "unique") != Unique()) return;
  if (const auto heard = HearAnswer(*packet); !heard) Stop(heard.error().message);
}

Result<void> AgentRun::HearAnswer(const json& packet) {
  const std::string name = PacketName(Command());
  if (name == "execute") return HearExecuted(packet);
  if (Says(packet, "result", false)) return Fail(Code::kInternal, "{}", Message(packet));
  if (name == "get-file") return HearChunk(packet);
  if (put_at_) return Fail(Code::kCorrupt, "it was answered before all was sent");
  Done({{"path", Command().at("path")}});
  return {};
}

Result<void> AgentRun::HearExecuted(const json& packet) {
  const auto code = packet.find("return-code");
  if (code == packet.end() || !code->is_number_integer()) {
    return Fail(Code::kInternal, "{}", Message(packet));
  }
  Done({{"command-line", Command().at("commandline")},
        {"result", *code == 0},
        {"return-code", *code},
        {"stdout", TextAt(packet, "stdout")},
        {"stderr", TextAt(packet, "stderr")}});
  return {};
}

Result<void> AgentRun::HearChunk(const json& packet) {
  const auto chunk = packet.find("chunk");
  // The first packet tells what the file looks like, and no more: it may change while it is read.
  if (chunk == packet.end()) return {};
  const auto offset = packet.find("offset");
  if (offset == packet.end() || *offset != fetched_) {
    return Fail(Code::kCorrupt, "a chunk of another place than byte {}", fetched_);
  }
  const std::string bytes = TRY(FromBase64(TextAt(packet, "chunk")));
  if (!bytes.empty()) return Write(bytes);
  has_fetched_ = true;
  Done({{"path", Command().at("path")}, {"size", fetched_}});
  return {};
}

// The reserve is looked at as it goes: other guests may be writing as well.
Result<void> AgentRun::Write(std::string_view bytes) {
  if (bytes.size() > files_.most_bytes - fetched_) {
    return Fail(Code::kTooLarge, "the file has more than {} bytes", files_.most_bytes);
  }
  TRY(file_->WriteAt(fetched_, bytes));
  const bool look = (fetched_ ^ (fetched_ + bytes.size())) >= kRoomEvery;
  fetched_ += bytes.size();
  if (look &&
      TRY(compute::ReadDiskSpace(files_.fetched.parent_path())).free_bytes < files_.reserve_bytes) {
    return Fail(Code::kNoCapacity, "the node has no room for more of the file");
  }
  return {};
}

void AgentRun::Done(json result) {
  results_[std::to_string(at_)] = std::move(result);
  ++at_;
  asked_ = false;
  put_at_ = {};
  file_ = {};
}

void AgentRun::Stop(const std::string& why) {
  if (done()) return;
  error_ = fmt::format("{}: {}", TextAt(Command(), "command"), why);
  file_ = {};
}

}  // namespace sf::reconcile
