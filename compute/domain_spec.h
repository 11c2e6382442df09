// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "compute/device_names.h"
#include "node/base/id.h"

namespace sf::compute {

enum class VirtType { kKvm, kQemu };
enum class VdiType { kVnc, kSpice };

struct DomainDisk {
  std::string path;
  std::string format;  ///< "qcow2" or "raw".
  Device device;       ///< From AssignDevices().
  bool read_only = false;
  bool bootable = true;  ///< Tried in the order of the list.
  std::string cache = "none";
  std::string backing = {};  ///< The qcow2 image that lies below it, which it shares with others.
};

struct DomainInterface {
  std::string tap;  ///< the device at the host's end, which is there before the domain starts
  std::string mac;
  std::string model = "virtio";
  int mtu = 1500;
};

/// A virtio-serial port in the guest, and the Unix socket at which it ends on the host.
struct SideChannel {
  std::string name;
  std::string socket;
};

struct Endpoint {
  std::string address;
  std::uint16_t port = 0;
};

/// What a domain should be, in plain values. All paths are absolute, and whatever they name exists
/// before the domain starts, except logs, sockets and nvram.
struct DomainSpec {
  InstanceId id;
  std::string title;  ///< The instance's name.
  std::string cluster_id;
  VirtType virt_type = VirtType::kQemu;
  int cpus = 1;
  int memory_mib = 0;
  Machine machine = Machine::kPc;
  bool uefi = false;
  bool secure_boot = false;  ///< Needs uefi and Machine::kQ35.
  std::string nvram;         ///< With uefi only.
  std::vector<DomainDisk> disks;
  std::vector<DomainInterface> interfaces;
  Endpoint console;
  std::string console_log;
  VdiType vdi_type = VdiType::kVnc;
  Endpoint vdi;
  std::string video_model = "cirrus";
  int video_memory_kib = 16384;
  std::vector<SideChannel> side_channels;
};

/// What all names of this cluster's domains begin with: "sf-", 8 digits of the cluster's id, "-".
/// A domain with another name is a stranger's.
std::string DomainPrefix(const std::string& cluster_id);
std::string DomainName(const std::string& cluster_id, const InstanceId& id);

/// Whether `model` is a video card that a domain may ask for by name.
bool IsVideoModel(std::string_view model);
/// Likewise a NIC.
bool IsNicModel(std::string_view model);

}  // namespace sf::compute
