// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "node/base/result.h"

namespace sf {

/// How a command on this host speaks to the node that runs here: a file in its storage folder that
/// only root may read, made anew at each start, with the API's address and a token for it.
struct LocalApi {
  std::string url;
  std::string token;
  std::string public_key = {};  ///< that it shows if it speaks HTTPS
};
Result<void> WriteLocalApi(const std::filesystem::path& storage, const LocalApi& api);
Result<LocalApi> ReadLocalApi(const std::filesystem::path& storage);

/// GET /members of this host's node: whom it sees in the cluster. Needs no database.
Result<nlohmann::json> FetchMembers(const std::filesystem::path& storage);

/// A line for each member, and below those that are not well the evidence against them. `now` is in
/// seconds since the epoch.
std::string ToMembersTable(const nlohmann::json& members, double now);

}  // namespace sf
