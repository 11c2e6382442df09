// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "node/base/id.h"
#include "node/base/result.h"
#include "node/store/database.h"

namespace sf::store {

/// Something that one node is at work on, so that no other is.
struct Work {
  std::string object;  ///< "instance/UUID", "artifact/UUID/NODE", "blob/UUID/NODE" or "role/NAME"
  NodeId node;
  std::int64_t pid = 0;   ///< of its sf-node; 0: not known
  std::string operation;  ///< build, delete, fetch, copy or serve
  double since = 0;       ///< seconds since the epoch, by the database's clock
};

/// What the rows say of the work that is under way. Nothing is locked by it: rows are moved on by
/// compare-and-set, and these are those that say whose turn it is.
///
/// Thread: HTTP or worker (blocks).
class WorkStore {
 public:
  explicit WorkStore(Database& database) : database_(database) {}

  Result<std::vector<Work>> List() const;  ///< by object

 private:
  Database& database_;
};

}  // namespace sf::store
