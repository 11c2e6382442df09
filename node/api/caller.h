// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>
#include <vector>

#include "node/base/id.h"
#include "node/model/namespace.h"

namespace sf::api {

/// Who sent a request, and what that lets them touch: here, and nowhere else, rights are decided.
/// What is not theirs does not exist for them.
struct Caller {
  NamespaceId name_space;
  std::string key_name = {};
  NodeId via = {};  ///< the node that passed their call on; empty when they asked here
  std::set<NamespaceId> trusted_by = {};  ///< namespaces that trust theirs

  bool IsAdmin() const { return name_space == kSystemNamespace; }
  /// Whether the instances and networks of `owner`, and all that belongs to these, are theirs.
  bool Owns(const NamespaceId& owner) const { return IsAdmin() || owner == name_space; }
  /// Whether the namespace `owner` itself and its artifacts are theirs, and instances may be made
  /// in it. Trust gives this much and no more.
  bool Manages(const NamespaceId& owner) const { return Owns(owner) || trusted_by.contains(owner); }
  /// The namespaces that they manage, but for an administrator, who manages all.
  std::vector<NamespaceId> Managed() const {
    std::vector<NamespaceId> all(trusted_by.begin(), trusted_by.end());
    all.push_back(name_space);
    return all;
  }
};

}  // namespace sf::api
