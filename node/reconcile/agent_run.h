// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "images/file.h"
#include "node/base/result.h"
#include "node/model/agent_operation.h"

namespace sf::reconcile {

/// The commands of one agent operation, as packets: what is sent for each in its turn, and what is
/// made of the answers. Whoever answers is a stranger: it is taken at no word that costs more than
/// `most_bytes` of disk, and what does not fit its question ends the run.
///
/// Thread: any one; reads and writes files.
class AgentRun {
 public:
  /// Files that commands need, made before and removed after by the owner of the run.
  struct Files {
    std::map<BlobId, std::filesystem::path> to_put = {};
    std::filesystem::path fetched = {};  ///< what get-file writes to
    std::uint64_t most_bytes = 0;        ///< that it may write
    std::uint64_t reserve_bytes = 0;     ///< of the disk, to be left alone
  };
  /// The way to the agent.
  struct Line {
    std::function<void(const nlohmann::json&)> send;
    std::function<bool()> has_room;  ///< for one packet more, now
  };

  AgentRun(AgentOperation operation, Files files)
      : operation_(std::move(operation)), files_(std::move(files)) {}

  /// Sends what there is to send now: to be called first, and whenever there is room again. True:
  /// there is more, and it ended so that others have their turn.
  bool Go(const Line& line);
  /// An answer, or what came in its place. What is for nobody is passed over.
  void Hear(const Result<nlohmann::json>& packet);

  bool done() const { return error_ || at_ == operation_.commands.size(); }
  /// It is over, for this reason. Of a run that is over nothing changes any more.
  void Stop(const std::string& why);
  /// What has failed, and why.
  const std::optional<std::string>& error() const { return error_; }
  /// By the position of the command; stdout and stderr as they came, however long.
  const nlohmann::json& results() const { return results_; }
  /// Whether the file for what is fetched is complete.
  bool has_fetched() const { return has_fetched_; }
  const AgentOperation& operation() const { return operation_; }
  const Files& files() const { return files_; }

 private:
  const nlohmann::json& Command() const { return operation_.commands[at_]; }
  std::string Unique() const { return fmt::format("{}:{}", operation_.uuid, at_); }
  Result<nlohmann::json> Begin();
  Result<nlohmann::json> NextChunk();
  Result<void> HearAnswer(const nlohmann::json& packet);
  Result<void> HearExecuted(const nlohmann::json& packet);
  Result<void> HearChunk(const nlohmann::json& packet);
  Result<void> Write(std::string_view bytes);
  void Done(nlohmann::json result);

  const AgentOperation operation_;
  const Files files_;
  std::size_t at_ = 0;  ///< of the command under way
  bool asked_ = false;  ///< its first packet is sent
  std::optional<images::File> file_;
  std::optional<std::uint64_t>
      put_at_;                 ///< how much of file_ is sent; none: all, or nothing to send
  std::uint64_t fetched_ = 0;  ///< bytes
  bool has_fetched_ = false;
  nlohmann::json results_ = nlohmann::json::object();
  std::optional<std::string> error_;
};

}  // namespace sf::reconcile
