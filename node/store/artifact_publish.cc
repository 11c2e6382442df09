// SPDX-License-Identifier: Apache-2.0
// How bytes that were given to the cloud, and not fetched by it, become an artifact's version.
#include "node/store/artifact_store.h"

namespace sf::store {

Result<Artifact> ArtifactStore::Publish(const Publication& publication) {
  const auto publish = [&](Session& session) -> Result<ArtifactId> {
    const auto space = TRY(session.Query(
        "SELECT 1 FROM namespaces WHERE name = ? AND state = 'created' LOCK IN SHARE MODE",
        publication.name_space));
    if (space.empty()) {
      return Fail(Code::kNotFound, "namespace {} not found", publication.name_space);
    }
    // The lock keeps it from being reaped until it has its version.
    const auto blob =
        TRY(session.Query("SELECT sha256 FROM blobs WHERE uuid = ? FOR UPDATE", publication.blob));
    if (blob.empty()) return Fail(Code::kNotFound, "blob {} not found", publication.blob);
    const ArtifactId id = TRY(EnsureArtifact(session, publication.name_space, publication.type,
                                             publication.source_url, publication.shared));
    // Locked, as the lock of its versions.
    TRY(
        session.Execute("UPDATE artifacts SET state = 'created', error_message = '',"
                        " shared = shared OR ?, version = version + 1,"
                        " updated_at = UNIX_TIMESTAMP(NOW(6)) WHERE uuid = ?",
                        publication.shared, id));
    const auto newest =
        TRY(session.Query("SELECT blob_uuid FROM artifact_versions WHERE artifact_uuid = ?"
                          " ORDER BY version_index DESC LIMIT 1",
                          id));
    if (!newest.empty() && newest[0].Text(0) == publication.blob.value) return id;
    TRY(AddVersion(session, id.value, publication.blob.value));
    TRY(events_.Add(
        session, {.object_type = "artifact",
                  .object = id.value,
                  .message = publication.message,
                  .extra = {{"blob_uuid", publication.blob.value}, {"sha256", blob[0].Text(0)}}}));
    return id;
  };
  return Find(TRY(database_.Transaction<ArtifactId>(publish)));
}

}  // namespace sf::store
