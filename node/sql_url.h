// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "node/base/result.h"

namespace sf {

/// mysql://user:password@host[:port][,host[:port]...]/database
struct SqlUrl {
  struct Host {
    std::string name;
    int port = 3306;
  };
  std::vector<Host> hosts;  ///< In the order in which they are to be tried.
  std::string user;
  std::string password;
  std::string database;
};

/// User, password and database may be percent-encoded. No error quotes any part of `text`: where a
/// character is out of place, what looks like a host may be the rest of a password.
Result<SqlUrl> ParseSqlUrl(std::string_view text);

/// The same, of what an option says: the URL itself, or, as it is a secret, the path of a file that
/// has it, which nobody but its owner may read.
Result<SqlUrl> ReadSqlUrl(const std::string& text);

/// For people to read: the password is left out.
std::string WithoutPassword(const SqlUrl& url);

}  // namespace sf
