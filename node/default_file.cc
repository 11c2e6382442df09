// SPDX-License-Identifier: Apache-2.0
#include "node/default_file.h"

#include <fmt/format.h>

#include "node/config_options.h"

namespace sf {

std::string DefaultFile() {
  std::string text =
      "# Options of sf-node. A flag or a variable SHAKENFIST_... wins over a line here. What is\n"
      "# commented out shows the default, in words where it depends on the host. Only SQL_URL has\n"
      "# none. `sf-node config` prints what is in force.\n";
  for (const ConfigGroup& group : ConfigGroups()) {
    text += fmt::format("\n# ---- {} ----\n", group.title);
    for (const ConfigOption& option : group.options) {
      std::string help = "\n" + std::string(option.help);
      for (std::size_t at = 0; (at = help.find('\n', at)) != std::string::npos; at += 3) {
        help.replace(at, 1, "\n# ");
      }
      const bool in_words = option.find != nullptr;
      text += help + (in_words ? fmt::format(" Default: {}.", option.default_text) : "") +
              fmt::format("\n#{}={}\n", option.name, in_words ? "" : option.default_text);
    }
  }
  return text;
}

}  // namespace sf
