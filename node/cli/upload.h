// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "node/cli/api_client.h"
#include "node/cli/verb.h"

namespace sf::cli {

/// Gives the server the bytes of the argument "file", piece by piece and with a line that says how
/// far it is, and puts their upload into `body`. A piece that is lost on the way is sent again.
Result<void> UploadFile(ApiClient& client, const Arguments& given, nlohmann::json& body);

}  // namespace sf::cli
