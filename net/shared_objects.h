// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "node/base/result.h"

namespace sf::net {

/// What an ELF file asks of the loader.
struct ElfNeeds {
  std::string interpreter;             ///< the loader's path; empty in a shared object
  std::vector<std::string> libraries;  ///< by name
};

/// For 64-bit files in this machine's byte order. kCorrupt: it is none, or its tables lead outside.
Result<ElfNeeds> ReadElfNeeds(const std::string& bytes);

/// `programs` and all that they load, by the paths where they are found: what they need in order to
/// run where nothing else is.
Result<std::map<std::string, std::string>> WithSharedObjects(
    const std::vector<std::string>& programs);

}  // namespace sf::net
