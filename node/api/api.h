// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "node/api/artifacts.h"
#include "node/api/auth.h"
#include "node/api/http_message.h"
#include "node/api/instances.h"
#include "node/api/local.h"
#include "node/api/namespaces.h"
#include "node/api/nodes.h"
#include "node/api/router.h"
#include "node/base/metrics.h"
#include "node/store/store.h"

namespace sf::api {

struct ApiOptions {
  NodeId self;
  std::string token_secret;
  std::string zone;
  std::function<void()> wake;  ///< tells this node's reconciler that a row of its own has changed
};

/// The whole HTTP API: the resources, and the table of their routes.
///
/// Thread: HTTP.
class Api {
 public:
  Api(store::Store& store, LocalInstances& local, Metrics& metrics, ApiOptions options);

  Response Handle(const Request& request) const { return router_.Handle(request); }

 private:
  void AddRoutes();

  Metrics& metrics_;
  Auth auth_;
  Namespaces namespaces_;
  Instances instances_;
  Artifacts artifacts_;
  Nodes nodes_;
  Router router_;
};

}  // namespace sf::api
