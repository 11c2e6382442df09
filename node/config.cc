// SPDX-License-Identifier: Apache-2.0
#include "node/config.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

#include "node/command_line.h"
#include "node/config_options.h"
#include "node/option_names.h"

extern char** environ;  // NOLINT(readability-redundant-declaration): POSIX has us declare it.

namespace sf {
namespace {

constexpr std::string_view kSystemKeyVariable = "SHAKENFIST_SYSTEM_KEY";
/// Variables with our prefix that are not options: the clients' own, and the one above.
constexpr std::array<std::string_view, 6> kOtherVariables = {"API_URL", "NAMESPACE", "KEY",
                                                             "ASYNC",   "CACERT",    "SYSTEM_KEY"};

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r";
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

Result<void> ReadLine(std::string_view line, const std::string& origin, Settings& settings) {
  line = Trimmed(line);
  if (line.empty() || line.starts_with('#')) return {};
  const std::size_t equals = line.find('=');
  const std::string name(Trimmed(line.substr(0, equals)));
  if (equals == std::string_view::npos) {
    return Fail(Code::kInvalid, "{}: the line is not of the form NAME=value", origin);
  }
  if (FindOption(name) == nullptr) {
    return Fail(Code::kInvalid, "{}: {} is not an option; the nearest is {}", origin,
                Quotable(name), NearestOption(name));
  }
  const std::string value(Trimmed(line.substr(equals + 1)));
  if (value.starts_with('"') || value.starts_with('\'')) {
    return Fail(Code::kInvalid, "{}: write the value of {} without quotes", origin, name);
  }
  if (const auto [at, added] = settings.try_emplace(name, Setting{value, origin}); !added) {
    return Fail(Code::kInvalid, "{}: {} was given before, at {}; keep one of them", origin, name,
                at->second.origin);
  }
  return {};
}

/// `required`: it was asked for by name, so it has to be there.
Result<Settings> ReadFile(const std::string& path, bool required) {
  std::ifstream file(path);
  if (!file) {
    if (!required && errno == ENOENT) return Settings();
    return Fail(Code::kInvalid, "cannot read {}: {}", path, std::strerror(errno));
  }
  Settings settings;
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    TRY(ReadLine(line, fmt::format("{}:{}", path, number), settings));
  }
  if (file.bad()) return Fail(Code::kInvalid, "cannot read {}: {}", path, std::strerror(errno));
  return settings;
}

Result<Settings> ReadVariables(const Environment& environment) {
  Settings settings;
  for (const auto& [variable, value] : environment) {
    if (!variable.starts_with(kVariablePrefix)) continue;
    const std::string name = variable.substr(kVariablePrefix.size());
    if (FindOption(name) != nullptr) {
      settings[name] = {value, variable};
    } else if (std::find(kOtherVariables.begin(), kOtherVariables.end(), name) ==
               kOtherVariables.end()) {
      return Fail(Code::kInvalid, "the environment's {} is not an option; the nearest is {}{}",
                  variable, kVariablePrefix, NearestOption(name));
    }
  }
  return settings;
}

/// Gives `option` its value; afterwards `settings` also says so if that was the default.
Result<void> Apply(const ConfigOption& option, const HostFacts& host, Settings& settings,
                   Config& config) {
  const std::string name(option.name);
  if (!settings.contains(name)) {
    auto value = option.find == nullptr ? Result<std::string>(std::string(option.default_text))
                                        : option.find(host, config);
    if (!value) {
      return Fail(Code::kInvalid, "{} is not set: {}. Give it as {}, {}{} or in the file", name,
                  value.error().message, FlagOf(name), kVariablePrefix, name);
    }
    settings[name] = {*std::move(value), "default"};
  }
  const Setting& setting = settings[name];
  if (const auto set = option.set(config, setting.text); !set) {
    const std::string place = setting.origin == "default" ? name + " (default)" : setting.origin;
    const bool in_file = setting.origin.find(':') != std::string::npos;
    return Fail(Code::kInvalid, "{}{}: {}", place, in_file ? ": " + name : "", set.error().message);
  }
  return {};
}

Result<void> CheckTogether(const Config& config) {
  const auto& ports = config.console_ports;
  if (config.api_port >= ports.first && config.api_port <= ports.last) {
    return Fail(Code::kInvalid, "API_PORT {} lies in CONSOLE_PORTS {}-{}: move one of them",
                config.api_port, ports.first, ports.last);
  }
  if (config.api_port == config.gossip_port) {
    return Fail(Code::kInvalid, "API_PORT and GOSSIP_PORT are both {}: move one of them",
                config.api_port);
  }
  if (config.gossip_port >= ports.first && config.gossip_port <= ports.last) {
    return Fail(Code::kInvalid, "GOSSIP_PORT {} lies in CONSOLE_PORTS {}-{}: move one of them",
                config.gossip_port, ports.first, ports.last);
  }
  if (config.api_tls_cert.empty() != config.api_tls_key.empty()) {
    return Fail(Code::kInvalid, "{} is set without {}: HTTPS needs both, and plain HTTP neither",
                config.api_tls_cert.empty() ? "API_TLS_KEY" : "API_TLS_CERT",
                config.api_tls_cert.empty() ? "API_TLS_CERT" : "API_TLS_KEY");
  }
  return {};
}

std::string Describe(const Settings& settings, const Config& config) {
  std::string text;
  for (const ConfigGroup& group : ConfigGroups()) {
    for (const ConfigOption& option : group.options) {
      const Setting& setting = settings.find(option.name)->second;
      const std::string value = option.show == nullptr ? setting.text : option.show(config);
      text += fmt::format("{:<22} {:<44} {}\n", option.name, value, setting.origin);
    }
  }
  return text;
}

Result<std::optional<std::string>> ReadSystemKey(const std::string& file,
                                                 const Environment& environment) {
  const auto variable = environment.find(std::string(kSystemKeyVariable));
  const bool in_environment = variable != environment.end();
  if (file.empty() && !in_environment) return std::nullopt;
  if (!file.empty() && in_environment) {
    return Fail(Code::kInvalid, "--key-file and {} both give a key: keep one of them",
                kSystemKeyVariable);
  }
  std::string key = in_environment ? variable->second : "";
  if (!in_environment) {
    std::ifstream stream(file);
    if (!stream) return Fail(Code::kInvalid, "cannot read {}: {}", file, std::strerror(errno));
    std::getline(stream, key);
  }
  key = Trimmed(key);
  if (key.empty()) {
    return Fail(Code::kInvalid, "the key in {} is empty",
                in_environment ? std::string(kSystemKeyVariable) : file);
  }
  return key;
}

}  // namespace

Result<Invocation> ReadInvocation(const std::vector<std::string>& arguments,
                                  const Environment& environment, const HostFacts& host) {
  CommandLine line = TRY(ReadCommandLine(arguments));
  Invocation invocation;
  invocation.command = line.text.empty() ? line.command : Command::kPrint;
  invocation.text = std::move(line.text);
  invocation.json = line.json;
  invocation.backup_file = std::move(line.backup_file);
  invocation.replace = line.replace;
  if (!invocation.text.empty() || invocation.command == Command::kProbeKvm) return invocation;

  // What is there already wins in a merge: so the order is that of precedence.
  Settings settings = std::move(line.settings);
  settings.merge(TRY(ReadVariables(environment)));
  settings.merge(TRY(ReadFile(line.file.empty() ? std::string(kDefaultConfigFile) : line.file,
                              !line.file.empty())));
  for (const ConfigGroup& group : ConfigGroups()) {
    for (const ConfigOption& option : group.options) {
      TRY(Apply(option, host, settings, invocation.config));
    }
  }
  TRY(CheckTogether(invocation.config));

  if (invocation.command == Command::kPrint) {
    invocation.text = Describe(settings, invocation.config);
  } else if (invocation.command == Command::kBootstrapSystemKey) {
    invocation.key_name = line.key_name;
    invocation.system_key = TRY(ReadSystemKey(line.key_file, environment));
  }
  return invocation;
}

Environment ReadEnvironment() {
  Environment environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::size_t equals = text.find('=');
    if (equals != std::string_view::npos) {
      environment.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
  }
  return environment;
}

}  // namespace sf
