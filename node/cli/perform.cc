// SPDX-License-Identifier: Apache-2.0
#include "node/cli/perform.h"

#include <chrono>
#include <thread>
#include <utility>

#include "node/cli/progress.h"

namespace sf::cli {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

constexpr auto kPollInterval = 500ms;

/// Whether `object` has come to where we wait for it; an Error if it never will.
Result<bool> HasArrived(const json& object, Until until) {
  const std::string state = TextAt(object, "state");
  if (until == Until::kDeleted) return state == "deleted";
  if (state == "created") return true;
  if (state == "initial" || state == "preflight" || state == "creating") return false;
  const std::string cause = TextAt(object, "error_message");
  return Fail(Code::kConflict, "{} is in state {}{}", TextAt(object, "name"), state,
              cause.empty() ? "" : ": " + cause);
}

/// Polls `path`; `answer` is what was last heard of the object. A server that does not answer for
/// a while (its node restarts, say) does not end the wait.
Result<void> Wait(ApiClient& client, const std::string& path, Until until, std::string& answer) {
  const auto deadline = std::chrono::steady_clock::now() + client.patience();
  Progress progress(client);
  while (true) {
    const json object = json::parse(answer, nullptr, false);
    if (!object.is_object()) return Fail(Code::kUnavailable, "{} does not show an object", path);
    if (TRY(HasArrived(object, until))) return {};
    if (std::chrono::steady_clock::now() >= deadline) {
      return Fail(Code::kNotReady, "{} is still in state {} after {} s; what was begun goes on",
                  TextAt(object, "name"), TextAt(object, "state"), client.patience().count());
    }
    progress.Show(object);
    std::this_thread::sleep_for(kPollInterval);
    auto next = client.Call("GET", path);
    if (next) {
      answer = *std::move(next);
    } else if (next.error().code == Code::kNotFound && until == Until::kDeleted) {
      return {};
    } else if (next.error().code != Code::kUnavailable) {
      return tl::unexpected(std::move(next).error());
    }
  }
}

/// How far the snapshots that `asked` names by device are in `listed`: nothing of those that are
/// there, else one of them, by a name for people. An Error if one has failed.
Result<json> FirstUnderWay(const json& asked, const json& listed) {
  for (const auto& [device, snapshot] : asked.items()) {
    const std::string blob = TextAt(snapshot, "blob_uuid");
    for (json row : listed) {
      if (TextAt(row, "blob_uuid") != blob || TextAt(row, "state") == "created") continue;
      if (TextAt(row, "state") == "initial") {
        row["name"] = "snapshot of " + device;
        return row;
      }
      return Fail(Code::kConflict, "the snapshot of {} failed: {}", device,
                  TextAt(row, "error_message"));
    }
  }
  return json();
}

/// `answer` names the snapshots that were asked for.
Result<void> WaitForSnapshots(ApiClient& client, const std::string& path,
                              const std::string& answer) {
  const json asked = json::parse(answer, nullptr, false);
  if (!asked.is_object() || asked.empty()) {
    return Fail(Code::kNotFound, "it has no such disk: nothing was done");
  }
  const auto deadline = std::chrono::steady_clock::now() + client.patience();
  Progress progress(client);
  while (true) {
    const auto listed = client.Ask("GET", path);
    if (!listed && listed.error().code != Code::kUnavailable) return tl::unexpected(listed.error());
    const json left = listed ? TRY(FirstUnderWay(asked, *listed)) : json::object();
    if (left.is_null()) return {};
    if (std::chrono::steady_clock::now() >= deadline) {
      return Fail(Code::kNotReady, "it is not there after {} s; what was begun goes on",
                  client.patience().count());
    }
    progress.Show(left);
    std::this_thread::sleep_for(kPollInterval);
  }
}

/// For what one call has begun: an object, or several of which the answer lists the UUIDs.
Result<void> WaitForAll(ApiClient& client, const Call& call, const std::string& asked,
                        std::string& answer) {
  if (call.until == Until::kNow || client.patience() == 0s) return {};
  if (call.until == Until::kSnapshots) return WaitForSnapshots(client, asked, answer);
  const std::string collection(call.path.substr(0, call.path.find('/', 1)));
  const json begun = json::parse(answer, nullptr, false);
  if (begun.is_object()) {
    return Wait(client, collection + "/" + TextAt(begun, "uuid"), call.until, answer);
  }
  for (const json& uuid : begun) {
    const std::string path = collection + "/" + (uuid.is_string() ? uuid.get<std::string>() : "");
    std::string object = TRY(client.Call("GET", path));
    TRY(Wait(client, path, call.until, object));
  }
  return {};
}

}  // namespace

int ExitCodeOf(Code code) {
  switch (code) {
    case Code::kInvalid: return kExitUsage;
    case Code::kNotFound: return 3;
    case Code::kUnauthorized: return 4;
    case Code::kUnavailable: return 5;
    case Code::kNotReady: return 6;
    default: return kExitFailed;
  }
}

Result<void> Perform(ApiClient& client, const Verb& verb, const Arguments& arguments,
                     const json& body, Style style,
                     const std::function<void(const std::string&)>& print) {
  if (verb.run != nullptr) {
    print(TRY(verb.run(client, arguments, style)));
    return {};
  }
  std::string answer;
  Result<void> waited;
  json sent = body;
  if (verb.prepare != nullptr) TRY(verb.prepare(client, arguments, sent));
  Arguments known = arguments;
  bool first = true;
  for (const Call& call : verb.calls) {
    const std::string path = PathOf(call, known);
    answer = TRY(client.Call(call.method, path, sent));
    waited = WaitForAll(client, call, path, answer);
    if (!waited) break;
    if (std::exchange(first, false) && verb.follow != nullptr) {
      TRY(verb.follow(client, arguments, answer));
    }
    if (const json text = json::parse(answer, nullptr, false); text.is_string()) {
      known["answer"] = {text.get<std::string>()};
    }
  }
  print(Render(verb.view, style, answer));
  return waited;
}

}  // namespace sf::cli
