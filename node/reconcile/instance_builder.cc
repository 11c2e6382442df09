// SPDX-License-Identifier: Apache-2.0
#include "node/reconcile/instance_builder.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "compute/domain_xml.h"
#include "images/config_drive.h"
#include "images/file.h"
#include "images/image_ref.h"
#include "images/qcow2.h"
#include "node/base/log.h"
#include "node/base/request_scope.h"
#include "node/base/tcp_port.h"
#include "node/reconcile/nvram.h"

namespace sf::reconcile {
namespace {

using compute::InstanceFiles;

constexpr std::uint64_t kGigabyte = std::uint64_t{1} << 30;
constexpr int kPortAttempts = 3;

Result<void> MakeFolder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (!error) {
    // QEMU runs as a user of its own and must pass through; nobody needs to list.
    constexpr auto kPassThrough = std::filesystem::perms(0711);
    std::filesystem::permissions(folder, kPassThrough, error);
  }
  if (error) return Fail(Code::kInternal, "cannot make {}: {}", folder.string(), error.message());
  return {};
}

/// Disks and config drives hold what only their guest should know: libvirt gives them to QEMU's
/// user when the domain starts, and nobody else on this host needs to read them.
Result<void> MakePrivate(const std::filesystem::path& file) {
  std::error_code error;
  std::filesystem::permissions(file, std::filesystem::perms(0600), error);
  if (error) return Fail(Code::kInternal, "cannot protect {}: {}", file.string(), error.message());
  return {};
}

/// What its guest is told of `interface`. Whoever asks by DHCP is told the same.
images::ConfigDriveInterface ToDriveInterface(const Interface& interface, const Network& network,
                                              int mtu) {
  images::ConfigDriveInterface drive;
  drive.mac = interface.mac;
  drive.mtu = mtu;
  drive.dhcp = network.provide_dhcp && !interface.ipv4.empty();
  drive.ipv4 = interface.ipv4;
  drive.prefix = network.netblock.prefix_length();
  if (network.provide_nat) drive.gateway = ToString(network.netblock.gateway());
  return drive;
}

/// Empty for a network that leads nowhere.
std::string DnsServerOf(const Network& network, const std::string& outside) {
  if (network.provide_dns) return ToString(network.netblock.gateway());
  return network.provide_nat ? outside : "";
}

}  // namespace

Result<void> InstanceBuilder::Build(const InstanceId& id) {
  const RequestScope scope(store_.instances.RequestOf(id).value_or(""));
  Steps steps("build", metrics_);
  auto claimed = steps.Run("claim", [&] { return store_.instances.Claim(id); });
  // Deleted or failed meanwhile.
  if (!claimed && claimed.error().code == Code::kConflict) return {};
  if (!claimed) return claimed;
  Instance instance = TRY(store_.instances.Find(id));

  const auto images = steps.Run("images", [&] { return FindImages(instance); });
  // An image that was evicted since the plan was made is fetched again by the next plan.
  if (!images && images.error().code == Code::kNotReady) return {};
  auto made = images ? MakeAndStart(instance, *images, steps)
                     : Result<void>(tl::unexpected(images.error()));
  if (!made && made.error().code == Code::kUnavailable) return made;
  if (!made) {
    TRY(hypervisor_.Remove(id));
    TRY(RemoveFiles(id));
    log::Warn("instance failed instance={} error={}", id, made.error().message);
    return store_.instances.Fail(id, made.error().message);
  }

  std::vector<std::string> digests;
  for (const auto& image : images->of_disk) digests.push_back(image ? image->sha256 : "");
  auto done = steps.Run("record", [&] {
    return store_.instances.Built(instance, digests,
                                  {.object_type = "instance",
                                   .object = id.value,
                                   .message = "instance created",
                                   .extra = {{"stages_ms", steps.milliseconds()}},
                                   .duration_s = steps.seconds()});
  });
  // Deleted while it was built: the next plan removes what was made.
  if (!done && done.error().code == Code::kConflict) return {};
  if (done) log::Info("instance created instance={} seconds={:.3f}", id, steps.seconds());
  return done;
}

Result<void> InstanceBuilder::MakeAndStart(Instance& instance, const Images& images, Steps& steps) {
  const InstanceFiles files = FilesOf(instance.uuid);
  TRY(steps.Run("folder", [&] { return MakeFolder(files.folder()); }));
  TRY(steps.Run("disks", [&] { return MakeDisks(instance, images); }));
  TRY(steps.Run("nvram", [&] { return MakeNvram(store_, shelf_, instance.spec, files.nvram()); }));
  const auto nics = TRY(steps.Run("mesh", [&] { return JoinMeshes(instance); }));
  if (instance.spec.config_drive) {
    TRY(steps.Run("config_drive", [&] { return WriteConfigDrive(instance, nics); }));
  }
  return Start(instance, nics, steps);
}

Result<std::vector<InstanceBuilder::Nic>> InstanceBuilder::JoinMeshes(
    const Instance& instance) const {
  std::vector<Nic> nics;
  for (const Interface& interface : instance.interfaces) {
    if (interface.state == "error") continue;  // libvirt has refused it.
    Network network = TRY(store_.networks.Find(interface.network));
    MeshEnd end = TRY(plugs_.join(network, interface));
    nics.push_back({interface, std::move(network), std::move(end)});
  }
  return nics;
}

Result<void> InstanceBuilder::MakeNics(const InstanceId& id) const {
  TRY(JoinMeshes(TRY(store_.instances.Find(id))));
  return {};
}

Result<InstanceBuilder::Images> InstanceBuilder::FindImages(const Instance& instance) const {
  Images images;
  for (const InstanceDisk& disk : instance.disks) {
    if (disk.url.empty()) {
      images.of_disk.emplace_back();
      continue;
    }
    auto image = cache_.Find(TRY(images::ParseImageSource(disk.url)));
    if (!image) return Fail(Code::kNotReady, "{} is not in the cache", disk.url);
    const auto wanted = static_cast<std::uint64_t>(disk.size_gb) * kGigabyte;
    if (disk.size_gb > 0 && wanted < image->virtual_bytes) {
      return Fail(Code::kInvalid, "disk {} has {} GB, and its image {} needs {} bytes", disk.device,
                  disk.size_gb, disk.url, image->virtual_bytes);
    }
    cache_.Touch(image->sha256);
    images.of_disk.push_back(std::move(image));
  }
  return images;
}

Result<void> InstanceBuilder::MakeDisks(const Instance& instance, const Images& images) const {
  // A domain that runs already was started before a crash came; its disks are in use.
  const auto state = hypervisor_.State(instance.uuid);
  if (state && !IsOff(*state)) return {};
  if (!state && state.error().code != Code::kNotFound) return tl::unexpected(state.error());
  const InstanceFiles files = FilesOf(instance.uuid);
  for (std::size_t i = 0; i < instance.disks.size(); ++i) {
    const auto& image = images.of_disk[i];
    const auto asked = static_cast<std::uint64_t>(instance.disks[i].size_gb) * kGigabyte;
    const std::uint64_t size = std::max(asked, image ? image->virtual_bytes : 0);
    TRY(images::WriteOverlay(files.Disk(i), size,
                             image ? std::optional(image->path) : std::nullopt));
    TRY(MakePrivate(files.Disk(i)));
  }
  return {};
}

Result<void> InstanceBuilder::WriteConfigDrive(const Instance& instance,
                                               const std::vector<Nic>& nics) const {
  images::ConfigDriveSpec drive;
  drive.uuid = instance.uuid;
  drive.name = instance.spec.name;
  drive.hostname = instance.spec.name;
  drive.owner = instance.spec.name_space;
  drive.availability_zone = settings_.zone;
  drive.ssh_key = instance.spec.ssh_key;
  if (instance.spec.user_data) {
    drive.user_data = TRY(images::DecodeBase64(*instance.spec.user_data));
  }
  drive.metadata = instance.metadata;
  for (const Nic& nic : nics) {
    drive.interfaces.push_back(ToDriveInterface(nic.interface, nic.network, nic.end.mtu));
    const std::string dns = DnsServerOf(nic.network, settings_.dns_server);
    if (!dns.empty() && std::ranges::find(drive.dns_servers, dns) == drive.dns_servers.end()) {
      drive.dns_servers.push_back(dns);
    }
  }
  const std::filesystem::path path = FilesOf(instance.uuid).config_drive();
  TRY(images::WriteConfigDrive(path, drive));
  return MakePrivate(path);
}

Result<void> InstanceBuilder::Start(Instance& instance, const std::vector<Nic>& nics,
                                    Steps& steps) {
  // A port may be taken by a stranger's program, which no row knows of.
  for (int attempt = 1;; ++attempt) {
    TRY(steps.Run("ports", [&] { return AvoidTakenPorts(instance); }));
    const std::string xml = TRY(steps.Run("domain_xml", [&]() -> Result<std::string> {
      const auto spec = TRY(ToDomainSpec(instance, nics));
      return compute::DomainXml(spec, templates_);
    }));
    // For the operator to read; libvirt has its own copy.
    TRY(images::WriteWhole(FilesOf(instance.uuid).domain_xml(), xml,
                           images::Durability::kOrdinary));
    const auto started =
        steps.Run("libvirt", [&] { return hypervisor_.Start(instance.uuid, xml); });
    if (started) {
      steps.Took("libvirt_define", started->define);
      steps.Took("libvirt_create", started->create);
      return {};
    }
    const bool port_taken = !IsPortFree(settings_.console_address, instance.console_port) ||
                            !IsPortFree(settings_.console_address, instance.vdi_port);
    if (!port_taken || attempt == kPortAttempts) return tl::unexpected(started.error());
  }
}

Result<void> InstanceBuilder::AvoidTakenPorts(Instance& instance) {
  // Our own QEMU from before a crash holds them rightly.
  if (const auto state = hypervisor_.State(instance.uuid);
      state && state->power == compute::Power::kOn) {
    return {};
  }
  for (int attempt = 1; attempt <= kPortAttempts; ++attempt) {
    if (IsPortFree(settings_.console_address, instance.console_port) &&
        IsPortFree(settings_.console_address, instance.vdi_port)) {
      return {};
    }
    TRY(store_.instances.ReplacePorts(instance.uuid));
    const Instance fresh = TRY(store_.instances.Find(instance.uuid));
    instance.console_port = fresh.console_port;
    instance.vdi_port = fresh.vdi_port;
  }
  return Fail(Code::kNoCapacity, "no free port for a console was found in {} attempts",
              kPortAttempts);
}

Result<compute::DomainSpec> InstanceBuilder::ToDomainSpec(const Instance& instance,
                                                          const std::vector<Nic>& nics) const {
  const InstanceFiles files = FilesOf(instance.uuid);
  const InstanceSpec& spec = instance.spec;
  compute::DomainSpec domain;
  domain.id = instance.uuid;
  domain.title = spec.name;
  domain.cluster_id = settings_.cluster_id;
  domain.virt_type = settings_.virt_type;
  domain.cpus = static_cast<int>(spec.cpus);
  domain.memory_mib = static_cast<int>(spec.memory_mb);
  domain.machine = spec.secure_boot ? compute::Machine::kQ35 : compute::Machine::kPc;
  domain.uefi = spec.uefi;
  domain.secure_boot = spec.secure_boot;
  domain.nvram = spec.uefi ? files.nvram().string() : "";
  std::vector<compute::DiskRequest> requests;
  for (std::size_t i = 0; i < spec.disks.size(); ++i) {
    requests.push_back(
        {TRY(compute::ParseBus(spec.disks[i].bus.value_or(""))),
         instance.disks[i].type == "cdrom" ? compute::DiskType::kCdrom : compute::DiskType::kDisk});
  }
  const compute::DeviceLayout layout =
      TRY(compute::AssignDevices(requests, domain.machine, spec.config_drive));
  for (std::size_t i = 0; i < layout.disks.size(); ++i) {
    // Read from the disk itself: by now the cache may hold a newer image of the same URL.
    const auto backing = TRY(images::ReadBackingFile(files.Disk(i)));
    domain.disks.push_back({.path = files.Disk(i).string(),
                            .format = "qcow2",
                            .device = layout.disks[i],
                            .read_only = instance.disks[i].type == "cdrom",
                            .backing = backing.value_or("").string()});
  }
  if (layout.config_drive) {
    domain.disks.push_back({.path = files.config_drive().string(),
                            .format = "raw",
                            .device = *layout.config_drive,
                            .read_only = true,
                            .bootable = false});
  }
  for (const Nic& nic : nics) {
    domain.interfaces.push_back({nic.end.tap, nic.interface.mac, nic.interface.model, nic.end.mtu});
  }
  domain.console = {settings_.console_address, static_cast<std::uint16_t>(instance.console_port)};
  domain.console_log = files.console_log().string();
  domain.vdi_type = spec.video.vdi == "vnc" ? compute::VdiType::kVnc : compute::VdiType::kSpice;
  domain.vdi = {settings_.console_address, static_cast<std::uint16_t>(instance.vdi_port)};
  domain.video_model = spec.video.model;
  domain.video_memory_kib = static_cast<int>(spec.video.memory_kib);
  for (const std::string& channel : spec.side_channels) {
    domain.side_channels.push_back({channel, files.Channel(channel).string()});
  }
  return domain;
}

Result<void> InstanceBuilder::Restart(const InstanceId& id) {
  Steps steps("restart", metrics_);
  Instance instance = TRY(store_.instances.Find(id));
  if (instance.state != InstanceState::kCreated || !instance.power_wanted) return {};
  // A mesh that cannot be joined now is tried again: the instance is not lost for that.
  const auto nics = TRY(steps.Run("mesh", [&] { return JoinMeshes(instance); }));
  auto started = Start(instance, nics, steps);
  // A libvirtd that is away comes back, and a full disk is emptied: it is tried until then.
  const bool passing = !started && (started.error().code == Code::kUnavailable ||
                                    started.error().code == Code::kNoCapacity);
  if (passing) return started;
  if (!started) {
    // Its disks are kept: a person may still want what is on them.
    log::Warn("instance could not be started again instance={} error={}", id,
              started.error().message);
    return store_.instances.Fail(id, "could not be started again: " + started.error().message);
  }
  TRY(store_.instances.RecordPower(id, "on", /*switched_off=*/false));
  log::Info("instance started again instance={}", id);
  return store_.events.Add({.object_type = "instance",
                            .object = id.value,
                            .message = "instance started again after its domain had ended",
                            .extra = {{"stages_ms", steps.milliseconds()}},
                            .duration_s = steps.seconds()});
}

Result<void> InstanceBuilder::Stop(const InstanceId& id) {
  // A pass may have seen the wish of a power call that was just being carried out.
  const Instance instance = TRY(store_.instances.Find(id));
  if (instance.state != InstanceState::kCreated || instance.power_wanted) return {};
  if (IsOff(TRY(hypervisor_.State(id)))) return RecordPower(id);
  TRY(hypervisor_.PowerOff(id));
  TRY(RecordPower(id));
  return store_.events.Add({.object_type = "instance",
                            .object = id.value,
                            .message = "instance switched off, as had been asked for"});
}

Result<void> InstanceBuilder::RecordPower(const InstanceId& id) {
  const compute::DomainState state = TRY(hypervisor_.State(id));
  return store_.instances.RecordPower(id, std::string(ToString(state.power)),
                                      state.by_guest_or_owner);
}

Result<void> InstanceBuilder::RemoveFiles(const InstanceId& id) const {
  std::error_code error;
  std::filesystem::remove_all(FilesOf(id).folder(), error);
  if (error) {
    return Fail(Code::kInternal, "cannot remove {}: {}", FilesOf(id).folder().string(),
                error.message());
  }
  return {};
}

Result<void> InstanceBuilder::Remove(const InstanceId& id, bool has_row) {
  const RequestScope scope(store_.instances.RequestOf(id).value_or(""));
  Steps steps("remove", metrics_);
  TRY(steps.Run("libvirt", [&] { return hypervisor_.Remove(id); }));
  TRY(steps.Run("nics", [&] { return plugs_.leave(id); }));
  TRY(steps.Run("files", [&] { return RemoveFiles(id); }));
  if (has_row) {
    auto deleted = steps.Run("record", [&] { return store_.instances.Deleted(id); });
    if (!deleted && deleted.error().code != Code::kConflict) return deleted;
  }
  log::Info("instance removed instance={} seconds={:.3f}", id, steps.seconds());
  return {};
}

}  // namespace sf::reconcile
