// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "node/cli/api_client.h"
#include "node/cli/verb.h"

namespace sf::cli {

/// Writes the bytes of a blob to the file that the argument "destination" names, with a line that
/// says how far it is. `answer` shows the blob, or an artifact and which blob is its newest. A file
/// that did not come whole is removed.
Result<void> DownloadBlob(ApiClient& client, const Arguments& given, const std::string& answer);

}  // namespace sf::cli
