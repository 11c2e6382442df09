// SPDX-License-Identifier: Apache-2.0
#include "node/api/api.h"

#include <utility>

#include "node/api/openapi.h"
#include "node/api/root_page.h"

namespace sf::api {
namespace {

/// What clients look for in the text of the root page: exactly what works here, and nothing more.
/// Beside these, see Capabilities().
constexpr std::string_view kCapabilities[] = {"agentoperations-crud",
                                              "artifact-metadata",
                                              "artifact-upload-types",
                                              "blob-metadata",
                                              "blob-search-by-hash",
                                              "events-by-type",
                                              "get-instance-namespace",
                                              "get-network-namespace",
                                              "hot-plug-interface",
                                              "instance-agentoperations",
                                              "instance-agentoperations-all",
                                              "instance-execute",
                                              "instance-get",
                                              "instance-put-blob",
                                              "instance-screenshot",
                                              "interface-metadata",
                                              "list-addresses",
                                              "node-get",
                                              "node-metadata",
                                              "node-process-metrics",
                                              "route-addresses",
                                              "spice-vdi-console",
                                              "vdi-console-helper"};

}  // namespace

Api::Api(store::Store& store, store::CurrentPicture& rows, LocalInstances& local, Metrics& metrics,
         ApiOptions options)
    : self_(options.self),
      cluster_(options.cluster),
      authorities_(options.authorities),
      https_(options.https),
      ping_(std::move(options.ping)),
      processes_(std::move(options.processes)),
      metrics_(metrics),
      auth_(rows, store.namespaces, std::move(options.token_secret), std::move(options.local_token),
            std::move(options.zone), options.login_failures),
      node_tokens_(self_, std::move(options.keys)),
      forward_(node_tokens_, options.cluster, options.authorities, options.forwards),
      namespaces_(store, auth_),
      instances_(store, local, options.cluster, options.wake),
      networks_(store, options.cluster, options.wake),
      interfaces_(store, options.cluster, options.wake),
      artifacts_(store, self_, options.wake),
      blobs_(store, self_, *options.images, *options.blobs, forward_, (options.forwards + 1) / 2),
      uploads_(store, self_, *options.uploads, *options.blobs, forward_, options.forwards),
      labels_(store),
      snapshots_(store, instances_, options.wake),
      agent_operations_(store, instances_, options.wake),
      nodes_(store, options.cluster, options.wake),
      router_(auth_, node_tokens_, rows, metrics) {
  AddRoutes();
  description_ = DescribeApi(router_.routes());
  const auto& log_ins = auth_.figures();
  metrics_.Counter(
      "shakenfist_logins_total", "How log-ins ended; refused: without a look at the key.", "result",
      {{"good", log_ins.good}, {"wrong", log_ins.wrong}, {"refused", log_ins.refused}});
  metrics_.Counter("shakenfist_api_requests_busy_total",
                   "Calls that were turned away, as so many of their kind were under way.", "what",
                   {{"uploads", uploads_.streams().refused()},
                    {"downloads", blobs_.streams().refused()},
                    {"copies", blobs_.copies().refused()},
                    {"forwards", forward_.slots().refused()}});
}

// The route table, all of it. Any node answers a Route() by itself; a RouteToHost() is answered by
// the node that hosts the instance, and the others pass it on.
void Api::AddRoutes() {
  constexpr Access kAdmin = Access::kAdmin;

  router_.Add("GET", "/", Access::kPublic,
              [this](const Call&) -> Result<Response> { return RootPage(https_, Capabilities()); });
  router_.Add("GET", "/ui", Access::kPublic,
              [this](const Call& call) { return dashboard_.Page(call.request); });
  router_.Add("GET", "/ui/{file}", Access::kPublic,
              [this](const Call& call) { return dashboard_.File(call.request, call.names.at(0)); });
  router_.Add("GET", "/openapi.json", Access::kPublic,
              [this](const Call&) -> Result<Response> { return Response{.body = description_}; });
  router_.Add("GET", "/metrics", Access::kPublic, [this](const Call&) -> Result<Response> {
    return Response{.body = metrics_.Text(), .content_type = "text/plain; version=0.0.4"};
  });

  Route("POST", "/auth", namespaces_, &Namespaces::LogIn, Access::kPublic);
  Route("GET", "/auth/namespaces", namespaces_, &Namespaces::List);
  Route("POST", "/auth/namespaces", namespaces_, &Namespaces::Create, kAdmin);
  Route("GET", "/auth/namespaces/{name}", namespaces_, &Namespaces::Show);
  Route("DELETE", "/auth/namespaces/{name}", namespaces_, &Namespaces::Delete, kAdmin);
  Route("GET", "/auth/namespaces/{name}/keys", namespaces_, &Namespaces::ListKeys);
  Route("POST", "/auth/namespaces/{name}/keys", namespaces_, &Namespaces::AddKey);
  Route("PUT", "/auth/namespaces/{name}/keys", namespaces_, &Namespaces::ReplaceKey);
  Route("PUT", "/auth/namespaces/{name}/keys/{key}", namespaces_, &Namespaces::ReplaceKey);
  Route("DELETE", "/auth/namespaces/{name}/keys/{key}", namespaces_, &Namespaces::DeleteKey);
  Route("POST", "/auth/namespaces/{name}/trust", namespaces_, &Namespaces::Trust);
  Route("DELETE", "/auth/namespaces/{name}/trust/{other}", namespaces_, &Namespaces::EndTrust);
  RouteMetadata("/auth/namespaces/{name}", namespaces_);

  AddInstanceRoutes();
  AddNetworkRoutes();
  AddNodeRoutes();

  AddUploadRoutes();  // First: "upload" is no artifact.
  AddArtifactRoutes();
}

void Api::AddInstanceRoutes() {
  Route("GET", "/instances", instances_, &Instances::List);
  Route("POST", "/instances", instances_, &Instances::Create);
  Route("DELETE", "/instances", instances_, &Instances::DeleteAll);
  Route("GET", "/instances/{ref}", instances_, &Instances::Show);
  Route("DELETE", "/instances/{ref}", instances_, &Instances::Delete);
  Route("GET", "/instances/{ref}/interfaces", instances_, &Instances::Interfaces);
  Route("POST", "/instances/{ref}/interfaces", instances_, &Instances::AddInterface);
  Route("GET", "/instances/{ref}/events", instances_, &Instances::Events);
  RouteMetadata("/instances/{ref}", instances_);
  RouteToHost("GET", "/instances/{ref}/consoledata", &Instances::ReadConsole);
  RouteToHost("DELETE", "/instances/{ref}/consoledata", &Instances::ClearConsole);
  Route("GET", "/instances/{ref}/snapshot", snapshots_, &Snapshots::List);
  RouteToHost("POST", "/instances/{ref}/snapshot",
              [this](Instances&, const Call& call, const Instance& instance) {
                return snapshots_.Take(call, instance);
              });
  RouteToHost("GET", "/instances/{ref}/vdiconsolehelper", &Instances::OpenScreen);
  RouteToHost("GET", "/instances/{ref}/screenshot", &Instances::Screenshot);
  for (const PowerCall& power : kPowerCalls) {
    RouteToHost("POST", fmt::format("/instances/{{ref}}/{}", power.name),
                [&power](Instances& instances, const Call&, const Instance& instance) {
                  return instances.ChangePower(instance, power);
                });
  }

  Route("POST", "/instances/{ref}/agent/put", agent_operations_, &AgentOperations::Put);
  Route("POST", "/instances/{ref}/agent/get", agent_operations_, &AgentOperations::Get);
  Route("POST", "/instances/{ref}/agent/execute", agent_operations_, &AgentOperations::Execute);
  Route("GET", "/instances/{ref}/agentoperations", agent_operations_, &AgentOperations::List);
  Route("GET", "/agentoperations/{uuid}", agent_operations_, &AgentOperations::Show);
  Route("DELETE", "/agentoperations/{uuid}", agent_operations_, &AgentOperations::Delete);
}

void Api::AddUploadRoutes() {
  const auto raw = [this](const char* pattern, auto handler) {
    router_.AddRaw("POST", pattern, Access::kUser,
                   [this, handler](const Call& call) { return (uploads_.*handler)(call); });
  };
  Route("POST", "/upload", uploads_, &Uploads::Create);
  raw("/upload/{uuid}", &Uploads::Append);
  raw("/upload/{uuid}/truncate/{offset}", &Uploads::Truncate);
  Route("POST", "/artifacts/upload/{name}", uploads_, &Uploads::Publish);

  for (const char* label : {"/label/{name}", "/label/{namespace}/{name}"}) {
    Route("POST", label, labels_, &Labels::Set);
    Route("GET", label, labels_, &Labels::Show);
    Route("DELETE", label, labels_, &Labels::Delete);
  }
}

void Api::AddArtifactRoutes() {
  Route("GET", "/artifacts", artifacts_, &Artifacts::List);
  Route("POST", "/artifacts", artifacts_, &Artifacts::Cache);
  Route("DELETE", "/artifacts", artifacts_, &Artifacts::DeleteAll);
  Route("GET", "/artifacts/{ref}", artifacts_, &Artifacts::Show);
  Route("DELETE", "/artifacts/{ref}", artifacts_, &Artifacts::Delete);
  Route("GET", "/artifacts/{ref}/events", artifacts_, &Artifacts::Events);
  Route("GET", "/artifacts/{ref}/versions", artifacts_, &Artifacts::Versions);
  Route("POST", "/artifacts/{ref}/versions", artifacts_, &Artifacts::SetMaxVersions);
  Route("DELETE", "/artifacts/{ref}/versions/{index}", artifacts_, &Artifacts::DeleteVersion);
  Route("POST", "/artifacts/{ref}/share", artifacts_, &Artifacts::Share);
  Route("POST", "/artifacts/{ref}/unshare", artifacts_, &Artifacts::Unshare);
  RouteMetadata("/artifacts/{ref}", artifacts_);

  Route("GET", "/blobs", blobs_, &Blobs::List, Access::kAdmin);
  Route("GET", "/blobs/{uuid}", blobs_, &Blobs::Show);
  Route("GET", "/blobs/{uuid}/data", blobs_, &Blobs::Data);
  RouteMetadata("/blobs/{uuid}", blobs_);
  Route("GET", "/blob_checksums/sha512/{digest}", blobs_, &Blobs::FindDigest);
}

void Api::AddNodeRoutes() {
  constexpr Access kAdmin = Access::kAdmin;

  Route("GET", "/members", nodes_, &Nodes::Members, kAdmin);
  Route("GET", "/admin/locks", nodes_, &Nodes::Locks, kAdmin);
  router_.Add("GET", "/admin/cacert", kAdmin,
              [this](const Call& call) { return Authorities(call); });
  Route("GET", "/nodes", nodes_, &Nodes::List, kAdmin);
  Route("GET", "/nodes/{name}", nodes_, &Nodes::Show, kAdmin);
  Route("DELETE", "/nodes/{name}", nodes_, &Nodes::Delete, kAdmin);
  Route("POST", "/nodes/{name}/drain", nodes_, &Nodes::Drain, kAdmin);
  Route("POST", "/nodes/{name}/undrain", nodes_, &Nodes::Undrain, kAdmin);
  Route("GET", "/nodes/{name}/events", nodes_, &Nodes::Events, kAdmin);
  router_.Add("GET", "/nodes/{name}/processmetrics", kAdmin,
              [this](const Call& call) { return ProcessMetrics(call); });
  RouteMetadata("/nodes/{name}", nodes_, kAdmin);
}

std::vector<std::string_view> Api::Capabilities() const {
  std::vector<std::string_view> all(std::begin(kCapabilities), std::end(kCapabilities));
  if (!authorities_()->empty()) all.emplace_back("cluster-cacert");
  return all;
}

Result<Response> Api::Authorities(const Call&) {
  const auto authorities = authorities_();
  if (!authorities->empty()) return Response{.body = *authorities, .content_type = "text/plain"};
  return Fail(Code::kNotFound, "this node was not told of an authority for the cluster's nodes");
}

Result<Response> Api::Ping(const Call& call) {
  const auto [network, address] = TRY(networks_.FindPingTarget(call));
  const NodeId holder = cluster_()->role.holder;
  if (holder.value.empty()) return Fail(Code::kNotReady, "no node serves the networks yet");
  if (holder != self_) return forward_.To(holder, call);
  const std::vector<std::string> lines = TRY(ping_(network, address));
  return Json({{"stdout", lines}, {"stderr", {""}}});
}

Result<Response> Api::ProcessMetrics(const Call& call) {
  const NodeId node = TRY(nodes_.Find(call)).name;
  if (node != self_) return forward_.To(node, call);
  return Json(TRY(processes_()));
}

void Api::AddNetworkRoutes() {
  Route("GET", "/networks", networks_, &Networks::List);
  Route("POST", "/networks", networks_, &Networks::Create);
  Route("DELETE", "/networks", networks_, &Networks::DeleteAll);
  Route("GET", "/networks/{ref}", networks_, &Networks::Show);
  Route("DELETE", "/networks/{ref}", networks_, &Networks::Delete);
  Route("GET", "/networks/{ref}/interfaces", networks_, &Networks::Interfaces);
  Route("GET", "/networks/{ref}/events", networks_, &Networks::Events);
  Route("GET", "/networks/{ref}/addresses", networks_, &Networks::Addresses);
  Route("POST", "/networks/{ref}/route", networks_, &Networks::Route);
  Route("DELETE", "/networks/{ref}/route/{address}", networks_, &Networks::Unroute);
  router_.Add("GET", "/networks/{ref}/ping/{address}", Access::kUser,
              [this](const Call& call) { return Ping(call); });
  RouteMetadata("/networks/{ref}", networks_);

  Route("GET", "/interfaces/{uuid}", interfaces_, &Interfaces::Show);
  Route("POST", "/interfaces/{uuid}/float", interfaces_, &Interfaces::Float);
  Route("POST", "/interfaces/{uuid}/defloat", interfaces_, &Interfaces::Defloat);
  RouteMetadata("/interfaces/{uuid}", interfaces_);
}

}  // namespace sf::api
