// SPDX-License-Identifier: Apache-2.0
#include "node/cli/agent.h"

#include <chrono>
#include <thread>

#include "node/base/uuid.h"
#include "node/cli/api_client.h"
#include "node/cli/download.h"
#include "node/cli/progress.h"
#include "node/cli/upload.h"

namespace sf::cli {
namespace {

using nlohmann::json;

constexpr auto kPollInterval = std::chrono::milliseconds(500);
const Parameter kInstance = {"instance", "its name or UUID"};

/// The operation, once it is complete; an Error if it has failed, or patience is over.
Result<json> Await(ApiClient& client, json operation) {
  const auto deadline = std::chrono::steady_clock::now() + client.patience();
  const std::string uuid = TextAt(operation, "uuid");
  Progress progress(client);
  for (;;) {
    const std::string state = TextAt(operation, "state");
    if (state == "complete") return operation;
    if (state == "error" || state == "deleted") {
      return Fail(Code::kConflict, "agent operation {}: {}", uuid,
                  state == "error" ? TextAt(operation, "error_message") : state);
    }
    if (std::chrono::steady_clock::now() >= deadline) {
      return Fail(Code::kNotReady, "agent operation {} is {} after {} s; it goes on", uuid, state,
                  client.patience().count());
    }
    operation["name"] = "agent operation";
    progress.Show(operation);
    std::this_thread::sleep_for(kPollInterval);
    auto next = client.Ask("GET", "/agentoperations/" + uuid);
    if (next) operation = *std::move(next);
    if (!next && next.error().code != Code::kUnavailable) return tl::unexpected(next.error());
  }
}

Result<json> Do(ApiClient& client, const Arguments& given, const char* what, const json& body) {
  const std::string path = fmt::format("/instances/{}/agent/{}", Text(given, "instance"), what);
  return Await(client, TRY(client.Ask("POST", path, body)));
}

/// What its first command gave; an empty object if nothing.
json FirstResult(const json& operation) {
  const json::json_pointer place("/results/0");
  return operation.contains(place) ? operation[place] : json::object();
}

/// The output `stream` of a command, whether it came with its result or as a blob.
Result<std::string> Output(ApiClient& client, const json& result, const std::string& stream) {
  const std::string blob = TextAt(result, (stream + "_blob").c_str());
  if (blob.empty()) return TextAt(result, stream.c_str());
  return client.Call("GET", fmt::format("/blobs/{}/data", blob));
}

Result<std::string> Execute(ApiClient& client, const Arguments& given, Style style) {
  const json done = TRY(Do(client, given, "execute", {{"command_line", Text(given, "command")}}));
  if (style == Style::kJson) return ToText(done) + "\n";
  const json result = FirstResult(done);
  const std::string out = TRY(Output(client, result, "stdout"));
  if (result.value("return-code", json(0)) == 0) return out;
  return Fail(Code::kConflict, "the command ended with {}: {}", result["return-code"].dump(),
              TRY(Output(client, result, "stderr")) + out);
}

Result<std::string> Download(ApiClient& client, const Arguments& given, Style style) {
  const json done = TRY(Do(client, given, "get", {{"path", Text(given, "source")}}));
  const std::string blob = TextAt(FirstResult(done), "content_blob");
  TRY(WriteBlob(client, blob, Text(given, "destination")));
  return style == Style::kJson ? ToText(done) + "\n" : "";
}

// The bytes become an artifact for a moment, under a name that nobody has: what the operation needs
// of it is kept with the operation.
Result<std::string> Upload(ApiClient& client, const Arguments& given, Style style) {
  json body;
  TRY(UploadFile(client, given, body));
  const std::string name = "for-instance-" + RandomHex(8);
  body["artifact_type"] = "other";
  const json artifact = TRY(client.Ask("POST", "/artifacts/upload/" + name, body));
  json ask = {{"blob_uuid", TextAt(artifact, "blob_uuid")}, {"path", Text(given, "destination")}};
  ask["mode"] = Has(given, "mode") ? Text(given, "mode") : "u=rw,go=r";
  auto asked =
      client.Ask("POST", fmt::format("/instances/{}/agent/put", Text(given, "instance")), ask);
  const auto deleted = client.Call("DELETE", "/artifacts/" + TextAt(artifact, "uuid"));
  if (!asked) return tl::unexpected(asked.error());
  if (!deleted) return tl::unexpected(deleted.error());
  const json done = TRY(Await(client, *std::move(asked)));
  return style == Style::kJson ? ToText(done) + "\n" : "";
}

}  // namespace

std::vector<Verb> AgentVerbs() {
  Verb execute =
      MakeVerb("execute", "POST", "/instances/{instance}/agent/execute",
               "Have its agent execute a command line, and print what that wrote.",
               "execute web1 'uname -a'", RawText(), {kInstance, {"command", "for its shell"}});
  execute.run = &Execute;
  Verb upload = MakeVerb("upload", "POST", "/instances/{instance}/agent/put",
                         "Have its agent write a file.", "upload web1 motd /etc/motd", Nothing(),
                         {kInstance,
                          {"file", "to read, here"},
                          {"destination", "its path in the guest"},
                          {"--mode", "as for chmod: u=rw,go=r, which it is without", "mode"}});
  upload.run = &Upload;
  Verb download =
      MakeVerb("download", "POST", "/instances/{instance}/agent/get", "Have its agent read a file.",
               "download web1 /etc/motd motd", Nothing(),
               {kInstance, {"source", "its path in the guest"}, {"destination", "to write, here"}});
  download.run = &Download;
  return {
      execute, upload, download,
      MakeVerb("operations", "GET", "/instances/{instance}/agentoperations",
               "List what its agent was asked to do.", "operations web1 --all",
               Table({{"UUID", "/uuid"},
                      {"STATE", "/state"},
                      {"COMMAND", "/commands/0/command"},
                      {"ERROR", "/error_message"}}),
               {kInstance,
                {"-a,--all", "also what has ended within the last day", "all", Type::kSwitch}})};
}

}  // namespace sf::cli
