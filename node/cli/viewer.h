// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "node/cli/api_client.h"
#include "node/cli/verb.h"

namespace sf::cli {

/// An Error unless remote-viewer is on the PATH. Asked first, as each file for it that the server
/// gives away carries a new password, and ends the one before.
Result<void> FindViewer(ApiClient& client, const Arguments& given, nlohmann::json& body);

/// Opens the screen that `answer`, a file for it, tells of, until it is closed.
Result<void> OpenViewer(ApiClient& client, const Arguments& given, const std::string& answer);

}  // namespace sf::cli
