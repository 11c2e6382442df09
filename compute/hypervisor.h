// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "compute/screen.h"
#include "node/base/id.h"
#include "node/base/result.h"

namespace sf::compute {

class LibvirtLink;  // Keeps libvirt.h out of every file that includes this one.

/// kCrashed: its QEMU ended by itself or was killed, or its guest panicked.
enum class Power { kOn, kOff, kPaused, kCrashed };
std::string_view ToString(Power power);

struct DomainState {
  Power power = Power::kOff;
  /// Off because its guest or its owner switched it off. False for what is off because QEMU or the
  /// host failed, which is ours to start again. A libvirtd that restarts forgets why a domain is
  /// off, and this turns false too: whoever sees it true has to write it down.
  bool by_guest_or_owner = false;
  bool operator==(const DomainState&) const = default;
};

/// Neither running nor paused.
inline bool IsOff(const DomainState& state) {
  return state.power == Power::kOff || state.power == Power::kCrashed;
}

/// What Start() did; both are zero for a domain that was running already.
struct StartTimes {
  std::chrono::steady_clock::duration define{0};
  std::chrono::steady_clock::duration create{0};
};

/// How far a copy of disks has come.
struct CopyProgress {
  bool done = false;
  std::uint64_t bytes = 0;
  std::uint64_t total_bytes = 0;
};

/// This host's virtual machines, as far as they are our cluster's: a domain whose name does not
/// begin with DomainPrefix() is never listed, and cannot be named here.
///
/// Everything is read from libvirt at each call, and every call may be repeated. The connection is
/// made when first needed and again after libvirtd has restarted; while it is away, calls give
/// kUnavailable. So does one that libvirtd, stopped or stuck, does not answer in time. It may still
/// be carried out, and until it has been, other calls on that domain are refused in the same way.
///
/// Thread: worker (libvirt blocks).
class Hypervisor {
 public:
  /// `uri` as libvirt has it, e.g. "qemu:///system". `patience`: with a single call.
  Hypervisor(std::string uri, const std::string& cluster_id,
             std::chrono::milliseconds patience = std::chrono::seconds(10));
  ~Hypervisor();

  Result<std::map<InstanceId, DomainState>> List();
  Result<DomainState> State(const InstanceId& id);

  /// Defines and starts the domain described by `xml`. One that is defined and off is defined anew;
  /// one that runs is left alone. A failure may leave it defined: Remove() is the undoing.
  Result<StartTimes> Start(const InstanceId& id, const std::string& xml);
  /// Ends and undefines it. Nothing of it is left in libvirt; files other than nvram are not ours.
  Result<void> Remove(const InstanceId& id);

  // Changes of power. One that is already so succeeds; an impossible one (pausing what is off) is
  // kConflict. A domain must be there: kNotFound.
  Result<void> PowerOn(const InstanceId& id);
  Result<void> PowerOff(const InstanceId& id);    ///< Pulls the plug.
  Result<void> RebootSoft(const InstanceId& id);  ///< Asks the guest, by its power button.
  /// Pushes the reset button: the QEMU process, its ports and logs stay. Not off and on again, for
  /// a crash of ours in between would leave a domain that looks switched off by its owner.
  Result<void> RebootHard(const InstanceId& id);
  Result<void> Pause(const InstanceId& id);
  Result<void> Unpause(const InstanceId& id);

  /// Gives it the NIC of that MAC address which `xml` describes, now if it runs, and for its next
  /// start. One that has it already is left alone.
  Result<void> Plug(const InstanceId& id, const std::string& mac, const std::string& xml);

  /// What is on its screen, as a PNG. kConflict when it is off.
  Result<std::string> Screenshot(const InstanceId& id);
  /// Gives its screen a new password, which lets viewers in for so long; those who are in stay in.
  /// The one before lets nobody in any more. kConflict when it is off.
  Result<Screen> OpenScreen(const InstanceId& id, std::chrono::seconds validity);

  /// Begins what `xml`, of CopyXml(), asks for. Its guest writes on meanwhile, and its disks stay
  /// as they are. The copy is libvirt's: it goes on without us, until it is done, aborted, or the
  /// domain is off. kConflict when it is off, or another copy is under way.
  Result<void> BeginCopy(const InstanceId& id, const std::string& xml);
  /// kInternal once the copy has failed: its files are incomplete. kConflict when it is off.
  Result<CopyProgress> FollowCopy(const InstanceId& id);
  /// Succeeds also when there is none.
  Result<void> AbortCopy(const InstanceId& id);

  /// For people: "libvirt 9.0.0, QEMU 7.2.22".
  Result<std::string> Version();

 private:
  const std::shared_ptr<LibvirtLink> link_;  // calls that are stuck share it
};

}  // namespace sf::compute
