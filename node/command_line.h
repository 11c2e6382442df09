// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "node/base/result.h"
#include "node/config.h"

namespace sf {

/// A value as somebody wrote it, and where.
struct Setting {
  std::string text;
  std::string origin;
};
using Settings = std::map<std::string, Setting, std::less<>>;  // By the option's name.

struct CommandLine {
  Command command = Command::kRun;
  std::string text;  ///< Help or version, if that is what was asked for.
  Settings settings;
  std::string file;
  bool json = false;
  std::string backup_file;
  bool replace = false;
  bool defaults = false;
  std::string key_name = "bootstrap";
  std::string key_file;
};

/// What somebody typed: kInvalid when it cannot be understood, or shows everybody a secret.
Result<CommandLine> ReadCommandLine(const std::vector<std::string>& arguments);

}  // namespace sf
