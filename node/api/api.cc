// SPDX-License-Identifier: Apache-2.0
#include "node/api/api.h"

#include <utility>

namespace sf::api {
namespace {

/// What clients look for in the text of the root page: exactly what works here, and nothing more.
constexpr std::string_view kCapabilities[] = {"events-by-type", "get-instance-namespace",
                                              "node-get"};

Response RootPage() {
  Response page;
  page.content_type = "text/html; charset=utf-8";
  page.body =
      "<!DOCTYPE html>\n<html lang=\"en\"><head><title>Shaken Fist</title></head><body>\n"
      "<h1>Shaken Fist REST API service</h1>\n"
      "<p>Log in by <code>POST /auth</code>, then for example <code>GET /instances</code>.</p>\n"
      "<ul>\n";
  for (const std::string_view capability : kCapabilities) {
    page.body.append("<li>").append(capability).append("</li>\n");
  }
  page.body += "</ul>\n</body></html>\n";
  return page;
}

}  // namespace

Api::Api(store::Store& store, LocalInstances& local, Metrics& metrics, ApiOptions options)
    : metrics_(metrics),
      auth_(store.namespaces, std::move(options.token_secret), std::move(options.zone)),
      namespaces_(store, auth_),
      instances_(store, local, options.wake),
      artifacts_(store, options.self, options.wake),
      nodes_(store),
      router_(auth_) {
  AddRoutes();
}

// The route table, all of it.
void Api::AddRoutes() {
  const auto route = [this](std::string_view method, std::string_view pattern, auto& resource,
                            auto handler, Access access = Access::kUser) {
    router_.Add(method, pattern, access,
                [&resource, handler](const Call& call) { return (resource.*handler)(call); });
  };
  constexpr Access kAdmin = Access::kAdmin;

  router_.Add("GET", "/", Access::kPublic,
              [](const Call&) -> Result<Response> { return RootPage(); });
  router_.Add("GET", "/metrics", Access::kPublic, [this](const Call&) -> Result<Response> {
    return Response{.body = metrics_.Text(), .content_type = "text/plain; version=0.0.4"};
  });

  route("POST", "/auth", namespaces_, &Namespaces::LogIn, Access::kPublic);
  route("GET", "/auth/namespaces", namespaces_, &Namespaces::List);
  route("POST", "/auth/namespaces", namespaces_, &Namespaces::Create, kAdmin);
  route("GET", "/auth/namespaces/{name}", namespaces_, &Namespaces::Show);
  route("DELETE", "/auth/namespaces/{name}", namespaces_, &Namespaces::Delete, kAdmin);
  route("GET", "/auth/namespaces/{name}/keys", namespaces_, &Namespaces::ListKeys);
  route("POST", "/auth/namespaces/{name}/keys", namespaces_, &Namespaces::AddKey);
  route("PUT", "/auth/namespaces/{name}/keys", namespaces_, &Namespaces::ReplaceKey);
  route("PUT", "/auth/namespaces/{name}/keys/{key}", namespaces_, &Namespaces::ReplaceKey);
  route("DELETE", "/auth/namespaces/{name}/keys/{key}", namespaces_, &Namespaces::DeleteKey);
  route("GET", "/auth/namespaces/{name}/metadata", namespaces_, &Namespaces::Metadata);
  route("POST", "/auth/namespaces/{name}/metadata", namespaces_, &Namespaces::SetMetadata);
  route("PUT", "/auth/namespaces/{name}/metadata/{key}", namespaces_, &Namespaces::SetMetadata);
  route("DELETE", "/auth/namespaces/{name}/metadata/{key}", namespaces_,
        &Namespaces::DeleteMetadata);

  route("GET", "/instances", instances_, &Instances::List);
  route("POST", "/instances", instances_, &Instances::Create);
  route("DELETE", "/instances", instances_, &Instances::DeleteAll);
  route("GET", "/instances/{ref}", instances_, &Instances::Show);
  route("DELETE", "/instances/{ref}", instances_, &Instances::Delete);
  route("GET", "/instances/{ref}/interfaces", instances_, &Instances::Interfaces);
  route("GET", "/instances/{ref}/events", instances_, &Instances::Events);
  route("GET", "/instances/{ref}/metadata", instances_, &Instances::Metadata);
  route("POST", "/instances/{ref}/metadata", instances_, &Instances::SetMetadata);
  route("PUT", "/instances/{ref}/metadata/{key}", instances_, &Instances::SetMetadata);
  route("DELETE", "/instances/{ref}/metadata/{key}", instances_, &Instances::DeleteMetadata);
  route("GET", "/instances/{ref}/consoledata", instances_, &Instances::ReadConsole);
  route("DELETE", "/instances/{ref}/consoledata", instances_, &Instances::ClearConsole);
  for (const PowerCall& power : kPowerCalls) {
    router_.Add("POST", fmt::format("/instances/{{ref}}/{}", power.name), Access::kUser,
                [this, &power](const Call& call) { return instances_.ChangePower(call, power); });
  }

  route("GET", "/artifacts", artifacts_, &Artifacts::List);
  route("POST", "/artifacts", artifacts_, &Artifacts::Cache);
  route("DELETE", "/artifacts", artifacts_, &Artifacts::DeleteAll);
  route("GET", "/artifacts/{ref}", artifacts_, &Artifacts::Show);
  route("DELETE", "/artifacts/{ref}", artifacts_, &Artifacts::Delete);
  route("GET", "/artifacts/{ref}/events", artifacts_, &Artifacts::Events);

  route("GET", "/nodes", nodes_, &Nodes::List, kAdmin);
  route("GET", "/nodes/{name}", nodes_, &Nodes::Show, kAdmin);
  route("GET", "/nodes/{name}/events", nodes_, &Nodes::Events, kAdmin);
}

}  // namespace sf::api
