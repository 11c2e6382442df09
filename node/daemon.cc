// SPDX-License-Identifier: Apache-2.0
#include "node/daemon.h"

#include <malloc.h>
#include <systemd/sd-daemon.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <system_error>
#include <thread>
#include <utility>

#include "compute/capacity.h"
#include "compute/domain_xml.h"
#include "compute/kvm_probe.h"
#include "node/base/log.h"
#include "node/base/uuid.h"
#include "node/store/schema.h"

namespace sf {
namespace {

using namespace std::chrono_literals;

constexpr auto kHeartbeatPeriod = 10s;
constexpr auto kMaintenancePeriod = 60s;
constexpr auto kDatabaseRetry = 2s;
constexpr auto kKvmProbeDeadline = 2s;
constexpr std::size_t kMaxWaitingJobs = 10'000;
// Deleted objects stay readable by their UUID for an hour, as clients that wait for the end of one
// expect; namespaces for seconds only, because an ansible task takes a deleted one for a live one.
constexpr double kDeletedAge = 3600;
constexpr double kDeletedNamespaceAge = 10;
constexpr double kEventAge = 90 * 86400.0;
constexpr int kReapBatch = 500;
constexpr std::uint64_t kGigabyte = std::uint64_t{1} << 30;
constexpr std::uint64_t kMegabyte = std::uint64_t{1} << 20;

Result<void> MakeFolders(const std::filesystem::path& storage) {
  for (const auto& folder : {storage, storage / "instances", storage / "images"}) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    // QEMU's own user passes through to the disks; it need not list.
    if (!error) std::filesystem::permissions(folder, std::filesystem::perms(0711), error);
    if (error) return Fail(Code::kInternal, "cannot make {}: {}", folder.string(), error.message());
  }
  return {};
}

/// What the operator chose; for auto, KVM only if it has been seen to run a guest.
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

images::ImageLimits ToImageLimits(const Config& config) {
  images::ImageLimits limits;
  limits.transfer.stall_timeout = config.image_stall_timeout;
  limits.disk.max_unpacked_bytes = config.image_max_gib * kGigabyte;
  limits.check_interval = config.image_check_interval;
  return limits;
}

api::HttpOptions ToHttpOptions(const Config& config) {
  api::HttpOptions options;
  options.addresses = config.api_addresses;
  options.port = config.api_port;
  options.threads = config.api_threads;
  options.limits.body = config.max_body;
  return options;
}

}  // namespace

std::unique_ptr<store::Store> OpenStore(const Config& config) {
  store::DatabaseOptions options;
  for (const auto& host : config.sql.hosts) options.hosts.push_back({host.name, host.port});
  options.user = config.sql.user;
  options.password = config.sql.password;
  options.database = config.sql.database;
  options.connections = config.database_connections;
  return std::make_unique<store::Store>(
      std::move(options), NodeId(config.node_name),
      store::PortRange{config.console_ports.first, config.console_ports.last});
}

Result<Daemon::Shared> Daemon::ReadShared(store::Store& store) {
  constexpr std::size_t kSecretBytes = 32;
  for (;;) {
    const auto migrated = store::Migrate(store.database);
    if (migrated) {
      if (migrated->from != migrated->to) {
        log::Info("schema migrated from={} to={}", migrated->from, migrated->to);
      }
      break;
    }
    // A database that starts after us is ordinary when a whole rack comes up.
    if (migrated.error().code != Code::kUnavailable) return tl::unexpected(migrated.error());
    log::Warn("waiting for the database error={}", migrated.error().message);
    std::this_thread::sleep_for(kDatabaseRetry);
  }
  Shared shared;
  shared.cluster_id = TRY(store.cluster.GetOrMake("id", MakeUuid()));
  shared.token_secret = TRY(store.cluster.GetOrMake("token_secret", RandomHex(kSecretBytes)));
  return shared;
}

Result<std::unique_ptr<Daemon>> Daemon::Build(const Config& config) {
  Templates templates = TRY(Templates::Load(config.template_path));
  TRY(compute::CheckDomainTemplate(templates));
  TRY(MakeFolders(config.storage_path));
  StorageLock lock = TRY(StorageLock::Take(config.storage_path));
  const compute::VirtType virt_type = TRY(ChooseVirtType(config));
  auto store = OpenStore(config);
  const Shared shared = TRY(ReadShared(*store));
  auto daemon = std::unique_ptr<Daemon>(new Daemon(config, std::move(lock), std::move(store),
                                                   std::move(templates), shared, virt_type));
  TRY(daemon->cache_.Recover());
  TRY(daemon->store_->nodes.Register(daemon->Describe()));
  return daemon;
}

Daemon::Daemon(const Config& config, StorageLock lock, std::unique_ptr<store::Store> store,
               Templates templates, const Shared& shared, compute::VirtType virt_type)
    : config_(config),
      lock_(std::move(lock)),
      store_(std::move(store)),
      templates_(std::move(templates)),
      hypervisor_(config.libvirt_uri, shared.cluster_id),
      cache_(config.storage_path / "images", ToImageLimits(config)),
      host_{.self = NodeId(config.node_name),
            .cluster_id = shared.cluster_id,
            .zone = config.zone,
            .instances_folder = config.storage_path / "instances",
            .virt_type = virt_type,
            .console_address = config.console_address},
      limits_{.builds = config.builds_in_flight},
      workers_(limits_.threads(), kMaxWaitingJobs),
      builder_(host_, *store_, cache_, hypervisor_, templates_, metrics_),
      fetcher_(host_.self, config.storage_path / "images", config.disk_reserve_gib * kGigabyte,
               *store_, cache_),
      reconciler_(loop_, workers_, *store_, hypervisor_, cache_, builder_, fetcher_, host_,
                  limits_),
      local_(host_.self, host_.instances_folder, *store_, hypervisor_, workers_),
      api_(*store_, local_, metrics_,
           {.self = host_.self,
            .token_secret = shared.token_secret,
            .zone = config.zone,
            .wake = [this] { reconciler_.Wake(); }}),
      server_(ToHttpOptions(config),
              [this](const api::Request& request) { return api_.Handle(request); }) {
  metrics_.Gauge("database_statements", "Statements sent to the database since the start.",
                 [this] { return static_cast<double>(store_->database.statements()); });
  metrics_.Gauge("database_commits", "Changes committed by the database since the start.",
                 [this] { return static_cast<double>(store_->database.commits()); });
}

Result<void> Daemon::Run() {
  TRY(server_.Listen());
  Schedule();
  log::Info("ready node={} port={} virt_type={}", config_.node_name, config_.api_port,
            host_.virt_type == compute::VirtType::kKvm ? "kvm" : "qemu");
  sd_notify(0, "READY=1");
  reconciler_.Wake();
  loop_.Run();

  // In the reverse order of the flow: no new requests, no new jobs, then wait for what runs.
  sd_notify(0, "STOPPING=1");
  log::Info("stopping node={}", config_.node_name);
  server_.Stop();
  workers_.Stop();
  if (const auto done = store_->nodes.SetState(host_.self, "stopped"); !done) {
    log::Warn("the database could not be told that this node stops error={}", done.error().message);
  }
  return {};
}

// Everything that happens by the clock or by a signal.
void Daemon::Schedule() {
  for (const int signal : {SIGTERM, SIGINT}) {
    loop_.OnSignal(signal, [this] {
      reconciler_.Stop();
      loop_.Stop();
    });
  }
  loop_.Every(1s, [this] { reconciler_.Tick(); });
  loop_.Every(kHeartbeatPeriod,
              [this] { (void)workers_.Submit("heartbeat", [this] { Heartbeat(); }); });
  loop_.Every(kMaintenancePeriod,
              [this] { (void)workers_.Submit("maintenance", [this] { Maintain(); }); });
  std::uint64_t watchdog_us = 0;
  if (sd_watchdog_enabled(0, &watchdog_us) > 0) {
    loop_.Every(std::chrono::milliseconds(watchdog_us / 2000), [] { sd_notify(0, "WATCHDOG=1"); });
  }
}

void Daemon::Heartbeat() {
  if (const auto done = store_->nodes.Heartbeat(host_.self, Describe().limit); !done) {
    log::Warn("no heartbeat error={}", done.error().message);
  }
}

void Daemon::Maintain() {
  const auto report = [](const char* what, const auto& done) {
    if (!done) log::Warn("{} failed error={}", what, done.error().message);
  };
  report("making room for images", fetcher_.MakeRoom());
  report("reaping instances", store_->instances.Reap(kDeletedAge, kReapBatch));
  report("reaping artifacts", store_->artifacts.Reap(kDeletedAge, kReapBatch));
  report("reaping namespaces", store_->namespaces.Reap(kDeletedNamespaceAge));
  report("pruning events", store_->events.Prune(kEventAge, kReapBatch));
  malloc_trim(0);  // What a rush needed is the host's again.
}

NodeRecord Daemon::Describe() const {
  NodeRecord node;
  node.name = host_.self;
  node.ip = config_.node_ip;
  node.fqdn = config_.node_name;
  node.zone = config_.zone;
  node.release = SF_VERSION;
  const auto host = compute::ReadCapacity(config_.storage_path);
  if (!host) {
    // Offering nothing until it can be read again is the safe side.
    log::Error("this host's capacity is unknown error={}", host.error().message);
    return node;
  }
  const auto offered = [](std::uint64_t amount, std::uint64_t reserve, double ratio) {
    const std::uint64_t left = amount - std::min(amount, reserve);
    return static_cast<std::int64_t>(static_cast<double>(left) * ratio);
  };
  node.limit.cpus =
      offered(static_cast<std::uint64_t>(host->cpus), 0, config_.cpu_overcommit_ratio);
  node.limit.memory_mb = offered(host->memory.total_bytes / kMegabyte, config_.ram_reserve_mib,
                                 config_.ram_overcommit_ratio);
  // Instances may have what is free and what they already take up, however full others made it.
  const auto taken = compute::AllocatedBytes(host_.instances_folder);
  const std::uint64_t disk_bytes = host->disk.free_bytes + taken.value_or(0);
  node.limit.disk_gb = offered(disk_bytes / kGigabyte, config_.disk_reserve_gib, 1);
  return node;
}

}  // namespace sf
