// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "node/base/result.h"
#include "node/config.h"
#include "node/key_ring.h"
#include "node/store/store.h"

namespace sf {

/// What all nodes share and none can do without. The database keeps it, whoever needs it first
/// makes it; each node's disk remembers it (mode 0600), for a start while the database is away.
struct ClusterSecrets {
  std::string cluster_id;
  std::string token_secret;
  KeyRing keys;

  bool operator==(const ClusterSecrets&) const = default;
};

/// From the database, whose schema it first brings up to date. Then on the disk, too; kConflict if
/// the disk remembers another cluster's.
Result<ClusterSecrets> FetchSecrets(const Config& config, store::Store& store);
/// On the disk, if they are not yet; the log says if that fails.
void RememberSecrets(const Config& config, const ClusterSecrets& secrets);
/// kNotFound if the disk does not remember any; kCorrupt names the file when it is damaged.
Result<ClusterSecrets> RecallSecrets(const Config& config);

struct FirstSecrets {
  ClusterSecrets secrets;
  bool remembered = false;  ///< by the disk alone: the database does not answer
};
/// From the database, or else from the disk. Waits for the database while neither has them.
Result<FirstSecrets> AwaitSecrets(const Config& config, store::Store& store);

/// The key ring in use: the file's, if the operator gives one, or the database's.
Result<KeyRing> ReadKeys(const Config& config, store::Store& store);

}  // namespace sf
