// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "node/api/router.h"
#include "node/model/instance.h"
#include "node/store/store.h"

namespace sf::api {

/// Finds the blobs that the disks of `wanted` are to lie on, where their bases are the cloud's own:
/// sf://... and label:NAME, and makes sure of its nvram_template. kNotFound names what `caller` may
/// not see, or what is not there.
Result<void> ResolveBases(store::Store& store, const Caller& caller, Instance& wanted);

/// The artifact of `type` and `source_url` in `name_space`, if `caller` may see it.
Result<Artifact> FindArtifact(store::ArtifactStore& artifacts, const Caller& caller,
                              const NamespaceId& name_space, const std::string& type,
                              const std::string& source_url);

}  // namespace sf::api
