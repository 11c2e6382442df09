// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "node/api/metadata.h"
#include "node/api/router.h"
#include "node/store/store.h"

namespace sf::api {

/// /artifacts: images by their URL, cached before an instance asks for them if one wishes.
///
/// Thread: HTTP.
class Artifacts {
 public:
  Artifacts(store::Store& store, NodeId self, Wake wake)
      : store_(store), self_(std::move(self)), wake_(std::move(wake)) {}

  Result<Response> List(const Call& call);
  Result<Response> Cache(const Call& call);
  Result<Response> Show(const Call& call);
  Result<Response> Delete(const Call& call);
  Result<Response> DeleteAll(const Call& call);
  Result<Response> Events(const Call& call);
  Result<Response> Versions(const Call& call);
  Result<Response> SetMaxVersions(const Call& call);
  Result<Response> DeleteVersion(const Call& call);
  Result<Response> Share(const Call& call);
  Result<Response> Unshare(const Call& call);
  Result<Response> Metadata(const Call& call);
  Result<MetadataTarget> MetadataToChange(const Call& call);

 private:
  /// The artifact that {ref}, a UUID or a URL, stands for; `to_change` leaves out what is merely
  /// shared with the caller.
  Result<Artifact> Resolve(const Call& call, bool to_change) const;

  store::Store& store_;
  const NodeId self_;
  const Wake wake_;
};

}  // namespace sf::api
