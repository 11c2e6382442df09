// SPDX-License-Identifier: Apache-2.0
#include "node/daemon_settings.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <system_error>
#include <utility>

#include "compute/capacity.h"
#include "compute/kvm_probe.h"
#include "node/base/log.h"

namespace sf {
namespace {

constexpr std::chrono::seconds kKvmProbeDeadline{2};
constexpr std::uint64_t kGigabyte = std::uint64_t{1} << 30;
constexpr std::uint64_t kMegabyte = std::uint64_t{1} << 20;

/// sf-services lies where a package puts it, or a build.
std::string FindServicesProgram() {
  std::error_code error;
  const auto here = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  for (const char* place : {"libexec/shakenfist/sf-services", "net/sf-services"}) {
    const auto path = here.parent_path() / place;
    if (std::filesystem::exists(path, error)) return path.string();
  }
  return {};
}

/// What instances may take of this host in all.
Capacity OfferedRoom(const Config& config) {
  const auto host = compute::ReadCapacity(config.storage_path);
  if (!host) {
    // Offering nothing until it can be read again is the safe side.
    log::Error("this host's capacity is unknown error={}", host.error().message);
    return {};
  }
  const auto offered = [](std::uint64_t amount, std::uint64_t reserve, double ratio) {
    const std::uint64_t left = amount - std::min(amount, reserve);
    return static_cast<std::int64_t>(static_cast<double>(left) * ratio);
  };
  // Instances may have what is free and what they already take up, however full others made it.
  const auto taken = compute::AllocatedBytes(config.storage_path / "instances");
  const std::uint64_t disk_bytes = host->disk.free_bytes + taken.value_or(0);
  return {offered(static_cast<std::uint64_t>(host->cpus), 0, config.cpu_overcommit_ratio),
          offered(host->memory.total_bytes / kMegabyte, config.ram_reserve_mib,
                  config.ram_overcommit_ratio),
          offered(disk_bytes / kGigabyte, config.disk_reserve_gib, 1)};
}

}  // namespace

Result<void> MakeFolders(const std::filesystem::path& storage) {
  for (const auto& folder :
       {storage, storage / "instances", storage / "images", storage / "services"}) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    // QEMU's own user passes through to the disks; it need not list.
    if (!error) std::filesystem::permissions(folder, std::filesystem::perms(0711), error);
    if (error) return Fail(Code::kInternal, "cannot make {}: {}", folder.string(), error.message());
  }
  return {};
}

store::DatabaseOptions ToDatabaseOptions(const Config& config) {
  store::DatabaseOptions options;
  for (const auto& host : config.sql.hosts) options.hosts.push_back({host.name, host.port});
  options.user = config.sql.user;
  options.password = config.sql.password;
  options.database = config.sql.database;
  options.connections = config.database_connections;
  return options;
}

std::unique_ptr<store::Store> OpenStore(const Config& config) {
  return std::make_unique<store::Store>(
      ToDatabaseOptions(config), NodeId(config.node_name),
      store::PortRange{config.console_ports.first, config.console_ports.last});
}

images::ImageLimits ToImageLimits(const Config& config, ReadCluster cluster) {
  images::ImageLimits limits;
  limits.transfer.guard = [rules = config.image_rules,
                           cluster = std::move(cluster)](const HttpTarget& target) {
    std::set<std::string> nodes = ReadOwnAddresses();
    const auto view = cluster();
    for (const MemberView& member : view->members)
      nodes.insert(ToString(IpAddress{member.address.ip}));
    return rules.Judge(target, nodes);
  };
  limits.transfer.stall_timeout = config.image_stall_timeout;
  limits.disk.max_unpacked_bytes = config.image_max_gib * kGigabyte;
  limits.check_interval = config.image_check_interval;
  return limits;
}

images::UploadLimits ToUploadLimits(const Config& config) {
  return {config.upload_max_bytes, config.disk_reserve_gib * kGigabyte};
}

reconcile::Agents::Settings ToAgentSettings(const Config& config) {
  return {{.self = NodeId(config.node_name),
           .most_bytes = config.upload_max_bytes,
           .reserve_bytes = config.disk_reserve_gib * kGigabyte},
          config.agent_deadline};
}

api::HttpOptions ToHttpOptions(const Config& config, const api::TlsServer* tls) {
  api::HttpOptions options;
  options.addresses = config.api_addresses;
  options.port = config.api_port;
  options.threads = config.api_threads;
  options.max_connections = config.api_connections;
  options.max_held_bytes = config.api_buffers;
  options.limits.body = config.max_body;
  options.limits.request = options.limits.piece = config.api_timeout;
  options.limits.write = 3 * config.api_timeout;
  options.tls = tls;
  return options;
}

net::MeshSettings ToMeshSettings(const Config& config, const std::string& cluster_id) {
  return {.cluster_id = cluster_id,
          .nic = config.node_mesh_nic,
          .local = IpAddress::Parse(config.node_ip).value_or(IpAddress()),
          .port = static_cast<std::uint16_t>(config.mesh_port)};
}

reconcile::ShelfSettings ToShelfSettings(const Config& config) {
  return {.self = NodeId(config.node_name),
          .folder = config.storage_path / "images",
          .reserve_bytes = config.disk_reserve_gib * kGigabyte,
          .copies = config.blob_copies,
          .lost_grace = config.node_lost_grace};
}

reconcile::ServicesSettings ToServicesSettings(const Config& config,
                                               const ClusterSecrets& secrets) {
  reconcile::ServicesSettings settings;
  settings.mesh = ToMeshSettings(config, secrets.cluster_id);
  settings.term_key = net::MakeTermKey(secrets.token_secret);
  settings.docker_socket = "/run/docker.sock";
  settings.image = config.services_image;
  settings.program = FindServicesProgram();
  settings.dnsmasq = "/usr/sbin/dnsmasq";
  settings.folder = config.storage_path / "services";
  settings.egress_nic = config.node_egress_nic;
  settings.floating_network = config.floating_network;
  for (const auto& [name, port] : config.sql.hosts) {
    settings.databases.emplace_back(name, static_cast<std::uint16_t>(port));
  }
  if (const auto server = IpAddress::Parse(config.dns_server)) settings.dns_servers = {*server};
  return settings;
}

Result<compute::VirtType> ChooseVirtType(const Config& config) {
  if (config.virt_type == VirtTypeChoice::kQemu) return compute::VirtType::kQemu;
  const auto usable = compute::KvmUsable("/proc/self/exe", kKvmProbeDeadline);
  if (usable) return compute::VirtType::kKvm;
  if (config.virt_type == VirtTypeChoice::kKvm) {
    return Fail(Code::kInternal, "VIRT_TYPE is kvm: {}", usable.error().message);
  }
  log::Info("instances are emulated, which is slow reason={}", usable.error().message);
  return compute::VirtType::kQemu;
}

gossip::Amounts RoomOf(const std::vector<Instance>& instances) {
  gossip::Amounts room;
  for (const Instance& instance : instances) {
    const bool in_error = instance.state == InstanceState::kError && !instance.lost_from;
    if (!in_error) {
      room.cpus += instance.spec.cpus;
      room.memory_mb += instance.spec.memory_mb;
    }
    const bool has_disks = !in_error || instance.power_state != "initial";
    if (has_disks) room.disk_gb += DiskTotalGb(instance.spec);
  }
  return room;
}

NodeRecord DescribeNode(const Config& config, const KeyRing& keys) {
  NodeRecord node;
  node.name = NodeId(config.node_name);
  node.ip = config.node_ip;
  node.fqdn = config.node_name;
  node.zone = config.zone;
  node.release = SF_VERSION;
  node.gossip_port = config.gossip_port;
  node.key_ring = Fingerprint(keys);
  node.limit = OfferedRoom(config);
  return node;
}

std::string ScreenHost(const Config& config) {
  const bool everywhere = config.console_address == "0.0.0.0" || config.console_address == "::";
  return everywhere ? config.node_ip : config.console_address;
}

std::string LocalUrl(const Config& config) {
  const auto& addresses = config.api_addresses;
  const bool loopback = std::ranges::find(addresses, "127.0.0.1") != addresses.end();
  const std::string& address = loopback ? "127.0.0.1" : addresses.front();
  const bool ipv6 = address.find(':') != std::string::npos;
  return fmt::format("{}://{}{}{}:{}", config.api_tls_cert.empty() ? "http" : "https",
                     ipv6 ? "[" : "", address, ipv6 ? "]" : "", config.api_port);
}

Result<void> EnsureFloatingNetwork(const Config& config, store::Store& store) {
  const Netblock netblock = TRY(store.networks.EnsureFloating(config.floating_network));
  if (netblock == config.floating_network) return {};
  log::Warn("FLOATING_NETWORK is not used, as addresses of another are taken wanted={} used={}",
            ToString(config.floating_network), ToString(netblock));
  return {};
}

}  // namespace sf
