// SPDX-License-Identifier: Apache-2.0
#include "compute/device_names.h"

#include <cstddef>

namespace sf::compute {
namespace {

constexpr std::size_t kMaxDisks = 26;
constexpr int kMaxIdeDisks = 4;

std::string_view Prefix(Bus bus) {
  switch (bus) {
    case Bus::kVirtio: return "vd";
    case Bus::kIde: return "hd";
    case Bus::kScsi:
    case Bus::kSata:
    case Bus::kUsb: return "sd";
  }
  return "";
}

/// virtio has no cdrom: it goes where the machine's own firmware and every guest look for one.
Bus BusOf(const DiskRequest& request, Machine machine) {
  if (request.bus != Bus::kVirtio || request.type != DiskType::kCdrom) return request.bus;
  return machine == Machine::kPc ? Bus::kIde : Bus::kSata;
}

/// QEMU's SATA disks cannot be read-only, which the config drive is; a cdrom always is.
DiskType ConfigDriveType(Bus bus) { return bus == Bus::kSata ? DiskType::kCdrom : DiskType::kDisk; }

}  // namespace

std::string_view ToString(Machine machine) { return machine == Machine::kPc ? "pc" : "q35"; }

std::string_view ToString(Bus bus) {
  switch (bus) {
    case Bus::kVirtio: return "virtio";
    case Bus::kScsi: return "scsi";
    case Bus::kSata: return "sata";
    case Bus::kUsb: return "usb";
    case Bus::kIde: return "ide";
  }
  return "";
}

std::string_view ToString(DiskType type) { return type == DiskType::kDisk ? "disk" : "cdrom"; }

Result<Bus> ParseBus(std::string_view name) {
  if (name.empty()) return Bus::kVirtio;
  for (const Bus bus : {Bus::kVirtio, Bus::kScsi, Bus::kSata, Bus::kUsb}) {
    if (name == ToString(bus)) return bus;
  }
  return Fail(Code::kInvalid, "disk bus '{}' is not one of virtio, scsi, sata, usb", name);
}

Result<DeviceLayout> AssignDevices(std::span<const DiskRequest> disks, Machine machine,
                                   bool config_drive) {
  const std::size_t total = disks.size() + (config_drive ? 1 : 0);
  if (total > kMaxDisks) {
    return Fail(Code::kInvalid, "{} disks are more than the {} that can be named", total,
                kMaxDisks);
  }
  DeviceLayout layout;
  std::size_t position = 0;
  int ide_position = 0;  // IDE has few places, so its letters count only what is on it.
  for (const DiskRequest& request : disks) {
    if (config_drive && position == 1) ++position;
    const Bus bus = BusOf(request, machine);
    if (bus == Bus::kIde && ide_position == kMaxIdeDisks) {
      return Fail(Code::kInvalid, "more than {} cdroms without a bus of their own", kMaxIdeDisks);
    }
    const auto letter = 'a' + (bus == Bus::kIde ? ide_position++ : static_cast<int>(position));
    layout.disks.push_back(
        {fmt::format("{}{}", Prefix(bus), static_cast<char>(letter)), bus, request.type});
    ++position;
  }
  if (config_drive) {
    const Bus bus = disks.empty() ? Bus::kVirtio : disks.front().bus;
    layout.config_drive = Device{fmt::format("{}b", Prefix(bus)), bus, ConfigDriveType(bus)};
  }
  return layout;
}

}  // namespace sf::compute
