// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "node/api/router.h"
#include "node/store/store.h"

namespace sf::api {

/// /nodes, for administrators.
///
/// Thread: HTTP.
class Nodes {
 public:
  explicit Nodes(store::Store& store) : store_(store) {}

  Result<Response> List(const Call& call);
  Result<Response> Show(const Call& call);
  Result<Response> Events(const Call& call);

 private:
  store::Store& store_;
};

}  // namespace sf::api
