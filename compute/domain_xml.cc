// SPDX-License-Identifier: Apache-2.0
#include "compute/domain_xml.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace sf::compute {
namespace {

using nlohmann::json;

/// A section that is open only if there is a value, which is then "." in it.
template <class T>
json Optional(bool present, T value) {
  return present ? json(value) : json(false);
}

json Disks(const DomainSpec& spec) {
  json disks = json::array();
  int boot_order = 0;
  for (const DomainDisk& disk : spec.disks) {
    const Device& device = disk.device;
    const bool scsi = device.bus == Bus::kScsi;
    if (disk.bootable) ++boot_order;
    disks.push_back({
        {"device", ToString(device.type)},
        {"format", disk.format},
        {"cache", disk.cache},
        {"path", disk.path},
        {"backing", Optional(!disk.backing.empty(), disk.backing)},
        {"target", device.name},
        {"bus", ToString(device.bus)},
        {"read_only", disk.read_only},
        {"boot_order", Optional(disk.bootable, boot_order)},
        // By default a controller takes only 7 disks, and libvirt would add others of its own
        // model.
        {"scsi_target", Optional(scsi, device.name.back() - 'a')},
    });
  }
  return disks;
}

json Interfaces(const DomainSpec& spec) {
  json interfaces = json::array();
  for (const DomainInterface& each : spec.interfaces) {
    interfaces.push_back(
        {{"mac", each.mac}, {"tap", each.tap}, {"model", each.model}, {"mtu", each.mtu}});
  }
  return interfaces;
}

json SideChannels(const DomainSpec& spec) {
  json channels = json::array();
  for (const SideChannel& each : spec.side_channels) {
    channels.push_back({{"channel", each.name}, {"socket", each.socket}});
  }
  return channels;
}

bool HasBus(const DomainSpec& spec, Bus bus) {
  return std::ranges::any_of(spec.disks,
                             [bus](const DomainDisk& disk) { return disk.device.bus == bus; });
}

}  // namespace

Result<std::string> DomainXml(const DomainSpec& spec, const Templates& templates) {
  if (spec.secure_boot && !(spec.uefi && spec.machine == Machine::kQ35)) {
    return Fail(Code::kInvalid, "instance {}: secure boot needs UEFI on a q35 machine", spec.id);
  }
  const bool kvm = spec.virt_type == VirtType::kKvm;
  const json values = {
      {"virt_type", kvm ? "kvm" : "qemu"},
      {"kvm", kvm},
      {"name", DomainName(spec.cluster_id, spec.id)},
      {"uuid", spec.id.value},
      {"title", spec.title},
      {"cluster", spec.cluster_id},
      {"memory_mib", spec.memory_mib},
      {"cpus", spec.cpus},
      {"machine", ToString(spec.machine)},
      {"uefi", spec.uefi},
      {"secure_boot", spec.secure_boot ? "yes" : "no"},
      {"nvram", spec.nvram},
      {"disks", Disks(spec)},
      {"has_scsi", HasBus(spec, Bus::kScsi)},
      {"has_usb", HasBus(spec, Bus::kUsb)},
      {"interfaces", Interfaces(spec)},
      {"console_address", spec.console.address},
      {"console_port", spec.console.port},
      {"console_log", spec.console_log},
      {"vdi_type", spec.vdi_type == VdiType::kVnc ? "vnc" : "spice"},
      {"vdi_address", spec.vdi.address},
      {"vdi_port", spec.vdi.port},
      {"video_model", spec.video_model},
      {"video_memory_kib", spec.video_memory_kib},
      {"side_channels", SideChannels(spec)},
  };
  return templates.Render("domain.xml", values);
}

Result<std::string> CopyXml(const std::vector<DiskCopy>& disks, const Templates& templates) {
  json list = json::array();
  for (const DiskCopy& disk : disks) list.push_back({{"target", disk.device}, {"path", disk.path}});
  return templates.Render("backup.xml", {{"disks", list}});
}

Result<std::string> InterfaceXml(const std::string& domain_xml, const std::string& mac) {
  constexpr std::string_view kEnd = "</interface>";
  const std::size_t found = domain_xml.find(mac);
  const std::size_t begin = domain_xml.rfind("<interface", found);
  const std::size_t end = domain_xml.find(kEnd, found);
  if (found == std::string::npos || begin == std::string::npos || end == std::string::npos) {
    return Fail(Code::kInvalid, "domain.xml has no interface with the MAC address {}", mac);
  }
  return domain_xml.substr(begin, end + kEnd.size() - begin);
}

Result<void> CheckDomainTemplate(const Templates& templates) {
  const DomainSpec least;  // Opens the sections for what is not there, and `most` all others.
  DomainSpec most;
  most.virt_type = VirtType::kKvm;
  most.uefi = true;
  most.disks = {{"/scsi", "raw", {"sda", Bus::kScsi, DiskType::kDisk}, true},
                {"/usb", "raw", {"sdb", Bus::kUsb, DiskType::kDisk}}};
  most.disks[0].backing = "/image";
  most.interfaces.push_back({.tap = "sf-0123456789ab", .mac = "02:00:00:00:00:01"});
  most.side_channels.emplace_back();
  TRY(DomainXml(least, templates));
  const std::string xml = TRY(DomainXml(most, templates));
  // A copy of the text from before there were taps would let guests speak without rules.
  if (xml.find("dev='" + most.interfaces[0].tap + "' managed='no'") == std::string::npos) {
    return Fail(Code::kInvalid,
                "template domain.xml: an interface is to have <target dev='{{{{tap}}}}' "
                "managed='no'/>, the device that has the rules for its guest");
  }
  TRY(CopyXml({{"vda", "/copy"}}, templates));
  return {};
}

}  // namespace sf::compute
