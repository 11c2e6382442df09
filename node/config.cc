// SPDX-License-Identifier: Apache-2.0
#include "node/config.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <numeric>
#include <utility>

#include "node/config_options.h"
#include "node/default_file.h"

extern char** environ;  // NOLINT(readability-redundant-declaration): POSIX has us declare it.

namespace sf {
namespace {

constexpr std::string_view kPrefix = "SHAKENFIST_";
constexpr std::string_view kDefaultFile = "/etc/shakenfist/node.conf";
constexpr std::string_view kSystemKeyVariable = "SHAKENFIST_SYSTEM_KEY";
/// Variables with our prefix that are not options: the clients' own, and the one above.
constexpr std::array<std::string_view, 6> kOtherVariables = {"API_URL", "NAMESPACE", "KEY",
                                                             "ASYNC",   "CACERT",    "SYSTEM_KEY"};

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
  bool defaults = false;
  std::string key_name = "bootstrap";
  std::string key_file;
};

std::string FlagOf(std::string_view name) {
  std::string flag = "--";
  for (const char c : name) {
    flag += c == '_' ? '-' : c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return flag;
}

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r";
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

/// How many letters have to be changed, added or dropped to come from one to the other.
std::size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = std::exchange(row[j + 1], std::min({replaced, row[j] + 1, row[j + 1] + 1}));
    }
  }
  return row.back();
}

const ConfigOption* FindOption(std::string_view name) {
  for (const ConfigGroup& group : ConfigGroups()) {
    for (const ConfigOption& option : group.options) {
      if (option.name == name) return &option;
    }
  }
  return nullptr;
}

std::string_view NearestOption(std::string_view name) {
  std::string_view nearest;
  std::size_t least = std::string_view::npos;
  for (const ConfigGroup& group : ConfigGroups()) {
    for (const ConfigOption& option : group.options) {
      const std::size_t distance = EditDistance(name, option.name);
      if (distance < least) {
        least = distance;
        nearest = option.name;
      }
    }
  }
  return nearest;
}

/// Only what cannot be a secret in the wrong place is repeated in an error.
std::string Quotable(std::string_view argument) {
  const std::string_view word = argument.substr(0, argument.find('='));
  const bool plain = word.size() <= 40 && word.find_first_of("/@:% ") == std::string_view::npos;
  return plain ? fmt::format("'{}'", word) : "an argument (not repeated here)";
}

void AddOptions(CLI::App& app, Settings& settings) {
  for (const ConfigGroup& group : ConfigGroups()) {
    for (const ConfigOption& option : group.options) {
      const std::string flag = FlagOf(option.name);
      const auto keep = [&settings, &option, flag](const std::string& text) {
        settings[std::string(option.name)] = {text, flag};
      };
      const std::string help =
          fmt::format("{}\n{}{}; default: {}", option.help, kPrefix, option.name,
                      option.default_text.empty() ? "empty" : option.default_text);
      app.add_option_function<std::string>(flag, keep, help)
          ->type_name(std::string(option.value))
          ->group(std::string(group.title));
    }
  }
}

/// `argument` is one that neither we nor CLI11 know.
tl::unexpected<Error> UnknownArgument(const std::string& argument) {
  if (!argument.starts_with("--")) {
    return Fail(Code::kInvalid, "{} is no command, or one too many; see sf-node --help",
                Quotable(argument));
  }
  std::string name = argument.substr(2);
  std::transform(name.begin(), name.end(), name.begin(), [](char c) {
    return c == '-' ? '_' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return Fail(Code::kInvalid, "{} is not an option; the nearest is {}", Quotable(argument),
              FlagOf(NearestOption(name)));
}

/// As CLI11 takes them: from the back, and without "--name=", after which it would take the next
/// argument for a value that is meant to be empty.
std::vector<std::string> InReverse(const std::vector<std::string>& arguments) {
  std::vector<std::string> reversed;
  for (const std::string& argument : arguments) {
    const std::size_t equals = argument.starts_with("--") ? argument.find('=') : std::string::npos;
    reversed.push_back(argument.substr(0, equals));
    if (equals != std::string::npos) reversed.push_back(argument.substr(equals + 1));
  }
  std::reverse(reversed.begin(), reversed.end());
  return reversed;
}

const std::map<std::string, Command> kCommands = {
    {"run", Command::kRun},
    {"migrate", Command::kMigrate},
    {"bootstrap-system-key", Command::kBootstrapSystemKey},
    {"members", Command::kMembers},
    {"rotate-cluster-key", Command::kRotateClusterKey},
    {"check", Command::kCheck},
    {"probe-kvm", Command::kProbeKvm},
    {"config", Command::kPrint}};

void AddCommands(CLI::App& app, CommandLine& line) {
  app.add_subcommand("run", "Serve, until SIGTERM.");
  app.add_subcommand("migrate", "Bring the database's schema up to date, and end.");
  app.add_subcommand("members", "Print who this host's node sees in the cluster, and how they are.")
      ->add_flag("--json", line.json);
  app.add_subcommand("rotate-cluster-key",
                     "Give the cluster a new key for its gossip, without a stop.");
  app.add_subcommand("check", "Look at all that a node needs of its host, and say what to do.");
  app.add_subcommand("config",
                     "Print the options in force, and where each comes from; with --defaults,\n"
                     "a file of all of them to begin with.")
      ->add_flag("--defaults", line.defaults);
  app.add_subcommand("probe-kvm", "")->group("");
  auto* const bootstrap =
      app.add_subcommand("bootstrap-system-key",
                         "Give the namespace 'system' a key: the one in SHAKENFIST_SYSTEM_KEY,\n"
                         "the one in --key-file FILE, or a new one, which is printed.\n"
                         "It is called 'bootstrap', or what --key-name NAME says.");
  bootstrap->add_option("--key-name", line.key_name);
  bootstrap->add_option("--key-file", line.key_file);
}

Result<CommandLine> ReadCommandLine(const std::vector<std::string>& arguments) {
  CommandLine line;
  CLI::App app("The daemon of Shaken Fist, a deliberately minimal cloud.", "sf-node");
  app.set_version_flag("--version", "sf-node " SF_VERSION);
  app.get_formatter()->column_width(34);
  app.allow_extras();
  app.require_subcommand(0, 1);
  app.fallthrough();
  app.footer(
      fmt::format("\nEach option is looked for as a flag, then in the environment, then in the "
                  "file, which has\n"
                  "lines like NODE_IP=192.0.2.1 and comments that begin with #."));
  app.add_option("--config", line.file, fmt::format("The file; default: {}", kDefaultFile))
      ->type_name("FILE");
  AddOptions(app, line.settings);

  AddCommands(app, line);
  try {
    app.parse(InReverse(arguments));
  } catch (const CLI::CallForHelp&) {
    line.text = app.get_formatter()->make_help(&app, "sf-node", CLI::AppFormatMode::Normal);
    return line;
  } catch (const CLI::CallForVersion& version) {
    line.text = std::string(version.what()) + "\n";
    return line;
  } catch (const CLI::Error& error) {
    return Fail(Code::kInvalid, "{}; see sf-node --help", error.what());
  }
  if (const auto unknown = app.remaining(true); !unknown.empty()) {
    return UnknownArgument(unknown.front());
  }
  const auto given = app.get_subcommands();
  if (given.empty()) return Fail(Code::kInvalid, "no command is given; see sf-node --help");
  line.command = kCommands.at(given.front()->get_name());
  if (line.defaults) line.text = DefaultFile();
  return line;
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
    if (!variable.starts_with(kPrefix)) continue;
    const std::string name = variable.substr(kPrefix.size());
    if (FindOption(name) != nullptr) {
      settings[name] = {value, variable};
    } else if (std::find(kOtherVariables.begin(), kOtherVariables.end(), name) ==
               kOtherVariables.end()) {
      return Fail(Code::kInvalid, "the environment's {} is not an option; the nearest is {}{}",
                  variable, kPrefix, NearestOption(name));
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
                  value.error().message, FlagOf(name), kPrefix, name);
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
  if (!invocation.text.empty() || invocation.command == Command::kProbeKvm) return invocation;

  // What is there already wins in a merge: so the order is that of precedence.
  Settings settings = std::move(line.settings);
  settings.merge(TRY(ReadVariables(environment)));
  settings.merge(
      TRY(ReadFile(line.file.empty() ? std::string(kDefaultFile) : line.file, !line.file.empty())));
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
