// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "node/base/result.h"

namespace sf::compute {

enum class Machine { kPc, kQ35 };
enum class Bus { kVirtio, kScsi, kSata, kUsb, kIde };
enum class DiskType { kDisk, kCdrom };

std::string_view ToString(Machine machine);
std::string_view ToString(Bus bus);
std::string_view ToString(DiskType type);

/// A bus as a user may ask for it; nothing is virtio. kInvalid for "ide", which only our own
/// cdroms use, and for "nvme": libvirt 9 can pass a host's NVMe device through, but has none for a
/// file.
Result<Bus> ParseBus(std::string_view name);

struct DiskRequest {
  Bus bus = Bus::kVirtio;
  DiskType type = DiskType::kDisk;
};

/// Where a disk is plugged in: "vda" on virtio, ...
struct Device {
  std::string name;
  Bus bus = Bus::kVirtio;
  DiskType type = DiskType::kDisk;
  bool operator==(const Device&) const = default;
};

struct DeviceLayout {
  std::vector<Device> disks;  ///< One for each request, in the same order.
  std::optional<Device> config_drive;
};

/// Names a machine's disks: prefix by bus, letter by position, and the config drive takes position
/// 1 on the bus asked for by the first disk, so that the usual guest has vda, then vdb as its
/// config drive, then vdc. The names are part of the HTTP interface.
///
/// kInvalid when there are more disks than the letters, or the four places on the IDE bus, allow.
Result<DeviceLayout> AssignDevices(std::span<const DiskRequest> disks, Machine machine,
                                   bool config_drive);

}  // namespace sf::compute
