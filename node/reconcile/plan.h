// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "node/base/id.h"
#include "node/model/instance.h"

namespace sf::reconcile {

/// An image that this node has to have, by its URL; that of a blob is sf://blob/... (image_ref).
struct NeededImage {
  std::string url;
  /// The database knows that it was fetched. False asks for the fetch to be recorded, also when the
  /// image is here already: a crash may have come between the two.
  bool recorded = false;
};

/// What the rows say that this node should have, and do.
struct Desired {
  std::vector<Instance> instances;  ///< placed here and not deleted, by creation
  std::vector<NeededImage> images;
  std::set<InstanceId> snapshots = {};  ///< whose disks are to be copied
};

/// A domain as libvirt has it.
struct ActualDomain {
  std::string power_state;  ///< "on", "off", "paused" or "crashed"
  bool running = false;     ///< on or paused
  /// Off because its guest or its owner switched it off, and not because QEMU or the host failed.
  bool off_on_purpose = false;
};

/// What is here, read from libvirt and the disk in this very pass.
struct Actual {
  std::map<InstanceId, ActualDomain> domains;
  std::set<InstanceId> folders;
  std::set<std::string> images;     ///< URLs whose image is here and recent enough to be used
  std::vector<std::string> cached;  ///< BlobShelf::Names(), for others to know; not for Plan()
};

struct FetchImage {
  std::string url;
  auto operator<=>(const FetchImage&) const = default;
};
struct BuildInstance {
  InstanceId id;
  auto operator<=>(const BuildInstance&) const = default;
};
/// Starts a built instance again whose host or QEMU failed. Its disks stay as they are.
struct StartInstance {
  InstanceId id;
  auto operator<=>(const StartInstance&) const = default;
};
/// Gives a built instance the interfaces that were added to its row.
struct PlugInterfaces {
  InstanceId id;
  auto operator<=>(const PlugInterfaces&) const = default;
};
/// `has_row`: the row says delete-wait, and becomes deleted once all is gone. Without a row, what
/// is here was left by a crash.
struct RemoveInstance {
  InstanceId id;
  bool has_row = false;
  auto operator<=>(const RemoveInstance&) const = default;
};
/// Switches off what its owner wants off, and still runs: this node died between the wish
/// and the act.
struct StopInstance {
  InstanceId id;
  auto operator<=>(const StopInstance&) const = default;
};
/// Writes down how the domain is when its turn comes; off on purpose is then its owner's wish,
/// because libvirtd forgets the reason when it restarts, and what was switched off would be started
/// again. Not how it was when the plan was made: it may have been switched on since.
struct RecordPower {
  InstanceId id;
  auto operator<=>(const RecordPower&) const = default;
};

/// It was declared lost while nothing was heard of this node. Once its row is as before, the rest
/// of the difference is closed as always.
struct TakeBackInstance {
  InstanceId id;
  auto operator<=>(const TakeBackInstance&) const = default;
};

/// Copies disks of the instance, whose domain runs or does not.
struct TakeSnapshots {
  InstanceId id;
  bool running = false;
  auto operator<=>(const TakeSnapshots&) const = default;
};

using Action =
    std::variant<FetchImage, BuildInstance, StartInstance, PlugInterfaces, RemoveInstance,
                 StopInstance, RecordPower, TakeBackInstance, TakeSnapshots>;

/// What this node must do to make `actual` into `desired`. Pure, so it can be tested and simulated
/// whole; recomputed whole on every pass, so it cannot drift. Every action may be repeated.
///
/// Both arguments must be complete: a row that could not be read would look like one that is gone.
std::vector<Action> Plan(const Desired& desired, const Actual& actual);

}  // namespace sf::reconcile
