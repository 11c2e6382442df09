// SPDX-License-Identifier: Apache-2.0
#include "node/api/namespaces.h"

#include <algorithm>
#include <utility>

#include "node/api/body.h"
#include "node/api/views.h"

namespace sf::api {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxKey = 1024;

Result<NamespaceKey> ReadKey(const std::string& name, const std::string& secret) {
  if (name.starts_with("_service_key")) {
    return Fail(Code::kForbidden, "key names beginning with _service_key are reserved");
  }
  if (!IsName(name)) {
    return Fail(Code::kInvalid, "key_name must be 1 to 63 letters, digits, '.', '-' and '_'");
  }
  if (secret.size() > kMaxKey) {
    return Fail(Code::kInvalid, "key has more than {} bytes", kMaxKey);
  }
  return Auth::MakeKey(name, secret);
}

/// Clients know no 429; but to them any answer to a log-in other than 200 is a failed one, and this
/// tells people and proxies what it is.
Response TooManyLogIns(const std::string& source) {
  constexpr int kTooManyRequests = 429;
  Response refused = ErrorResponse(
      kTooManyRequests, fmt::format("too many wrong log-ins from {}; try again later", source));
  refused.headers.emplace_back("Retry-After", "5");
  return refused;
}

}  // namespace

Result<Response> Namespaces::LogIn(const Call& call) {
  const Fields fields(call.body);
  const NamespaceId name_space(TRY(fields.Required("namespace")));
  const std::string key = TRY(fields.Required("key"));
  const std::string& source = call.request.remote_address;
  if (!auth_.MayTry(name_space, source)) return TooManyLogIns(source);
  const std::string token = TRY(auth_.LogIn(name_space, key, source));
  return Json({{"access_token", token},
               {"token_type", "Bearer"},
               {"expires_in", Auth::kTokenLifetime.count()}});
}

Result<Response> Namespaces::List(const Call& call) {
  const bool all = call.caller.IsAdmin();
  return Json(ViewAll(
      TRY(store_.namespaces.List(all ? std::vector<NamespaceId>() : call.caller.Managed()))));
}

Result<Response> Namespaces::Create(const Call& call) {
  const Fields fields(call.body);
  const NamespaceId name(TRY(fields.Required("namespace")));
  if (!IsName(name.value)) {
    return Fail(Code::kInvalid, "namespace must be 1 to 63 letters, digits, '.', '-' and '_'");
  }
  std::optional<NamespaceKey> key;
  if (const auto key_name = TRY(fields.NonEmpty("key_name"))) {
    key = TRY(ReadKey(*key_name, TRY(fields.Required("key"))));
  }
  const auto made = store_.namespaces.Create(name, key);
  // A repeated create is answered with what there is, as scripts expect; it changes nothing.
  if (!made && made.error().code != Code::kConflict) return tl::unexpected(made.error());
  return Json(View(TRY(store_.namespaces.Find(name))));
}

Result<Namespace> Namespaces::Resolve(const Call& call) const {
  const NamespaceId name(call.names.at(0));
  if (!call.caller.Manages(name)) return Fail(Code::kNotFound, "namespace {:.63} not found", name);
  auto space = TRY(store_.namespaces.Find(name));
  if (space.state != "created") return Fail(Code::kNotFound, "namespace {} not found", name);
  return space;
}

Result<Response> Namespaces::Show(const Call& call) {
  const NamespaceId name(call.names.at(0));
  if (!call.caller.Manages(name)) return Fail(Code::kNotFound, "namespace {:.63} not found", name);
  // Also one that has just been deleted: a client that waits for its end reads that state.
  return Json(View(TRY(store_.namespaces.Find(name))));
}

Result<Response> Namespaces::Delete(const Call& call) {
  const NamespaceId name = TRY(Resolve(call)).name;
  if (name == kSystemNamespace) {
    return Fail(Code::kForbidden, "the namespace system cannot be deleted");
  }
  if (const auto done = store_.namespaces.Delete(name); !done) {
    // What is still in use is 400 here by contract, not 409.
    const Code code = done.error().code == Code::kConflict ? Code::kInvalid : done.error().code;
    return Fail(code, "{}", done.error().message);
  }
  return Json(json::object());
}

Result<Response> Namespaces::ListKeys(const Call& call) {
  return Json(TRY(Resolve(call)).key_names);
}

Result<Response> Namespaces::AddKey(const Call& call) {
  const Namespace space = TRY(Resolve(call));
  const Fields fields(call.body);
  const std::string name = TRY(fields.Required("key_name"));
  TRY(store_.namespaces.PutKey(space.name, TRY(ReadKey(name, TRY(fields.Required("key"))))));
  return Json(name);
}

Result<Response> Namespaces::ReplaceKey(const Call& call) {
  const Namespace space = TRY(Resolve(call));
  const Fields fields(call.body);
  const std::string name = call.names.size() > 1 ? call.names[1] : TRY(fields.Required("key_name"));
  const auto& names = space.key_names;
  if (std::find(names.begin(), names.end(), name) == names.end()) {
    return Fail(Code::kNotFound, "key {:.63} of namespace {} not found", name, space.name);
  }
  TRY(store_.namespaces.PutKey(space.name, TRY(ReadKey(name, TRY(fields.Required("key"))))));
  return Json(name);
}

Result<Response> Namespaces::DeleteKey(const Call& call) {
  TRY(store_.namespaces.DeleteKey(TRY(Resolve(call)).name, call.names.at(1)));
  return Json(json::object());
}

Result<Response> Namespaces::Trust(const Call& call) {
  const NamespaceId name = TRY(Resolve(call)).name;
  const NamespaceId other(TRY(Fields(call.body).Required("external_namespace")));
  // Whoever manages system administers the cluster.
  if (name == kSystemNamespace) {
    return Fail(Code::kForbidden, "the namespace system trusts nobody else");
  }
  if (other != kSystemNamespace && other != name) TRY(store_.namespaces.Trust(name, other));
  return Json(View(TRY(store_.namespaces.Find(name))));
}

Result<Response> Namespaces::EndTrust(const Call& call) {
  const NamespaceId name = TRY(Resolve(call)).name;
  const NamespaceId other(call.names.at(1));
  if (other == kSystemNamespace) {
    return Fail(Code::kForbidden, "every namespace trusts system");
  }
  TRY(store_.namespaces.EndTrust(name, other));
  return Json(View(TRY(store_.namespaces.Find(name))));
}

Result<Response> Namespaces::Metadata(const Call& call) {
  return Json(TRY(Resolve(call)).metadata);
}

Result<MetadataTarget> Namespaces::MetadataToChange(const Call& call) {
  const auto set = [this, id = TRY(Resolve(call)).name](const std::string& key, const auto& value) {
    return store_.namespaces.SetMetadata(id, key, value);
  };
  return MetadataTarget{set, CheckMetadata};
}

}  // namespace sf::api
