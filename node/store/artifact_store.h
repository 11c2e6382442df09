// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "node/model/artifact.h"
#include "node/store/database.h"
#include "node/store/event_store.h"

namespace sf::store {

/// The live image artifact of `url` in `name_space`, made in state initial if there is none; one in
/// error becomes initial again, because somebody asks for it anew.
Result<ArtifactId> EnsureImageArtifact(Session& session, const NamespaceId& name_space,
                                       const std::string& url, bool shared);

/// Whether it was live. Instances keep the blobs that their disks lie on.
Result<bool> DeleteArtifact(Session& session, const ArtifactId& id);

struct ArtifactFilter {
  std::optional<NamespaceId> visible_to = {};  ///< its own and shared ones; unset: all
  std::optional<ArtifactId> uuid = {};         ///< in whatever state
  std::optional<std::string> source_url = {};
};

/// Artifacts, their versions, and the blobs that the versions are.
///
/// Thread: HTTP or worker (blocks).
class ArtifactStore {
 public:
  ArtifactStore(Database& database, EventStore& events) : database_(database), events_(events) {}

  /// As EnsureImageArtifact, and `node` is to fetch it even if no instance needs it there.
  Result<Artifact> Request(const NamespaceId& name_space, const std::string& url, bool shared,
                           const NodeId& node);
  Result<std::vector<Artifact>> List(const ArtifactFilter& filter) const;  ///< live, by creation
  Result<Artifact> Find(const ArtifactId& id) const;                       ///< kNotFound

  /// Those that `node` has to have: for instances it is to build, or because it was asked to.
  Result<std::vector<Artifact>> NeededOn(const NodeId& node) const;

  /// sha256 of every image that the disk of an instance on `node` lies on.
  Result<std::set<std::string>> DigestsUsedOn(const NodeId& node) const;

  /// On every live artifact of `url`: how far the fetch under way has come. Event or not is the
  /// caller's choice, as a line per second would drown the rest.
  Result<void> RecordProgress(const std::string& url, std::int64_t done, std::int64_t total,
                              bool with_event);
  /// On every live artifact of `url`: a new version if `blob`'s bytes are not the newest already.
  /// `note` becomes an event if it is not empty.
  Result<void> RecordFetched(const std::string& url, const Blob& blob, const std::string& note);
  /// On every live artifact of `url`: an event, and state error unless it has a version to offer.
  Result<void> RecordFailure(const std::string& url, const std::string& message);

  /// Idempotent.
  Result<void> Delete(const ArtifactId& id);
  /// Forgets those deleted more than `age_s` seconds ago, and blobs that nothing refers to.
  Result<std::int64_t> Reap(double age_s, int limit);

 private:
  Result<std::vector<std::string>> LiveOf(Session& session, const std::string& url) const;
  Result<void> AddVersion(Session& session, const std::string& artifact, const std::string& blob);

  Database& database_;
  EventStore& events_;
};

}  // namespace sf::store
