// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>

#include "node/cli/api_client.h"

namespace sf::cli {

/// The line that says, on a terminal and nowhere else, how a wait goes; gone when it is over, by
/// Ctrl-C as well.
///
/// Thread: any one; one object at a time.
class Progress {
 public:
  explicit Progress(ApiClient& client);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// How far `object` (as its GET shows it) is, with its own bytes or those of the images that it
  /// waits for.
  void Show(const nlohmann::json& object);
  /// How many bytes of how many are done.
  void ShowBytes(const std::string& what, std::uint64_t done, std::uint64_t total);

 private:
  std::string Bytes(const nlohmann::json& object);

  ApiClient& client_;
  const bool visible_;
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

/// " image 12 of 30 MiB", of those `artifacts` that are being fetched for a disk of `instance`.
std::string DescribeImages(const nlohmann::json& instance, const nlohmann::json& artifacts);

}  // namespace sf::cli
