// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "node/api/router.h"
#include "node/store/store.h"

namespace sf::api {

/// /label: names that a namespace gives to blobs, each with versions, for disks to lie on the
/// newest of. The path is NAME, or NAMESPACE/NAME.
///
/// Thread: HTTP.
class Labels {
 public:
  explicit Labels(store::Store& store) : store_(store) {}

  Result<Response> Set(const Call& call);
  Result<Response> Show(const Call& call);
  Result<Response> Delete(const Call& call);

 private:
  store::Store& store_;
};

}  // namespace sf::api
