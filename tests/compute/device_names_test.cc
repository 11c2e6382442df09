// SPDX-License-Identifier: Apache-2.0
#include "compute/device_names.h"

#include <catch2/catch.hpp>
#include <vector>

namespace {

using namespace sf::compute;

std::vector<std::string> Names(const std::vector<DiskRequest>& disks, bool config_drive,
                               Machine machine = Machine::kPc) {
  const auto layout = AssignDevices(disks, machine, config_drive);
  std::vector<std::string> names;
  for (const Device& device : layout.value().disks) names.push_back(device.name);
  if (layout->config_drive) names.push_back("config:" + layout->config_drive->name);
  return names;
}

using Strings = std::vector<std::string>;

}  // namespace

TEST_CASE("AssignDevices: the usual guest has vda, its config drive vdb, then vdc") {
  CHECK(Names({{}, {}, {}}, true) == Strings{"vda", "vdc", "vdd", "config:vdb"});
  CHECK(Names({{}}, true) == Strings{"vda", "config:vdb"});
}

TEST_CASE("AssignDevices: without a config drive the second disk is vdb") {
  CHECK(Names({{}, {}}, false) == Strings{"vda", "vdb"});
}

TEST_CASE("AssignDevices: prefixes follow the bus and letters the position") {
  CHECK(Names({{.bus = Bus::kScsi}, {.bus = Bus::kSata}, {.bus = Bus::kUsb}, {}}, true) ==
        Strings{"sda", "sdc", "sdd", "vde", "config:sdb"});
}

TEST_CASE("AssignDevices: a cdrom never sits on virtio") {
  const std::vector<DiskRequest> disks{{}, {.type = DiskType::kCdrom}};
  CHECK(AssignDevices(disks, Machine::kPc, true)->disks[1] ==
        Device{"hda", Bus::kIde, DiskType::kCdrom});
  CHECK(AssignDevices(disks, Machine::kQ35, true)->disks[1] ==
        Device{"sdc", Bus::kSata, DiskType::kCdrom});
}

TEST_CASE("AssignDevices: a config drive on SATA is a cdrom, for it must be read-only") {
  const std::vector<DiskRequest> disks{{.bus = Bus::kSata}};
  CHECK(AssignDevices(disks, Machine::kQ35, true)->config_drive ==
        Device{"sdb", Bus::kSata, DiskType::kCdrom});
}

TEST_CASE("AssignDevices: more disks than letters, or cdroms than IDE has places, are refused") {
  CHECK(AssignDevices(std::vector<DiskRequest>(25), Machine::kPc, true)->disks.back().name ==
        "vdz");
  CHECK(AssignDevices(std::vector<DiskRequest>(26), Machine::kPc, true).error().code ==
        sf::Code::kInvalid);
  const DiskRequest cdrom{.type = DiskType::kCdrom};
  CHECK(AssignDevices(std::vector(4, cdrom), Machine::kPc, false)->disks.back().name == "hdd");
  CHECK_FALSE(AssignDevices(std::vector(5, cdrom), Machine::kPc, false));
}

TEST_CASE("ParseBus: nothing is virtio; ide, nvme and unknown names are refused") {
  CHECK(ParseBus("").value() == Bus::kVirtio);
  CHECK(ParseBus("usb").value() == Bus::kUsb);
  for (const auto* name : {"ide", "nvme", "floppy", "VIRTIO"}) {
    CHECK(ParseBus(name).error().code == sf::Code::kInvalid);
  }
}
