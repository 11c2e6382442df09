// SPDX-License-Identifier: Apache-2.0
#include "node/command_line.h"

#include <CLI/CLI.hpp>

#include <algorithm>

#include "node/config_options.h"
#include "node/default_file.h"
#include "node/option_names.h"

namespace sf {
namespace {

void AddOptions(CLI::App& app, Settings& settings) {
  for (const ConfigGroup& group : ConfigGroups()) {
    for (const ConfigOption& option : group.options) {
      const std::string flag = FlagOf(option.name);
      const auto keep = [&settings, &option, flag](const std::string& text) {
        settings[std::string(option.name)] = {text, flag};
      };
      const std::string help =
          fmt::format("{}\n{}{}; default: {}", option.help, kVariablePrefix, option.name,
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
    {"backup", Command::kBackup},
    {"restore", Command::kRestore},
    {"check", Command::kCheck},
    {"clear-host", Command::kClearHost},
    {"probe-kvm", Command::kProbeKvm},
    {"config", Command::kPrint}};

void AddCommands(CLI::App& app, CommandLine& line) {
  app.add_subcommand("run", "Serve, until SIGTERM.");
  app.add_subcommand("migrate", "Bring the database's schema up to date, and end.");
  app.add_subcommand("members", "Print who this host's node sees in the cluster, and how they are.")
      ->add_flag("--json", line.json);
  app.add_subcommand("rotate-cluster-key",
                     "Give the cluster a new key for its gossip, without a stop.");
  app.add_subcommand(
         "backup",
         "Write all that the database has to FILE, or to standard output if that is -.\n"
         "It has secrets. Instances' disks and blobs are not in it.")
      ->add_option("FILE", line.backup_file)
      ->required();
  auto* const restore = app.add_subcommand(
      "restore",
      "Fill the database, which has to be empty, from FILE, or from standard input if that\n"
      "is -, while no node runs; with --replace, all that it has goes first.");
  restore->add_option("FILE", line.backup_file)->required();
  restore->add_flag("--replace", line.replace);
  app.add_subcommand("check", "Look at all that a node needs of its host, and say what to do.");
  app.add_subcommand(
      "clear-host",
      "Remove from this host what its daemon, which has to be stopped, has made: links,\n"
      "rules, container. STORAGE_PATH stays. Not while it has instances.");
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

/// Everybody on this host can list command lines.
Result<void> CheckSecrets(const Settings& settings) {
  for (const auto& [name, setting] : settings) {
    if (!FindOption(name)->is_secret || setting.text.starts_with('/')) continue;
    return Fail(Code::kInvalid,
                "{}: others can see it here: name a file that has it, or give it as {}{} or in the"
                " configuration file",
                setting.origin, kVariablePrefix, name);
  }
  return {};
}

}  // namespace

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
  app.add_option("--config", line.file, fmt::format("The file; default: {}", kDefaultConfigFile))
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
  TRY(CheckSecrets(line.settings));
  line.command = kCommands.at(given.front()->get_name());
  if (line.defaults) line.text = DefaultFile();
  return line;
}

}  // namespace sf
