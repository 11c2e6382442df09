// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "node/base/file_descriptor.h"
#include "node/base/result.h"

namespace sf::net {

/// The network namespace of the calling thread.
Result<FileDescriptor> OpenOwnNamespace();

/// Brings the calling thread back to its own network namespace when it ends; until then the thread
/// may enter others. A thread that could not come back would do everything in the wrong place from
/// then on: that ends the process.
///
/// Thread: any, each its own.
class Home {
 public:
  explicit Home(const FileDescriptor& home) : home_(home) {}
  ~Home();
  Home(const Home&) = delete;
  Home& operator=(const Home&) = delete;

  Result<void> Enter(const FileDescriptor& other);
  Result<void> EnterNew();

 private:
  const FileDescriptor& home_;
  bool away_ = false;
};

}  // namespace sf::net
