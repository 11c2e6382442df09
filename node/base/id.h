// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <string>
#include <utility>

namespace sf {

/// A string that names one kind of thing, so that an instance's id cannot be passed for a
/// network's. Most are UUIDs; nodes and namespaces go by name.
template <class Tag>
struct Id {
  std::string value;

  Id() = default;
  explicit Id(std::string text) : value(std::move(text)) {}
  bool empty() const { return value.empty(); }
  auto operator<=>(const Id&) const = default;
};

using NodeId = Id<struct NodeTag>;
using InstanceId = Id<struct InstanceTag>;
using ArtifactId = Id<struct ArtifactTag>;
using BlobId = Id<struct BlobTag>;
using NamespaceId = Id<struct NamespaceTag>;
using NetworkId = Id<struct NetworkTag>;
using InterfaceId = Id<struct InterfaceTag>;

}  // namespace sf
