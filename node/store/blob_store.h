// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "node/model/blob.h"
#include "node/store/database.h"

namespace sf::store {

struct BlobFilter {
  /// Those that an artifact of these namespaces has among its versions, or an agent operation of
  /// theirs among its results; empty: all.
  std::vector<NamespaceId> of = {};
  bool or_shared = false;  ///< beside `of`: also those of shared artifacts
  std::optional<BlobId> uuid = {};
  std::optional<std::string> sha512 = {};
  std::optional<NodeId> on = {};  ///< that has its file
};

/// A node's own file of a blob.
struct HeldFile {
  std::int64_t bytes = 0;
  std::string sha256 = {};  ///< of the file; empty: not known
};

/// The files of blobs that a node has, by the blob's sha256.
struct HeldFiles {
  std::map<std::string, HeldFile> cached;  ///< qcow2 images, of what URLs led to
  std::map<std::string, HeldFile> stored;
};

/// Blobs as such, and where their files lie. Those of URLs are made by the artifact store.
///
/// Thread: HTTP or worker (blocks).
class BlobStore {
 public:
  explicit BlobStore(Database& database) : database_(database) {}

  Result<std::vector<StoredBlob>> List(const BlobFilter& filter) const;  ///< by UUID
  Result<void> SetMetadata(const BlobId& id, const std::string& key,
                           const std::optional<nlohmann::json>& value);

  /// The blob of a file that `node` keeps as it was given, and that it is there: a new blob,
  /// of the given UUID if there is one, or that of equal bytes, which is stored from now on. It is
  /// young, so that it is not reaped before something refers to it.
  Result<Blob> Store(const NodeId& node, const Blob& given);
  /// How often that was done here, for whoever looks whether there is something new.
  std::uint64_t stores() const { return stores_; }

  /// That `node` has these files and no others. They are listed after the rows were read, so that
  /// one that comes meanwhile is not taken for one that is gone.
  Result<void> RecordHeld(const NodeId& node, const std::function<Result<HeldFiles>()>& list);

  /// sha256 of all stored blobs.
  Result<std::set<std::string>> StoredDigests() const;

 private:
  Database& database_;
  std::atomic<std::uint64_t> stores_ = 0;
};

}  // namespace sf::store
