// SPDX-License-Identifier: Apache-2.0
#include "node/members.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <ctime>

#include "node/base/http_client.h"
#include "node/private_file.h"

namespace sf {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

std::filesystem::path LocalApiPath(const std::filesystem::path& storage) {
  return storage / "local_api.json";
}

std::string ToAge(double seconds) {
  const auto whole = static_cast<std::int64_t>(std::max(0.0, seconds));
  if (whole < 120) return fmt::format("{}s", whole);
  if (whole < 7200) return fmt::format("{}m", whole / 60);
  if (whole < 48 * 3600) return fmt::format("{}h", whole / 3600);
  return fmt::format("{}d", whole / 86400);
}

std::string ToClock(double seconds) {
  const auto time = static_cast<std::time_t>(seconds);
  return fmt::format("{:%H:%M:%S}", *std::localtime(&time));
}

std::string Used(const json& member, const char* key) {
  if (member.at("limit").is_null()) return "-";
  return fmt::format("{}/{}", member.at("used").at(key).get<std::int64_t>(),
                     member.at("limit").at(key).get<std::int64_t>());
}

std::string ToRow(const json& member, double now) {
  const std::string name = member.at("name").get<std::string>() + (member.at("self") ? " *" : "");
  const json& round_trip = member.at("round_trip_ms");
  return fmt::format(
      "{:<20} {:<21} {:<12} {:>5} {:>4} {:<16} {:<10} {:>8} {:>9} {:>14} {:>11}\n", name,
      fmt::format("{}:{}", member.at("address").get<std::string>(), member.at("port").get<int>()),
      member.at("state").get<std::string>(), ToAge(now - member.at("since").get<double>()),
      member.at("incarnation").get<std::uint64_t>(),
      member.at("role").is_null() ? "-" : member.at("role").get<std::string>(),
      member.at("release").is_null() ? "-" : member.at("release").get<std::string>(),
      round_trip.is_null() ? "-" : fmt::format("{:.2f} ms", round_trip.get<double>()),
      Used(member, "cpus"), Used(member, "memory_mb"), Used(member, "disk_gb"));
}

std::string ToEvidence(const json& member) {
  std::string text;
  for (const json& witness : member.at("evidence")) {
    text +=
        fmt::format("{:<20} -> {} found it {}: {}\n", "", witness.at("witness").get<std::string>(),
                    witness.at("found").get<std::string>(), witness.at("paths").get<std::string>());
  }
  if (!text.empty()) {
    text += fmt::format("{:<20}    suspected since {}\n", "",
                        ToClock(member.at("suspected_at").get<double>()));
  }
  return text;
}

}  // namespace

Result<void> WriteLocalApi(const std::filesystem::path& storage, const LocalApi& api) {
  return WritePrivateFile(
      LocalApiPath(storage),
      json{{"url", api.url}, {"token", api.token}, {"public_key", api.public_key}}.dump() + "\n");
}

Result<LocalApi> ReadLocalApi(const std::filesystem::path& storage) {
  const std::filesystem::path path = LocalApiPath(storage);
  const auto text = ReadPrivateFile(path);
  if (!text && text.error().code == Code::kNotFound) {
    return Fail(Code::kNotFound,
                "no node has run here yet: there is no {}. With another STORAGE_PATH, give it as"
                " --storage-path",
                path.string());
  }
  if (!text) return tl::unexpected(text.error());
  const json api = json::parse(*text, nullptr, false);
  const auto is_text = [&api](const char* key) {
    return api.contains(key) && api[key].is_string();
  };
  if (!api.is_object() || !is_text("url") || !is_text("token")) {
    return Fail(Code::kInternal, "{} is not what a node wrote: start the node again",
                path.string());
  }
  return LocalApi{api["url"], api["token"],
                  is_text("public_key") ? api["public_key"].get<std::string>() : ""};
}

Result<json> FetchMembers(const std::filesystem::path& storage) {
  const LocalApi api = TRY(ReadLocalApi(storage));
  HttpRequest request;
  request.url = api.url + "/members";
  request.headers = {{"Authorization", "Bearer " + api.token}};
  request.trust.public_key = api.public_key;
  request.timeout = 10s;
  const auto answer = HttpClient().Request(request);
  if (!answer) {
    return Fail(answer.error().code, "this host's node does not answer: {}",
                answer.error().message);
  }
  json members = json::parse(answer->body, nullptr, false);
  if (answer->head.status != 200 || !members.is_array()) {
    return Fail(Code::kInternal, "{} answers {}: {}", request.url, answer->head.status,
                answer->body.substr(0, 200));
  }
  return members;
}

std::string ToMembersTable(const json& members, double now) {
  std::string table = fmt::format(
      "{:<20} {:<21} {:<12} {:>5} {:>4} {:<16} {:<10} {:>8} {:>9} {:>14} {:>11}\n", "NAME",
      "ADDRESS", "STATE", "FOR", "INC", "ROLE", "RELEASE", "RTT", "CPUS", "MEMORY MB", "DISK GB");
  for (const json& member : members) table += ToRow(member, now) + ToEvidence(member);
  return table;
}

}  // namespace sf
