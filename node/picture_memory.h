// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "node/base/result.h"
#include "node/store/picture.h"

namespace sf {

/// The last picture of the rows, on this node's disk (mode 0600). Thread: any that may block.
Result<void> RememberPicture(const std::filesystem::path& folder, const store::Picture& picture);
/// An empty one if there is none, or, as the log then says, if it is damaged.
store::Picture RecallPicture(const std::filesystem::path& folder);

}  // namespace sf
