// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "node/base/id.h"
#include "node/model/artifact.h"

namespace sf {

/// A node that has a blob's file, and what that file is: of an image each node may have made its
/// own.
struct BlobLocation {
  NodeId node;
  std::int64_t bytes = 0;
  std::string file_sha256 = {};  ///< empty: not known, and nobody copies it
};

/// A blob with all that refers to it.
struct StoredBlob {
  Blob blob;
  std::vector<BlobLocation> locations;
  std::vector<std::string> instances;  ///< those whose disks lie on it
  std::int64_t versions = 0;           ///< of artifacts
  nlohmann::json metadata = nlohmann::json::object();
};

}  // namespace sf
