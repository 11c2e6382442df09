// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "node/api/agent_operations.h"
#include "node/api/artifacts.h"
#include "node/api/auth.h"
#include "node/api/blobs.h"
#include "node/api/dashboard.h"
#include "node/api/forward.h"
#include "node/api/http_message.h"
#include "node/api/instances.h"
#include "node/api/interfaces.h"
#include "node/api/labels.h"
#include "node/api/local.h"
#include "node/api/metadata.h"
#include "node/api/namespaces.h"
#include "node/api/networks.h"
#include "node/api/node_token.h"
#include "node/api/nodes.h"
#include "node/api/router.h"
#include "node/api/snapshots.h"
#include "node/api/uploads.h"
#include "node/base/metrics.h"
#include "node/store/current_picture.h"
#include "node/store/store.h"

namespace sf::api {

struct ApiOptions {
  NodeId self;
  std::string token_secret;
  std::string local_token;  ///< of commands on this host; see Auth
  std::string zone;
  int login_failures = 30;  ///< see LoginLimit
  ReadClusterKeys keys;
  std::ptrdiff_t forwards = 1;  ///< calls that may wait for other nodes at the same time
  images::ImageCache* images = nullptr;
  images::BlobFiles* blobs = nullptr;
  images::UploadFiles* uploads = nullptr;
  ReadCluster cluster;
  ReadAuthorities authorities;
  bool https = false;  ///< how clients ask
  Wake wake;
  /// What ping(8) says of an address, asked on this node from within a network that it serves.
  std::function<Result<std::vector<std::string>>(const NetworkId&, IpAddress)> ping;
  /// Figures of this node's processes, by name.
  std::function<Result<std::map<std::string, double>>()> processes;
};

/// The whole HTTP API: the resources, and the table of their routes.
///
/// Thread: HTTP.
class Api {
 public:
  Api(store::Store& store, store::CurrentPicture& rows, LocalInstances& local, Metrics& metrics,
      ApiOptions options);

  Response Handle(const Request& request) const { return router_.Handle(request); }
  std::vector<sf::api::Route> routes() const { return router_.routes(); }

 private:
  void AddRoutes();
  void AddInstanceRoutes();
  void AddNetworkRoutes();
  /// Answered by the node that serves the networks, whoever is asked.
  Result<Response> Ping(const Call& call);
  /// Answered by the node that the path names, likewise.
  Result<Response> ProcessMetrics(const Call& call);
  /// What clients are to trust, so that they know this cluster's nodes.
  Result<Response> Authorities(const Call& call);
  std::vector<std::string_view> Capabilities() const;
  void AddNodeRoutes();
  void AddArtifactRoutes();
  void AddUploadRoutes();
  template <class Resource, class Handler>
  void Route(std::string_view method, std::string_view pattern, Resource& resource, Handler handler,
             Access access = Access::kUser) {
    router_.Add(method, pattern, access,
                [&resource, handler](const Call& call) { return (resource.*handler)(call); });
  }

  /// The four calls for the metadata of `object`, one of those of `resource`.
  template <class Resource>
  void RouteMetadata(const std::string& object, Resource& resource, Access access = Access::kUser) {
    const auto change = [&resource](auto answer) {
      return [&resource, answer](const Call& call) -> Result<Response> {
        return answer(TRY(resource.MetadataToChange(call)), call);
      };
    };
    Route("GET", object + "/metadata", resource, &Resource::Metadata, access);
    router_.Add("POST", object + "/metadata", access, change(SetMetadata));
    router_.Add("PUT", object + "/metadata/{key}", access, change(SetMetadata));
    router_.Add("DELETE", object + "/metadata/{key}", access, change(DeleteMetadata));
  }

  /// For what only the node that hosts the instance {ref} can see or do: it answers, whoever is
  /// asked. `handler` is called with the instance, on that node.
  template <class Handler>
  void RouteToHost(std::string_view method, std::string_view pattern, Handler handler) {
    router_.Add(method, pattern, Access::kUser,
                [this, handler](const Call& call) -> Result<Response> {
                  const Instance instance = TRY(instances_.Resolve(call));
                  if (instance.node != self_) return forward_.To(instance.node, call);
                  return std::invoke(handler, instances_, call, instance);
                });
  }

  const NodeId self_;
  const ReadCluster cluster_;
  const ReadAuthorities authorities_;
  const bool https_;
  const decltype(ApiOptions::ping) ping_;
  const decltype(ApiOptions::processes) processes_;
  Metrics& metrics_;
  Auth auth_;
  NodeTokens node_tokens_;
  Forward forward_;
  Namespaces namespaces_;
  Instances instances_;
  Networks networks_;
  Interfaces interfaces_;
  Artifacts artifacts_;
  Blobs blobs_;
  Uploads uploads_;
  Labels labels_;
  Snapshots snapshots_;
  AgentOperations agent_operations_;
  Nodes nodes_;
  Dashboard dashboard_;
  Router router_;
  std::string description_;  ///< of all that is in router_, in OpenAPI
};

}  // namespace sf::api
