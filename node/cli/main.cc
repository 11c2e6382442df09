// SPDX-License-Identifier: Apache-2.0
// sf: builds the command line from the table of nouns, runs the verb that was typed; nothing else.
#include <CLI/CLI.hpp>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <iostream>

#include "node/cli/api_client.h"
#include "node/cli/completion.h"
#include "node/cli/perform.h"
#include "node/cli/settings.h"
#include "node/cli/verb.h"

extern char** environ;  // NOLINT(readability-redundant-declaration): POSIX has us declare it.

namespace sf::cli {
namespace {

constexpr const char* kFooter =
    R"~(Settings: each comes from the first of the flags above, the environment
(SHAKENFIST_API_URL, SHAKENFIST_NAMESPACE, SHAKENFIST_KEY, SHAKENFIST_CACERT, SHAKENFIST_ASYNC),
~/.shakenfist and /etc/sf/shakenfist.json, which hold one JSON object:
{"apiurl": ..., "namespace": ..., "key": ...}.
A file for another URL or namespace than was chosen before it is passed over, so that no key goes
where it does not belong.

Exit status: 0 done; 1 refused, or it failed; 2 not understood; 3 no such object; 4 not
authenticated, or not allowed; 5 the server cannot be reached, or a part of it is away; 6 not ready,
or not done when patience ended. Errors are one line on standard error.

Example:
  sf namespace add-key team1 deploy - <key.txt
  sf --namespace team1 instance create web1 1 1024 -d 8@http://example.com/debian.qcow2
  sf --json instance list
  eval "$(sf completion bash)")~";

constexpr auto kCompletionTimeout = std::chrono::seconds(2);

/// What CLI11 fills in while it parses.
struct CommandLine {
  Flags flags;
  bool json = false;
  bool simple = false;
  bool pretty = false;
  std::string shell;

  /// A verb's own options, by Parameter::Key().
  struct Typed {
    const Verb* verb;
    CLI::App* app;
    std::vector<std::pair<const Parameter*, CLI::Option*>> options;
  };
  std::vector<Typed> verbs;

  Style style() const { return json ? Style::kJson : simple ? Style::kSimple : Style::kPretty; }
};

Environment ReadEnvironment() {
  Environment environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view pair = *entry;
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos) continue;
    environment.emplace(pair.substr(0, equals), pair.substr(equals + 1));
  }
  return environment;
}

Result<Settings> ReadSettings(const Flags& flags) {
  const Environment environment = ReadEnvironment();
  return ReadSettings(flags, environment, SettingsFiles(environment));
}

int Report(const Error& error) {
  std::fprintf(stderr, "sf: %s\n", Printable(error.message).c_str());
  return ExitCodeOf(error.code);
}

CLI::Option* AddParameter(CLI::App& app, const Parameter& parameter) {
  const std::string help(parameter.help);
  if (parameter.type == Type::kSwitch) return app.add_flag(std::string(parameter.name), help);
  const bool flag = parameter.IsFlag();
  CLI::Option* const option = app.add_option(flag ? std::string(parameter.name) : parameter.Key());
  option->description(help)->type_name(parameter.type == Type::kNumber ? "NUMBER" : "TEXT");
  option->required(parameter.IsRequired());
  if (parameter.type == Type::kMany) option->take_all();
  return option;
}

void AddVerb(CLI::App& noun_app, const Noun& noun, const Verb& verb, CommandLine& line) {
  CLI::App* const app = noun_app.add_subcommand(std::string(verb.name), std::string(verb.help));
  std::string calls;
  for (const Call& call : verb.calls) {
    calls += fmt::format("{}{} {}", calls.empty() ? "" : ", ", call.method, call.path);
  }
  app->footer(
      fmt::format("Asks the API: {}\nFlags of all commands: see sf --help\n\nExample:\n  sf {} {}",
                  calls, noun.name, verb.example));
  CommandLine::Typed typed{&verb, app, {}};
  for (const Parameter& parameter : verb.parameters) {
    typed.options.emplace_back(&parameter, AddParameter(*app, parameter));
  }
  line.verbs.push_back(std::move(typed));
}

void AddAll(CLI::App& app, CommandLine& line) {
  app.fallthrough();
  app.require_subcommand(1);
  app.footer(kFooter);
  app.set_version_flag("--version", "sf " SF_VERSION);
  app.add_option("--apiurl", line.flags.url, "The server, like https://192.0.2.11:13000");
  app.add_option("--namespace", line.flags.name_space, "Who asks");
  app.add_option("--key", line.flags.key, "Its key; others can see it here, so better use a file");
  app.add_option("--cacert", line.flags.cacert,
                 "A file of certificates (PEM), to believe beside those of the system");
  app.add_option("--async,--async-strategy", line.flags.async,
                 "How long to wait for what was begun: continue (not at all), pause (60 s, the "
                 "default) or block (an hour)");
  app.add_flag("--json", line.json, "Print exactly what the server said");
  app.add_flag("--simple", line.simple, "Print for scripts: key:value, and lists with commas");
  app.add_flag("--pretty", line.pretty, "Print for people (the default)");
  for (const Noun& noun : Nouns()) {
    CLI::App* const noun_app = app.add_subcommand(std::string(noun.name), std::string(noun.help));
    noun_app->require_subcommand(1);
    for (const Verb& verb : noun.verbs) AddVerb(*noun_app, noun, verb, line);
  }
  app.add_subcommand("version", "Print the version of this program");
  app.add_subcommand("completion", "Print a script that completes words for a shell")
      ->add_option("shell", line.shell, "bash or zsh")
      ->required();
}

/// A key that was given as "-", from standard input.
Result<std::string> ReadSecret() {
  std::string secret;
  if (!std::getline(std::cin, secret) || secret.empty()) {
    return Fail(Code::kInvalid, "there is no key on standard input");
  }
  return secret;
}

Result<Arguments> Collect(const CommandLine::Typed& typed) {
  Arguments arguments;
  for (const auto& [parameter, option] : typed.options) {
    if (option->count() == 0) continue;
    auto& values = arguments[parameter->Key()];
    if (parameter->type == Type::kSwitch) continue;
    values = option->results();
    if (parameter->type == Type::kSecret && values.back() == "-") values.back() = TRY(ReadSecret());
  }
  return arguments;
}

Result<void> Run(const CommandLine& line, const CommandLine::Typed& typed) {
  const Arguments arguments = TRY(Collect(typed));
  const nlohmann::json body = TRY(BodyOf(*typed.verb, arguments));
  ApiClient client(TRY(ReadSettings(line.flags)));
  TRY(Perform(client, *typed.verb, arguments, body, line.style(),
              [](const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }));
  return {};
}

std::vector<std::string> NamesAt(const Flags& flags, std::string_view path) {
  auto settings = ReadSettings(flags);
  if (!settings) return {};
  settings->patience = {};
  settings->timeout = kCompletionTimeout;
  const auto objects = ApiClient(*settings).Ask("GET", path);
  std::vector<std::string> names;
  if (!objects || !objects->is_array()) return names;
  for (const auto& object : *objects) {
    names.push_back(TextAt(object, object.contains("name") ? "name" : "uuid"));
  }
  return names;
}

/// `sf complete -- WORD...`, which the scripts for shells ask. Not CLI11's: what is half typed is
/// no command line yet.
int PrintCandidates(const std::vector<std::string>& words) {
  Flags flags;
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    if (words[i] == "--apiurl") flags.url = words[i + 1];
    if (words[i] == "--namespace") flags.name_space = words[i + 1];
    if (words[i] == "--key") flags.key = words[i + 1];
    if (words[i] == "--cacert") flags.cacert = words[i + 1];
  }
  for (const std::string& candidate :
       Complete(words, [&](std::string_view path) { return NamesAt(flags, path); })) {
    fmt::print("{}\n", candidate);
  }
  return 0;
}

int Dispatch(const CLI::App& app, const CommandLine& line) {
  const std::string noun = app.get_subcommands().front()->get_name();
  if (noun == "version") {
    fmt::print("sf {}\n", SF_VERSION);
    return 0;
  }
  if (noun == "completion") {
    const auto script = CompletionScript(line.shell);
    if (!script) return Report(script.error());
    fmt::print("{}", *script);
    return 0;
  }
  for (const CommandLine::Typed& typed : line.verbs) {
    if (!typed.app->parsed()) continue;
    const auto done = Run(line, typed);
    if (!done) return Report(done.error());
    // A full disk must not pass for success; a reader that has heard enough is none of ours.
    if (std::fflush(stdout) != 0 && errno != EPIPE) {
      return Report({Code::kInternal, std::strerror(errno)});
    }
    return 0;
  }
  return kExitUsage;  // Not reached: CLI11 wants a verb.
}

int Main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // `sf ... | head` is no failure of ours.
  if (argc > 2 && std::string_view(argv[1]) == "complete") {
    return PrintCandidates({argv + 3, argv + argc});
  }
  CLI::App app("The command line of Shaken Fist.", "sf");
  CommandLine line;
  AddAll(app, line);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& wish) {  // --help, --version
    return app.exit(wish);
  } catch (const CLI::ParseError& error) {
    // CLI11 misses the verb before it minds a word that it took for none.
    const std::vector<std::string> unknown = app.remaining(true);
    const std::string cause =
        unknown.empty() ? error.what() : fmt::format("'{}' is not known here", unknown.front());
    std::fprintf(stderr, "sf: %s (see --help)\n", cause.c_str());
    return kExitUsage;
  }
  return Dispatch(app, line);
}

}  // namespace
}  // namespace sf::cli

int main(int argc, char** argv) { return sf::cli::Main(argc, argv); }
