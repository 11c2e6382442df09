// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sodium.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "node/base/result.h"

namespace sf {

/// What a backup says of itself at its beginning.
struct BackupHead {
  int schema = 0;  ///< the version that its tables have
  std::string cluster_id;
  std::string release;
  std::string taken_at;
};

/// A backup is lines of JSON: the head, then the parts of a dump (store/dump.h), then how many they
/// were and the SHA-256 of all before. That finds damage, and not who has forged all of it.
class BackupWriter {
 public:
  explicit BackupWriter(std::FILE* file);

  Result<void> Begin(const BackupHead& head);
  Result<void> Add(const nlohmann::json& part);
  Result<void> End();
  std::uint64_t lines() const { return lines_; }

 private:
  Result<void> Write(const nlohmann::json& line);

  std::FILE* file_;
  crypto_hash_sha256_state sum_;
  std::uint64_t lines_ = 0;
};

/// Reads a backup from where `file` is. Each error is kCorrupt, and says what is wrong with it.
class BackupReader {
 public:
  explicit BackupReader(std::FILE* file);

  Result<BackupHead> Begin();
  /// The next part; none at the end, which is then the right one. A table or column that it names
  /// has a name that may stand in SQL; a row has a text or null for each column.
  Result<std::optional<nlohmann::json>> Next();

 private:
  Result<nlohmann::json> ReadLine();
  Result<void> CheckEnd(const nlohmann::json& end);

  std::FILE* file_;
  crypto_hash_sha256_state sum_;
  std::string line_;
  std::uint64_t lines_ = 0;
  std::optional<std::size_t> columns_;  ///< of the table whose rows come
};

/// The head of a backup, all of which was read and is as it was written; `file` is at its beginning
/// again.
Result<BackupHead> CheckBackup(std::FILE* file);

}  // namespace sf
