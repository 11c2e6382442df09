// SPDX-License-Identifier: Apache-2.0
#include "node/api/agent_operations.h"

#include <string>

#include "node/api/blobs.h"
#include "node/api/body.h"
#include "node/api/views.h"
#include "node/base/number.h"
#include "node/base/uuid.h"

namespace sf::api {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxPath = 4096;
constexpr std::size_t kMaxCommandLine = 64 * 1024;
constexpr int kMostMode = 0177777;

/// A text that a guest's system can take as an argument.
Result<std::string> Argument(const Call& call, const char* key, std::size_t most) {
  std::string text = TRY(Fields(call.body).Required(key));
  if (text.empty() || text.size() > most || text.find('\0') != std::string::npos) {
    return Fail(Code::kInvalid, "{} is not 1 to {} bytes, none of them 0", key, most);
  }
  return text;
}

/// A number, also one that came as digits, or text as for chmod(1). kNotReady is the contract's
/// answer to any other.
Result<json> Mode(const Call& call) {
  const json* const mode = Fields(call.body).Any("mode");
  if (mode == nullptr) return Fail(Code::kInvalid, "mode is missing");
  if (mode->is_string()) {
    const auto& text = mode->get_ref<const std::string&>();
    if (text.size() <= kMaxPath && IsSymbolicMode(text)) return *mode;
    const auto number = ToNumber<int>(text);
    if (number && *number >= 0 && *number <= kMostMode) return json(*number);
  } else if (mode->is_number_integer() && *mode >= 0 && *mode <= kMostMode) {
    return *mode;
  }
  return Fail(Code::kNotReady, "mode is neither a number up to {} nor like u+x,go=r", kMostMode);
}

}  // namespace

Result<Instance> AgentOperations::ReadyInstance(const Call& call) const {
  Instance instance = TRY(instances_.Resolve(call));
  if (instance.state == InstanceState::kCreated && instance.agent.ready()) return instance;
  return Fail(Code::kInvalid, "the agent in instance {} is {}", instance.uuid,
              instance.agent.state);
}

Result<Response> AgentOperations::Ask(const Instance& instance, const json& commands) {
  const AgentOperation made = TRY(store_.agent_operations.Create(instance.uuid, commands));
  wake_(instance.node);
  return Json(View(made));
}

Result<Response> AgentOperations::Put(const Call& call) {
  const Instance instance = TRY(ReadyInstance(call));
  const std::string path = TRY(Argument(call, "path", kMaxPath));
  const std::string uuid = TRY(Fields(call.body).Required("blob_uuid"));
  const json mode = TRY(Mode(call));
  const Blob blob = TRY(FindBlob(store_.blobs, call.caller, uuid)).blob;
  if (!blob.stored) {
    return Fail(Code::kInvalid,
                "blob {} is an image by its URL, of which each node has made its own file; upload"
                " what the guest is to have",
                blob.uuid);
  }
  json commands = json::array();
  commands.push_back(PutBlobCommand(blob.uuid, path));
  commands.push_back(ChmodCommand(path, mode));
  return Ask(instance, commands);
}

Result<Response> AgentOperations::Get(const Call& call) {
  const Instance instance = TRY(ReadyInstance(call));
  return Ask(instance, json::array({GetFileCommand(TRY(Argument(call, "path", kMaxPath)))}));
}

Result<Response> AgentOperations::Execute(const Call& call) {
  const Instance instance = TRY(ReadyInstance(call));
  const std::string command_line = TRY(Argument(call, "command_line", kMaxCommandLine));
  return Ask(instance, json::array({ExecuteCommand(command_line)}));
}

Result<Response> AgentOperations::List(const Call& call) {
  const Instance instance = TRY(instances_.Resolve(call));
  const bool all = TRY(Fields(call.body).Flag("all", false));
  return Json(ViewAll(TRY(store_.agent_operations.List(instance.uuid, all))));
}

Result<AgentOperation> AgentOperations::Resolve(const Call& call) const {
  const std::string& uuid = call.names.at(0);
  if (!IsUuid(uuid)) return Fail(Code::kNotFound, "agent operation {:.100} not found", uuid);
  AgentOperation found = TRY(store_.agent_operations.Find(AgentOperationId(uuid)));
  if (call.caller.Owns(found.name_space)) return found;
  return Fail(Code::kNotFound, "agent operation {} not found", uuid);
}

Result<Response> AgentOperations::Show(const Call& call) { return Json(View(TRY(Resolve(call)))); }

Result<Response> AgentOperations::Delete(const Call& call) {
  const AgentOperation operation = TRY(Resolve(call));
  TRY(store_.agent_operations.Delete(operation.uuid));
  const auto instance = store_.instances.Find(operation.instance);
  if (instance) wake_(instance->node);
  return Json(View(TRY(store_.agent_operations.Find(operation.uuid))));
}

}  // namespace sf::api
