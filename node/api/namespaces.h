// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "node/api/metadata.h"
#include "node/api/router.h"
#include "node/store/store.h"

namespace sf::api {

/// /auth and /auth/namespaces.
///
/// Thread: HTTP.
class Namespaces {
 public:
  Namespaces(store::Store& store, Auth& auth) : store_(store), auth_(auth) {}

  Result<Response> LogIn(const Call& call);
  Result<Response> List(const Call& call);
  Result<Response> Create(const Call& call);
  Result<Response> Show(const Call& call);
  Result<Response> Delete(const Call& call);
  Result<Response> ListKeys(const Call& call);
  Result<Response> AddKey(const Call& call);
  Result<Response> ReplaceKey(const Call& call);
  Result<Response> DeleteKey(const Call& call);
  Result<Response> Trust(const Call& call);
  Result<Response> EndTrust(const Call& call);
  Result<Response> Metadata(const Call& call);
  Result<MetadataTarget> MetadataToChange(const Call& call);

 private:
  /// The live namespace named by the path, if it is the caller's to manage.
  Result<Namespace> Resolve(const Call& call) const;

  store::Store& store_;
  Auth& auth_;
};

}  // namespace sf::api
