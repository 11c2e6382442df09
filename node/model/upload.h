// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "node/base/id.h"

namespace sf {

using UploadId = Id<struct UploadTag>;

/// Bytes that somebody is giving to the cloud, piece by piece. They lie on one node.
struct Upload {
  UploadId uuid;
  NamespaceId name_space;
  NodeId node;
  double created_at = 0;
};

}  // namespace sf
