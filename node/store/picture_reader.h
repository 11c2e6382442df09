// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "node/store/picture.h"
#include "node/store/store.h"

namespace sf::store {

/// Keeps up with the rows by reading only those that have changed. Each time it asks which rows
/// changed lately, and when, and reads those whose time is new to it. Lately, and not since the
/// last time: rows bear the time of the statement that changed them, and are seen when its
/// transaction ends.
///
/// Thread: worker (blocks); one call at a time.
class PictureReader {
 public:
  explicit PictureReader(Store& store) : store_(store) {}

  /// `last` brought up to date.
  Result<Picture> Read(const Picture& last);

 private:
  using Keys = std::set<std::string>;
  struct Objects {
    Keys instances, networks, namespaces;
    bool empty() const { return instances.empty() && networks.empty() && namespaces.empty(); }
  };
  struct Changes {
    std::string now;                           ///< by the database's clock
    double epoch = 0;                          ///< likewise, in seconds
    std::map<std::string, std::string> times;  ///< of each row, by its key
    Objects objects;                           ///< those whose rows have a time that is new
    Objects present;                           ///< those that have rows
  };

  Result<Changes> ReadChanges(bool whole) const;
  Result<void> RenewInstances(const Keys& uuids, Picture& picture) const;
  Result<void> RenewNetworks(const Keys& uuids, Picture& picture) const;
  Result<void> RenewKeys(const Keys& names, Picture& picture) const;

  Store& store_;
  std::string read_at_;                              ///< by the database's clock
  std::map<std::string, std::string> times_;         ///< of all rows that were read
  std::chrono::steady_clock::time_point whole_due_;  ///< when all rows are to be compared
};

}  // namespace sf::store
