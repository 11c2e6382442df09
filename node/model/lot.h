// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "node/base/id.h"

namespace sf {

/// What a node draws for an object: by chance, and the same wherever and whenever it is asked, so
/// that all nodes agree on who comes first without talking, and that it can be explained later.
///
/// FNV-1a, and a last step that spreads the last bytes, too.
inline std::uint64_t Lot(const NodeId& node, const std::string& object) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const std::string* text : {&node.value, &object}) {
    for (const char c : *text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  }
  hash = (hash ^ (hash >> 32)) * 0x9e3779b97f4a7c15;
  return hash ^ (hash >> 32);
}

}  // namespace sf
