// SPDX-License-Identifier: Apache-2.0
#include "node/cli/settings.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

namespace sf::cli {
namespace {

using nlohmann::json;

std::string Variable(const Environment& environment, std::string_view name) {
  const auto found = environment.find(name);
  return found == environment.end() ? "" : found->second;
}

std::string First(const std::string& a, const std::string& b) { return a.empty() ? b : a; }

std::string WithoutSlash(std::string url) {
  while (url.ends_with('/')) url.pop_back();
  return url;
}

/// Nothing if there is no such file, or none that we may read.
Result<std::optional<Settings>> ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path);
  if (!file) return std::nullopt;
  std::ostringstream text;
  text << file.rdbuf();
  const json object = json::parse(text.str(), nullptr, false);
  if (!object.is_object()) return Fail(Code::kInvalid, "{}: not a JSON object", path.string());
  Settings settings;
  for (const auto& [name, value] :
       {std::pair{"apiurl", &settings.url}, std::pair{"namespace", &settings.name_space},
        std::pair{"key", &settings.key}}) {
    const auto found = object.find(name);
    if (found == object.end() || found->is_null()) continue;
    if (!found->is_string()) return Fail(Code::kInvalid, "{}: {} is no text", path.string(), name);
    *value = found->get<std::string>();
  }
  settings.url = WithoutSlash(std::move(settings.url));
  return settings;
}

/// The file of certificates at `path`; nothing if that is empty.
Result<std::string> ReadAuthorities(const std::string& path) {
  if (path.empty()) return std::string();
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  if (file && !text.str().empty()) return text.str();
  return Fail(Code::kInvalid, "the authorities (--cacert, SHAKENFIST_CACERT) cannot be read: {}",
              path);
}

/// Whether the file means somebody else: another server, or another namespace.
bool IsForOther(const std::string& chosen, const std::string& in_file) {
  return !chosen.empty() && !in_file.empty() && chosen != in_file;
}

Result<std::chrono::seconds> ParsePatience(const std::string& strategy) {
  using namespace std::chrono_literals;
  if (strategy == "continue") return 0s;
  if (strategy == "pause" || strategy.empty()) return 60s;
  if (strategy == "block") return 3600s;
  return Fail(Code::kInvalid, "--async is none of continue, pause and block: {}", strategy);
}

}  // namespace

Result<Settings> ReadSettings(const Flags& flags, const Environment& environment,
                              const std::vector<std::filesystem::path>& files) {
  std::string authorities =
      TRY(ReadAuthorities(First(flags.cacert, Variable(environment, "SHAKENFIST_CACERT"))));
  const auto patience =
      TRY(ParsePatience(First(flags.async, Variable(environment, "SHAKENFIST_ASYNC"))));
  Settings settings{
      .url = WithoutSlash(First(flags.url, Variable(environment, "SHAKENFIST_API_URL"))),
      .name_space = First(flags.name_space, Variable(environment, "SHAKENFIST_NAMESPACE")),
      .key = First(flags.key, Variable(environment, "SHAKENFIST_KEY")),
      .authorities = std::move(authorities),
      .patience = patience};
  for (const auto& path : files) {
    if (!settings.url.empty() && !settings.name_space.empty() && !settings.key.empty()) break;
    const auto file = TRY(ReadFile(path));
    if (!file || IsForOther(settings.url, file->url) ||
        IsForOther(settings.name_space, file->name_space)) {
      continue;
    }
    settings.url = First(settings.url, file->url);
    settings.name_space = First(settings.name_space, file->name_space);
    settings.key = First(settings.key, file->key);
  }
  const auto missing = [](const char* what, const char* flag, const char* variable) {
    return Fail(Code::kInvalid, "no {}: give {}, or set {}, or write it to ~/.shakenfist", what,
                flag, variable);
  };
  if (settings.url.empty()) return missing("API URL", "--apiurl", "SHAKENFIST_API_URL");
  if (settings.name_space.empty())
    return missing("namespace", "--namespace", "SHAKENFIST_NAMESPACE");
  if (settings.key.empty()) return missing("key", "--key", "SHAKENFIST_KEY");
  return settings;
}

std::vector<std::filesystem::path> SettingsFiles(const Environment& environment) {
  std::vector<std::filesystem::path> files;
  const std::string home = Variable(environment, "HOME");
  if (!home.empty()) files.push_back(std::filesystem::path(home) / ".shakenfist");
  files.emplace_back("/etc/sf/shakenfist.json");
  return files;
}

}  // namespace sf::cli
