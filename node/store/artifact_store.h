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

/// The live artifact of `type` and `url` in `name_space`, made in state initial if there is none;
/// one in error becomes initial again, because somebody asks for it anew.
Result<ArtifactId> EnsureArtifact(Session& session, const NamespaceId& name_space,
                                  std::string_view type, const std::string& url, bool shared);

/// Whether it was live. Instances keep the blobs that their disks lie on.
Result<bool> DeleteArtifact(Session& session, const ArtifactId& id);

struct ArtifactFilter {
  std::vector<NamespaceId> visible_to = {};  ///< their own and shared ones; empty: all
  std::optional<ArtifactId> uuid = {};       ///< in whatever state
  std::optional<std::string> source_url = {};
  std::optional<NodeId> on = {};  ///< with a version whose bytes are on this node
};

/// A blob as the newest version of an artifact.
struct Publication {
  NamespaceId name_space;
  std::string type;  ///< "image", "snapshot", "label" or "other"
  std::string source_url;
  BlobId blob;
  bool shared = false;
  std::string message;  ///< becomes an event of the artifact
};

/// Artifacts, their versions, and the blobs that the versions are.
///
/// Thread: HTTP or worker (blocks).
class ArtifactStore {
 public:
  ArtifactStore(Database& database, EventStore& events) : database_(database), events_(events) {}

  /// The image artifact of `url`, as EnsureArtifact, which `node` is to fetch even if
  /// no instance needs it there.
  Result<Artifact> Request(const NamespaceId& name_space, const std::string& url, bool shared,
                           const NodeId& node);
  Result<std::vector<Artifact>> List(const ArtifactFilter& filter) const;  ///< live, by creation
  Result<Artifact> Find(const ArtifactId& id) const;                       ///< kNotFound

  /// Those that `node` has to have: for instances it is to build, or because it was asked to.
  Result<std::vector<Artifact>> NeededOn(const NodeId& node) const;

  /// sha256 of every image that the disk of an instance on `node` lies on, and of those that no
  /// source has for sure: what a label or an upload refers to.
  Result<std::set<std::string>> DigestsUsedOn(const NodeId& node) const;

  /// On every live artifact of `url`: how far the fetch under way has come, from its source or
  /// `from` a node. Event or not is the caller's choice, as a line per second would drown the rest.
  Result<void> RecordProgress(const std::string& url, std::int64_t done, std::int64_t total,
                              bool with_event, const NodeId& from = {});
  /// On every live artifact of `url`: a new version if `blob`'s bytes are not the newest already.
  /// `note` becomes an event if it is not empty.
  Result<void> RecordFetched(const std::string& url, const Blob& blob, const std::string& note);
  /// On every live artifact of `url`: an event, and state error unless it has a version to offer.
  Result<void> RecordFailure(const std::string& url, const std::string& message);

  /// Makes the artifact of that type and URL, if there is none, and the blob its newest version, if
  /// it is not. kNotFound without the namespace or the blob.
  Result<Artifact> Publish(const Publication& publication);

  /// Of what is there now, the newest `count` stay; so it is from now on.
  Result<void> SetMaxVersions(const ArtifactId& id, std::int64_t count);
  /// kNotFound. With its last version the artifact goes.
  Result<void> DeleteVersion(const ArtifactId& id, std::int64_t index);
  Result<void> Share(const ArtifactId& id, bool shared);
  Result<void> SetMetadata(const ArtifactId& id, const std::string& key,
                           const std::optional<nlohmann::json>& value);

  /// Idempotent.
  Result<void> Delete(const ArtifactId& id);
  /// Forgets those deleted more than `age_s` seconds ago, and blobs that nothing refers to.
  Result<std::int64_t> Reap(double age_s, int limit);

 private:
  Result<std::vector<std::string>> LiveOf(Session& session, const std::string& url) const;
  Result<void> AddVersion(Session& session, const std::string& artifact, const std::string& blob);
  Result<void> DropOldVersions(Session& session, const std::string& artifact);

  Database& database_;
  EventStore& events_;
};

}  // namespace sf::store
