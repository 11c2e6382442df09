// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>

#include "node/base/result.h"

namespace sf::compute {

/// The hidden subcommand of sf-node: runs the smallest of guests on KVM, one instruction long, as
/// the user that QEMU will run as. Prints why if it cannot, and returns the exit code, 0 or 1.
///
/// Gives up the rights of its process if that is root's, and may never return: so only as a process
/// of its own.
int RunKvmProbe();

/// Proof that KVM can run a guest here: `executable` probe-kvm, ended after `deadline`. Needed
/// because on some hosts /dev/kvm exists, answers, and hangs when a guest is to run. The error says
/// why KVM is not used.
///
/// Thread: worker. A child stuck in the kernel cannot be ended: it is given up, once per call.
Result<void> KvmUsable(const std::filesystem::path& executable, std::chrono::milliseconds deadline);

}  // namespace sf::compute
