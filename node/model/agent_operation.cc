// SPDX-License-Identifier: Apache-2.0
#include "node/model/agent_operation.h"

#include <array>
#include <utility>

namespace sf {
namespace {

using nlohmann::json;

constexpr std::array kStates = {
    std::pair{AgentOperationState::kQueued, "queued"},
    std::pair{AgentOperationState::kPreflight, "preflight"},
    std::pair{AgentOperationState::kExecuting, "executing"},
    std::pair{AgentOperationState::kComplete, "complete"},
    std::pair{AgentOperationState::kError, "error"},
    std::pair{AgentOperationState::kDeleted, "deleted"},
};

/// Takes from the front of `text` all that is of `letters`, and says whether that was anything.
bool Skip(std::string_view& text, std::string_view letters) {
  const std::size_t end = std::min(text.find_first_not_of(letters), text.size());
  text.remove_prefix(end);
  return end > 0;
}

}  // namespace

std::string_view ToString(AgentOperationState state) {
  for (const auto& [value, text] : kStates) {
    if (value == state) return text;
  }
  return "unknown";
}

Result<AgentOperationState> ParseAgentOperationState(std::string_view text) {
  for (const auto& [value, name] : kStates) {
    if (name == text) return value;
  }
  return Fail(Code::kInternal, "no such state of an agent operation: {}", text);
}

json PutBlobCommand(const BlobId& blob, const std::string& path) {
  return {{"command", "put-blob"}, {"blob_uuid", blob.value}, {"path", path}};
}

json ChmodCommand(const std::string& path, const json& mode) {
  return {{"command", "chmod"}, {"path", path}, {"mode", mode}};
}

json GetFileCommand(const std::string& path) { return {{"command", "get-file"}, {"path", path}}; }

json ExecuteCommand(const std::string& command_line) {
  return {{"command", "execute"}, {"commandline", command_line}, {"block-for-result", true}};
}

std::vector<BlobId> BlobsToPut(const json& commands) {
  std::vector<BlobId> blobs;
  for (const json& command : commands) {
    if (command.contains("blob_uuid")) blobs.emplace_back(command["blob_uuid"].get<std::string>());
  }
  return blobs;
}

bool IsSymbolicMode(std::string_view text) {
  for (;;) {
    Skip(text, "ugoa");
    do {
      if (text.empty() || std::string_view("+-=").find(text.front()) == std::string_view::npos) {
        return false;
      }
      text.remove_prefix(1);
      Skip(text, "rwxXstugo");
    } while (!text.empty() && text.front() != ',');
    if (text.empty()) return true;
    text.remove_prefix(1);
  }
}

}  // namespace sf
