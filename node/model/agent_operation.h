// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "node/base/id.h"
#include "node/base/result.h"

namespace sf {

using AgentOperationId = Id<struct AgentOperationTag>;

/// queued -> preflight -> executing -> complete; error from any of the first three, deleted from
/// all. Preflight brings what is to be put to the node, and may be repeated; what has been
/// executing is never begun again, as nobody knows how far it came.
enum class AgentOperationState {
  kQueued,
  kPreflight,
  kExecuting,
  kComplete,
  kError,
  kDeleted,
};

std::string_view ToString(AgentOperationState state);
Result<AgentOperationState> ParseAgentOperationState(std::string_view text);

/// What the agent inside an instance is asked to do: commands, one after the other.
struct AgentOperation {
  AgentOperationId uuid;
  NamespaceId name_space;
  InstanceId instance;
  AgentOperationState state = AgentOperationState::kQueued;
  nlohmann::json commands = nlohmann::json::array();  ///< as clients are shown them
  nlohmann::json results = nlohmann::json::object();  ///< by the position of the command, as text
  std::string error_message;
  double age_s = 0;  ///< since it was asked for, by the database's clock, when it was read
  std::int64_t version = 0;
};

// Commands.
nlohmann::json PutBlobCommand(const BlobId& blob, const std::string& path);
/// `mode`: a number, or symbolic as for chmod(1).
nlohmann::json ChmodCommand(const std::string& path, const nlohmann::json& mode);
nlohmann::json GetFileCommand(const std::string& path);
nlohmann::json ExecuteCommand(const std::string& command_line);

/// The blobs that commands put.
std::vector<BlobId> BlobsToPut(const nlohmann::json& commands);

/// Whether `text` is a mode as chmod(1) has it in letters: "u+x,go=r".
bool IsSymbolicMode(std::string_view text);

}  // namespace sf
