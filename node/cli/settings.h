// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "node/base/result.h"

namespace sf::cli {

/// Which server to ask, as whom, and how long to wait for what it has begun.
struct Settings {
  std::string url;  ///< without a slash at its end
  std::string name_space;
  std::string key;
  std::string authorities = {};     ///< PEM; whom to believe, beside those of the system, by https
  std::chrono::seconds patience{};  ///< with what was begun
  std::chrono::milliseconds timeout{60'000};  ///< of one call: a ping alone takes ten seconds
};

/// What may be said on the command line; empty: not said.
struct Flags {
  std::string url = {};
  std::string name_space = {};
  std::string key = {};
  std::string cacert = {};  ///< a file
  std::string async = {};
};

using Environment = std::map<std::string, std::string, std::less<>>;

/// Each setting comes from the first of: flags, environment, `files` in their order. One rule more:
/// a key in a file is never sent elsewhere than where that file says, so a file that stands for
/// another URL or namespace than was chosen before it is passed over whole.
///
/// A file that may not be read is passed over, too: /etc/sf/shakenfist.json may be the
/// administrators' own. kInvalid: nothing names a URL, a namespace or a key, or a file is broken,
/// or there is none where the authorities should be.
Result<Settings> ReadSettings(const Flags& flags, const Environment& environment,
                              const std::vector<std::filesystem::path>& files);

/// ~/.shakenfist, then /etc/sf/shakenfist.json.
std::vector<std::filesystem::path> SettingsFiles(const Environment& environment);

}  // namespace sf::cli
