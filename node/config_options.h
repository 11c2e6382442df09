// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "node/config.h"

namespace sf {

/// One option, from which its flag, its variable, its key in the file and its help are made.
struct ConfigOption {
  std::string_view name;   ///< NODE_IP: --node-ip, SHAKENFIST_NODE_IP, NODE_IP=
  std::string_view value;  ///< What stands for the value in the help.
  std::string_view help;
  std::string_view default_text;  ///< The value itself, or with `find` what the help says of it.
  std::function<Result<void>(Config&, const std::string&)> set;
  /// The default, where it depends on the host or on the options above.
  Result<std::string> (*find)(const HostFacts&, const Config&) = nullptr;
  /// How the value is shown, if it is not to be shown as it is.
  std::string (*show)(const Config&) = nullptr;
  bool is_secret = false;  ///< not to be given as a flag, which a list of processes shows
};

struct ConfigGroup {
  std::string_view title;
  std::vector<ConfigOption> options;
};

/// All of them, in the order of the help.
const std::vector<ConfigGroup>& ConfigGroups();

}  // namespace sf
