// SPDX-License-Identifier: Apache-2.0
#include "node/daemon.h"

#include <malloc.h>
#include <systemd/sd-daemon.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <functional>
#include <utility>

#include "compute/domain_xml.h"
#include "compute/process_usage.h"
#include "net/guest_nics.h"
#include "net/nat_rules.h"
#include "net/services_spec.h"
#include "node/base/log.h"
#include "node/base/uuid.h"
#include "node/cluster_metrics.h"
#include "node/daemon_settings.h"
#include "node/host_metrics.h"
#include "node/members.h"
#include "node/picture_memory.h"
#include "node/reconcile/lost_nodes.h"
#include "node/reconcile/upload_reaper.h"
#include "node/store/cluster_check.h"
#include "node/store/reap.h"

namespace sf {
namespace {

using namespace std::chrono_literals;

constexpr auto kHeartbeatPeriod = 10s;
constexpr auto kDatabaseHostPeriod = 2s;
constexpr auto kMaintenancePeriod = 60s;
constexpr auto kPicturePeriod = 10s;
constexpr auto kCertificatePeriod = 60s;
constexpr std::size_t kMaxWaitingJobs = 10'000;
constexpr std::size_t kLocalTokenBytes = 32;
constexpr std::uint64_t kGigabyte = std::uint64_t{1} << 30;

}  // namespace

Result<std::unique_ptr<Daemon>> Daemon::Build(const Config& config) {
  auto certificates = TRY(Certificates::Read(config));
  Templates templates = TRY(Templates::Load(config.template_path));
  TRY(compute::CheckDomainTemplate(templates));
  TRY(net::CheckDnsmasqTemplate(templates));
  TRY(net::CheckNatTemplates(templates));
  TRY(net::CheckNicTemplate(templates));
  TRY(MakeFolders(config.storage_path));
  StorageLock lock = TRY(StorageLock::Take(config.storage_path));
  const compute::VirtType virt_type = TRY(ChooseVirtType(config));
  auto store = OpenStore(config);
  const FirstSecrets first = TRY(AwaitSecrets(config, *store));
  auto daemon = std::unique_ptr<Daemon>(new Daemon(config, std::move(lock), std::move(store),
                                                   std::move(templates), std::move(certificates),
                                                   first, virt_type));
  // What this host may refuse comes before the others are told of this node.
  TRY(daemon->server_.Listen());
  TRY(daemon->cache_.Recover());
  TRY(daemon->blobs_.Recover());
  TRY(daemon->uploads_.Recover());
  if (!first.remembered) TRY(daemon->Register());
  TRY(daemon->JoinCluster());
  return daemon;
}

Daemon::Daemon(const Config& config, StorageLock lock, std::unique_ptr<store::Store> store,
               Templates templates, std::unique_ptr<Certificates> certificates,
               const FirstSecrets& first, compute::VirtType virt_type)
    : config_(config),
      secrets_(first.secrets),
      registered_(!first.remembered),
      lock_(std::move(lock)),
      store_(std::move(store)),
      rows_(*store_, RecallPicture(config.storage_path)),
      templates_(std::move(templates)),
      certificates_(std::move(certificates)),
      hypervisor_(config.libvirt_uri, secrets_.cluster_id),
      cache_(config.storage_path / "images",
             ToImageLimits(config, [this] { return cluster_->view(); })),
      blobs_(config.storage_path / "blobs"),
      uploads_(config.storage_path / "blobs/uploads", ToUploadLimits(config),
               [this](std::uint64_t bytes) { (void)shelf_.MakeRoom(bytes); }),
      host_{.self = NodeId(config.node_name),
            .cluster_id = secrets_.cluster_id,
            .zone = config.zone,
            .instances_folder = config.storage_path / "instances",
            .virt_type = virt_type,
            .console_address = config.console_address,
            .dns_server = config.dns_server},
      limits_{.builds = config.builds_in_flight},
      workers_(limits_.threads(), kMaxWaitingJobs),
      peers_(
          host_.self, std::bind_front(&Published<KeyRing>::Read, &keys_),
          [this] { return cluster_->view(); }, [this] { return certificates_->authorities(); }),
      copier_({.can_reach = [this](const NodeId& node) { return peers_.CanReach(node); },
               .read = std::bind_front(&api::PeerBlobs::Read, &peers_)},
              metrics_),
      shelf_(ToShelfSettings(config), *store_, cache_, blobs_, copier_,
             [this] { return cluster_->view(); }),
      builder_(host_, *store_, cache_, shelf_, hypervisor_,
               {.join = std::bind_front(&reconcile::MeshKeeper::Join, &meshes_),
                .leave = std::bind_front(&reconcile::MeshKeeper::Leave, &meshes_)},
               templates_, metrics_),
      fetcher_(host_.self, *store_, cache_, shelf_, copier_, metrics_),
      snapshot_taker_(host_, config.disk_reserve_gib * kGigabyte, *store_, hypervisor_, blobs_,
                      templates_, metrics_),
      agents_(workers_, *store_, blobs_, shelf_, ToAgentSettings(config)),
      reconciler_(loop_, workers_, *store_, hypervisor_, cache_, builder_, fetcher_,
                  snapshot_taker_, host_, limits_, metrics_,
                  [this](const auto& desired, const auto& actual) { Report(desired, actual); }),
      copies_(loop_, workers_, *store_, shelf_, limits_.copies,
              std::bind_front(&Daemon::WakeNode, this), metrics_),
      meshes_(
          host_.self, loop_, workers_, *store_, templates_, [this] { return cluster_->view(); },
          ToMeshSettings(config, secrets_.cluster_id),
          [this](auto vnis) { cluster_->SetMeshes(std::move(vnis)); }),
      services_(loop_, workers_, *store_, templates_, ToServicesSettings(config, secrets_),
                metrics_,
                [this](bool capable) {
                  cluster_->SetCapable(capable && !config_.node_mesh_nic.empty());
                }),
      local_(host_.self, host_.instances_folder, ScreenHost(config), *store_, hypervisor_, blobs_,
             workers_, [this](const InstanceId& id) { return builder_.MakeNics(id); }),
      local_token_(RandomHex(kLocalTokenBytes)),
      api_(*store_, rows_, local_, metrics_,
           {.self = host_.self,
            .token_secret = secrets_.token_secret,
            .local_token = local_token_,
            .zone = config.zone,
            .login_failures = config.login_failures,
            .keys = [this] { return keys_.Read(); },
            .forwards = static_cast<std::ptrdiff_t>(config.api_threads + 1) / 2,
            .images = &cache_,
            .blobs = &blobs_,
            .uploads = &uploads_,
            .cluster = [this] { return cluster_->view(); },
            .authorities = [this] { return certificates_->authorities(); },
            .https = certificates_->server() != nullptr,
            .wake = [this](const NodeId& node) { WakeNode(node); },
            .ping = [this](const NetworkId& network,
                           IpAddress address) { return services_.Ping(network, address); },
            .processes = [this] { return compute::MeasureProcesses(secrets_.cluster_id); }}),
      server_(ToHttpOptions(config, certificates_->server()),
              [this](const api::Request& request) { return api_.Handle(request); }) {
  keys_.Write(secrets_.keys);
  certificates_->AddMetrics(metrics_);
  api::AddHttpMetrics(metrics_, server_.figures());
  store_->database.AddMetrics(metrics_);
  rows_.AddMetrics(metrics_);
  AddHostMetrics(metrics_, config_);
}

Result<void> Daemon::Register() {
  TRY(store_->nodes.Register(DescribeNode(config_, *keys_.Read())));
  return EnsureFloatingNetwork(config_, *store_);
}

// What a start without the database has left to do, when it answers.
void Daemon::RegisterLate() {
  const auto found = FetchSecrets(config_, *store_);
  const auto done = found ? Register() : Result<void>(tl::unexpected(found.error()));
  loop_.Post([this, done] {
    registering_ = false;
    if (!done && done.error().code == Code::kUnavailable) return;
    registered_ = true;
    if (done) return log::Info("the database answers, and knows this node again");
    fatal_ = done.error().message;
    loop_.Stop();
  });
}

void Daemon::RememberRows() {
  const auto picture = rows_.Last();
  if (picture->changes == remembered_) return;
  const auto done = RememberPicture(config_.storage_path, *picture);
  if (!done) return log::Warn("the rows are not on the disk error={}", done.error().message);
  remembered_ = picture->changes;
}

// Whom to ask for the others: those that the operator named, and those that the database knows or
// knew. In an order in which the likely ones come first.
Result<void> Daemon::JoinCluster() {
  const auto address = [this](const std::string& ip, int port) -> gossip::Address {
    // Checked when it was read.
    return {IpAddress::Parse(ip).value_or(IpAddress()).value,
            static_cast<std::uint16_t>(port == 0 ? config_.gossip_port : port)};
  };
  ClusterSettings settings;
  settings.self = host_.self;
  settings.address = address(config_.node_ip, config_.gossip_port);
  settings.keys = *keys_.Read();
  settings.memory = config_.storage_path;
  settings.identity = {.version = SF_VERSION,
                       .api_port = static_cast<std::uint16_t>(config_.api_port),
                       .mesh_ip = settings.address.ip,
                       .zone = config_.zone,
                       .api_tls = certificates_->server() != nullptr};
  for (const auto& seed : config_.gossip_seeds) {
    settings.seeds.push_back(address(seed.ip, seed.port));
  }
  for (const NodeRecord& node : rows_.Read().picture->nodes) {
    settings.seeds.push_back(address(node.ip, node.gossip_port));
  }
  cluster_ = TRY(Cluster::Join(loop_, workers_, *store_, std::move(settings),
                               {.on_nudged =
                                    [this] {
                                      rows_.NoteChange();
                                      Wake();
                                    },
                                .on_peers_changed = [this] { meshes_.Wake(); },
                                .on_role_changed = [this] { TellServices(); },
                                .on_name_taken =
                                    [this](const std::string& what) {
                                      fatal_ = what;
                                      loop_.Stop();
                                    }}));
  AddClusterMetrics(metrics_, host_.self, *cluster_);
  return {};
}

// What runs on the workers uses all the rest.
Daemon::~Daemon() { workers_.Stop(); }

Result<void> Daemon::Run() {
  TRY(TellLocalCommands());
  certificates_->Report(/*fresh=*/true);
  server_.Start();
  Schedule();
  log::Info("ready node={} port={} gossip_port={} virt_type={}", config_.node_name,
            config_.api_port, config_.gossip_port,
            host_.virt_type == compute::VirtType::kKvm ? "kvm" : "qemu");
  sd_notify(0, "READY=1");
  Wake();
  loop_.Run();

  // In the reverse order of the flow: no new requests, no new jobs, then wait for what runs.
  sd_notify(0, "STOPPING=1");
  log::Info("stopping node={}", config_.node_name);
  server_.Stop();
  workers_.Stop();
  RememberRows();
  if (!fatal_.empty()) return Fail(Code::kConflict, "{}", fatal_);
  if (const auto done = store_->nodes.SetState(host_.self, "stopped"); !done) {
    log::Warn("the database could not be told that this node stops error={}", done.error().message);
  }
  return {};
}

void Daemon::Stop() {
  if (std::exchange(stopping_, true)) return;
  // Behind a heartbeat, before the row says "stopped". It is only for show, and may fail.
  (void)workers_.Submit("heartbeat",
                        [this] { (void)store_->nodes.SetState(host_.self, "stopping"); });
  reconciler_.Stop();
  agents_.Stop();
  meshes_.Stop();
  copies_.Stop();
  services_.Stop([this] { cluster_->Leave([this] { loop_.Stop(); }); });
}

void Daemon::TellServices() {
  const RoleKeeper& role = cluster_->role();
  services_.Tick({role.Serving(), role.Unsure(), role.role().highest.term});
}

// Everything that happens by the clock or by a signal.
void Daemon::Schedule() {
  for (const int signal : {SIGTERM, SIGINT}) {
    loop_.OnSignal(signal, [this] { Stop(); });
  }
  const auto refresh = [this] {
    (void)workers_.Submit("certificates", [this] { RefreshCertificates(); });
  };
  loop_.OnSignal(SIGHUP, refresh);
  loop_.Every(kCertificatePeriod, refresh);
  loop_.Every(1s, [this] {
    reconciler_.Tick();
    meshes_.Tick();
    copies_.Tick();
    cluster_->Tick();
    rows_.Tick();
    if (!registered_ && !registering_) {
      registering_ = workers_.Submit("heartbeat", [this] { RegisterLate(); });
    }
    TellServices();
  });
  loop_.Every(kDatabaseHostPeriod, [this] {
    (void)workers_.Submit("database host", [this] { store_->database.ChooseHost(); });
  });
  loop_.Every(kPicturePeriod,
              [this] { (void)workers_.Submit("picture memory", [this] { RememberRows(); }); });
  loop_.Every(kHeartbeatPeriod, [this] {
    if (!registered_) return;
    (void)workers_.Submit("heartbeat", [this] { Heartbeat(); });
    const RoleKeeper& role = cluster_->role();
    if (!role.Serving()) return;
    (void)workers_.Submit("lost nodes", [this, term = role.role().highest.term] {
      const auto up = std::chrono::steady_clock::now() - started_;
      reconcile::DeclareLost(*store_, *cluster_->view(),
                             {host_.self, term, config_.node_lost_grace,
                              std::chrono::duration_cast<std::chrono::seconds>(up)});
    });
  });
  loop_.Every(kMaintenancePeriod,
              [this] { (void)workers_.Submit("maintenance", [this] { Maintain(); }); });
  std::uint64_t watchdog_us = 0;
  if (sd_watchdog_enabled(0, &watchdog_us) > 0) {
    loop_.Every(std::chrono::milliseconds(watchdog_us / 2000), [] { sd_notify(0, "WATCHDOG=1"); });
  }
}

void Daemon::Heartbeat() {
  const NodeRecord node = DescribeNode(config_, *keys_.Read());
  auto done = store_->nodes.Heartbeat(host_.self, node.limit, node.key_ring);
  if (!done && done.error().code == Code::kNotFound) {
    log::Warn("this node was deleted while it was away, and joins as a new one");
    done = store_->nodes.Register(node);
  }
  if (!done) log::Warn("no heartbeat error={}", done.error().message);
  loop_.Post([this, limit = node.limit] {
    cluster_->SetLimit({limit.cpus, limit.memory_mb, limit.disk_gb});
  });
  FollowKeys();
}

Result<void> Daemon::TellLocalCommands() {
  return WriteLocalApi(config_.storage_path,
                       {LocalUrl(config_), local_token_, certificates_->public_key()});
}

void Daemon::RefreshCertificates() {
  if (!certificates_->Refresh()) return;
  if (const auto told = TellLocalCommands(); !told) {
    log::Warn("commands on this host do not know the API any more error={}", told.error().message);
  }
}

// A rotation goes on when each node has said in a heartbeat that it uses the new ring.
void Daemon::FollowKeys() {
  const auto stored = ReadKeys(config_, *store_);
  if (!stored) return log::Warn("the key ring cannot be read error={}", stored.error().message);
  if (*stored == *keys_.Read()) return;
  loop_.Post([this, keys = *stored] {
    cluster_->SetKeys(keys);
    log::Info("key ring changed keys={}", keys.size());
    (void)workers_.Submit("heartbeat", [this, keys] {
      keys_.Write(keys);
      RememberSecrets(config_, {secrets_.cluster_id, secrets_.token_secret, keys});
      Heartbeat();
    });
  });
}

// Waits for nobody: a nudge that is lost costs that node one period.
void Daemon::WakeNode(const NodeId& node) {
  if (node == host_.self) return Wake();
  loop_.Post([this, node] { cluster_->Nudge(node); });
}

// What a pass has found is what this node says of itself.
void Daemon::Report(const reconcile::Desired& desired, const reconcile::Actual& actual) {
  std::map<InstanceId, gossip::InstanceReport> instances;
  for (const Instance& instance : desired.instances) {
    const auto domain = actual.domains.find(instance.uuid);
    instances[instance.uuid] = {
        std::string(ToString(instance.state)),
        domain == actual.domains.end() ? instance.power_state : domain->second.power_state};
  }
  cluster_->SetInstances(std::move(instances), RoomOf(desired.instances));
  std::set<std::uint32_t> images;
  for (const std::string& name : actual.cached) {
    if (images.size() < gossip::kMaxImages) images.insert(gossip::ImageMark(name));
  }
  cluster_->SetImages(std::move(images));
  agents_.Follow(reconcile::AgentGuests(desired, actual, host_.instances_folder));
}

void Daemon::Maintain() {
  const auto report = [](const char* what, const auto& done) {
    if (!done) log::Warn("{} failed error={}", what, done.error().message);
  };
  // Files are removed that no row knows.
  if (const auto ours = store::CheckCluster(store_->cluster, secrets_.cluster_id); !ours) {
    return report("maintenance", ours);
  }
  report("making room", shelf_.MakeRoom());
  report("recording which files are here", shelf_.RecordHeld());
  report("giving back claims on sources", fetcher_.ForgetClaims());
  report("reaping stored blobs", shelf_.Reap());
  report("reaping uploads", reconcile::ReapUploads(host_.self, store_->uploads, uploads_));
  store::Reap(*store_);
  malloc_trim(0);  // What a rush needed is the host's again.
}

}  // namespace sf
