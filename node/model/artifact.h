// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "node/base/id.h"

namespace sf {

/// Bytes found by their digest. A stored blob is kept exactly as it was given; any other is the
/// image that a URL led to, of which each node keeps a qcow2 that it made by itself.
struct Blob {
  BlobId uuid;
  std::string sha256;             ///< of the bytes as they were given or fetched
  std::string sha512;             ///< likewise; what clients look uploads up by
  std::int64_t size = 0;          ///< bytes of our file
  std::int64_t fetched_size = 0;  ///< bytes as given or fetched
  std::int64_t virtual_size = 0;  ///< bytes of the disk that a guest sees; 0 if it is none
  std::string source_format;      ///< of the disk as it was given or fetched; empty if it is none
  bool stored = false;
  double fetched_at = 0;
  double last_used = 0;
};

struct ArtifactVersion {
  std::int64_t index = 0;
  Blob blob;
  std::vector<std::string> instances;  ///< those whose disks lie on it
};

/// An image by its URL, with the versions of it that were fetched. States: initial -> created ->
/// deleted; error when no version could be fetched at all, and out of it by the next attempt.
struct Artifact {
  ArtifactId uuid;
  NamespaceId name_space;
  std::string type = "image";
  std::string source_url;
  std::string state = "initial";
  std::string error_message;
  bool shared = false;
  std::int64_t max_versions = 3;
  std::int64_t index = 0;          ///< of the newest version; 0 before the first
  std::int64_t fetched_bytes = 0;  ///< of the fetch under way
  std::int64_t total_bytes = 0;    ///< of the fetch under way, 0 while unknown
  nlohmann::json metadata = nlohmann::json::object();
  std::vector<ArtifactVersion> versions;  ///< oldest first
  double created_at = 0;
  std::int64_t version = 0;
};

}  // namespace sf
