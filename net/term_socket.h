// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "net/term_notice.h"
#include "node/base/file_descriptor.h"
#include "node/base/result.h"

namespace sf::net {

/// Sends term notices into meshes, and hears those of all meshes. One socket in the host's
/// namespace is enough for both: a bridge sends what its host sends by it to all of its mesh, and
/// hands its host what is for all.
///
/// Thread: the only one.
class TermSocket {
 public:
  static Result<TermSocket> Open();

  /// To all in the mesh of this bridge. What is lost is said again by whoever calls.
  void Tell(int bridge, std::uint64_t term, const TermKey& key) const;
  /// The highest term that has been heard of since it was last asked; 0: none.
  std::uint64_t Heard(const TermKey& key) const;

 private:
  explicit TermSocket(FileDescriptor socket) : socket_(std::move(socket)) {}

  FileDescriptor socket_;
};

}  // namespace sf::net
