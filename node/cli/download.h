// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "node/cli/api_client.h"
#include "node/cli/verb.h"

namespace sf::cli {

/// Writes the bytes of a blob to a file that is not there yet, with a line that says how far it is
/// of `total` (0: nobody knows). A file that did not come whole is removed.
Result<void> WriteBlob(ApiClient& client, const std::string& blob, const std::string& path,
                       std::uint64_t total = 0);

/// The same for the blob that `answer` shows, or for the newest of an artifact; the argument
/// "destination" names the file.
Result<void> DownloadBlob(ApiClient& client, const Arguments& given, const std::string& answer);

}  // namespace sf::cli
