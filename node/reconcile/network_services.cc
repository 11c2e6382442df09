// SPDX-License-Identifier: Apache-2.0
#include "node/reconcile/network_services.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <map>
#include <memory>
#include <sstream>
#include <utility>

#include "net/egress.h"
#include "net/services_image.h"
#include "node/base/log.h"

namespace sf::reconcile {
namespace {

using namespace std::chrono_literals;

constexpr int kPeriodTicks = 10;
// Less than kOrphanLimit by the time that two hundred networks take to go down.
constexpr std::chrono::seconds kHeartbeatReach = 3s;
constexpr net::BootTime kAtOnce{0};
constexpr std::size_t kClusterIdLetters = 8;

/// The IPv4 addresses of `host`, a name or an address; none if they cannot be had.
std::set<IpAddress> Resolve(const std::string& host) {
  addrinfo hints = {};
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* first = nullptr;
  if (::getaddrinfo(host.c_str(), nullptr, &hints, &first) != 0) return {};
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(first, &::freeaddrinfo);
  std::set<IpAddress> addresses;
  for (const addrinfo* each = first; each != nullptr; each = each->ai_next) {
    const auto& address = *reinterpret_cast<const sockaddr_in*>(each->ai_addr);
    addresses.insert({ntohl(address.sin_addr.s_addr)});
  }
  return addresses;
}

}  // namespace

NetworkServices::NetworkServices(EventLoop& loop, WorkerPool& workers, store::Store& store,
                                 const Templates& templates, ServicesSettings settings,
                                 Metrics& metrics, OnCapable on_capable)
    : loop_(loop),
      workers_(workers),
      store_(store),
      templates_(templates),
      settings_(std::move(settings)),
      on_capable_(std::move(on_capable)),
      mesh_(settings_.mesh),
      docker_(settings_.docker_socket, settings_.mesh.cluster_id),
      folder_(settings_.folder) {
  metrics.Gauge("shakenfist_network_services_networks", "Networks that this node serves.",
                networks_served_);
  metrics.Gauge("shakenfist_network_services_failed_networks",
                "Networks that this node is to serve and cannot.", networks_failed_);
  metrics.Gauge("shakenfist_dhcp_hosts", "Guests for whom this node has an address by DHCP.",
                dhcp_hosts_);
  metrics.Counter("shakenfist_dnsmasq_restarts_total",
                  "Times that a dnsmasq of this node had to be started again.", dnsmasq_restarts_);
}

void NetworkServices::Wake() {
  loop_.Post([this] {
    again_ = true;
    Begin();
  });
}

void NetworkServices::Tick(const Duty& duty) {
  if (stopping_) return;
  const bool changed = duty.serving != duty_.serving || duty.unsure != duty_.unsure;
  duty_ = duty;
  // From this moment on, however late the worker is: it is now that the election says so.
  if (duty_.serving) SayUntil(net::BootTimeNow() + kHeartbeatReach);
  if (!duty_.serving && !duty_.unsure && changed) SayUntil(kAtOnce);
  if (changed || ++ticks_ >= kPeriodTicks) again_ = true;
  Begin();
}

// What the container heeds even where Docker, which could remove it, does not answer.
void NetworkServices::SayUntil(net::BootTime deadline) {
  (void)workers_.Submit("services heartbeat", [this, term = duty_.term, deadline] {
    (void)folder_.WriteHeartbeat({term, deadline});
  });
}

void NetworkServices::Begin() {
  if (running_ || stopping_ || !again_) return;
  again_ = false;
  ticks_ = 0;
  running_ = workers_.Submit("services", [this, duty = duty_] {
    Result<void> passed = Prepare();
    loop_.Post([this, capable = passed.has_value()] { on_capable_(capable); });
    if (passed && duty.serving) passed = Serve(duty.term);
    if (passed && !duty.serving && !duty.unsure) passed = StopServing();
    NoteStatus(duty.serving);
    loop_.Post([this, passed] { OnPassed(passed); });
  });
}

void NetworkServices::OnPassed(const Result<void>& passed) {
  running_ = false;
  const std::string error = passed ? "" : passed.error().message;
  // A host without Docker would fill the log otherwise.
  if (error != std::exchange(said_, error) && !passed) {
    log::Warn("this node cannot serve networks error={}", error);
  }
  Begin();
}

void NetworkServices::Stop(std::function<void()> done) {
  stopping_ = true;
  if (!duty_.serving) return done();
  SayUntil(kAtOnce);
  const bool taken = workers_.Submit("services", [this, done] {
    if (const auto stopped = StopServing(); !stopped) {
      log::Warn("network services still run error={}", stopped.error().message);
    }
    loop_.Post(done);
  });
  if (!taken) done();
}

// To make the image costs half a second and megabytes, so it is made once, and again only when
// Docker has failed in between.
Result<void> NetworkServices::Prepare() {
  if (has_image_) {
    const auto answers = docker_.List();
    has_image_ = answers.has_value();
    return answers ? Result<void>() : tl::unexpected(answers.error());
  }
  if (settings_.program.empty()) return Fail(Code::kInternal, "sf-services is not installed");
  const std::string image = TRY(net::ServicesImage(settings_.program, settings_.dnsmasq));
  TRY(docker_.EnsureImage(settings_.image, image, net::ServicesEntrypoint()));
  has_image_ = true;
  return {};
}

Result<void> NetworkServices::Serve(std::uint64_t term) {
  // While the database is away, what was last written goes on to be served.
  if (const auto wanted = Wanted(); wanted) {
    net::WantedServices services{.cluster_id = settings_.mesh.cluster_id,
                                 .term = term,
                                 .term_key = settings_.term_key,
                                 .egress = wanted->egress};
    TRY(folder_.Write(std::move(services), wanted->networks, templates_, wanted->shield));
  } else if (wanted.error().code != Code::kUnavailable) {
    return tl::unexpected(wanted.error());
  }
  if (const auto running = docker_.Ensure(ContainerOfOurs()); !running) {
    has_image_ = false;
    return tl::unexpected(running.error());
  }
  return {};
}

// A container that is made anew begins to count anew.
void NetworkServices::NoteStatus(bool serving) {
  const auto found = serving ? folder_.ReadStatus() : net::ServicesStatus();
  const net::ServicesStatus status = found && found->serving ? *found : net::ServicesStatus();
  networks_served_ = status.networks.size();
  networks_failed_ = status.errors.size();
  if (!serving) dhcp_hosts_ = 0;
  std::map<NetworkId, int> before = std::exchange(dnsmasq_starts_, {});
  for (const auto& [network, now] : status.networks) {
    const int known = before.try_emplace(network, 1).first->second;
    if (now.starts > known) dnsmasq_restarts_ += static_cast<std::uint64_t>(now.starts - known);
    dnsmasq_starts_[network] = now.starts;
  }
}

// A name that cannot be looked up now leads to where it led before.
net::Shield NetworkServices::ShieldOf(const std::vector<NodeRecord>& nodes) {
  net::Shield shield;
  for (const NodeRecord& node : nodes) {
    if (const auto address = IpAddress::Parse(node.ip)) shield.nodes.insert(*address);
  }
  for (const auto& [host, port] : settings_.databases) {
    auto addresses = Resolve(host);
    std::set<IpAddress>& known = database_addresses_[host];
    if (!addresses.empty()) known = std::move(addresses);
    for (const IpAddress address : known) shield.databases.emplace(address, port);
  }
  shield.dns_servers.insert(settings_.dns_servers.begin(), settings_.dns_servers.end());
  return shield;
}

Result<NetworkServices::Wish> NetworkServices::Wanted() {
  net::Netlink netlink = TRY(net::Netlink::Open());
  const int mtu = TRY(net::MeshMtu(settings_.mesh, TRY(mesh_.Read())));
  Netblock floating = settings_.floating_network;
  std::map<NetworkId, net::WantedNetwork> wanted;
  for (const Network& network : TRY(store_.networks.List({}))) {
    if (network.uuid == kFloatingNetwork) floating = network.netblock;
    if (network.vni == 0) continue;
    net::WantedNetwork& one = wanted[network.uuid];
    one.uuid = network.uuid;
    one.vni = network.vni;
    one.netblock = network.netblock;
    one.gateway = network.netblock.gateway();
    one.mtu = mtu;
    one.dhcp = network.provide_dhcp;
    one.dns = network.provide_dns;
    if (network.provide_dns || network.provide_nat) one.dns_servers = settings_.dns_servers;
    if (network.provide_nat) one.floating_gateway = TRY(IpAddress::Parse(network.floating_gateway));
    for (const std::string& address : network.routed) {
      one.routed.push_back(TRY(IpAddress::Parse(address)));
    }
  }
  for (const store::Guest& guest : TRY(store_.interfaces.Guests())) {
    const auto network = wanted.find(guest.network);
    if (network == wanted.end()) continue;
    const IpAddress address = TRY(IpAddress::Parse(guest.ipv4));
    network->second.hosts.push_back({guest.mac, address, guest.name});
    if (guest.floating.empty()) continue;
    network->second.floating.push_back({TRY(IpAddress::Parse(guest.floating)), address});
  }
  std::size_t hosts = 0;
  for (const auto& [uuid, network] : wanted) hosts += network.dhcp ? network.hosts.size() : 0;
  dhcp_hosts_ = hosts;
  Wish wish;
  wish.egress = TRY(net::DescribeEgress(netlink, settings_.egress_nic, floating));
  wish.shield = ShieldOf(TRY(store_.nodes.List()));
  for (auto& [uuid, network] : wanted) wish.networks.push_back(std::move(network));
  return wish;
}

// What a container that is killed leaves behind is on this host still.
Result<void> NetworkServices::StopServing() {
  TRY(docker_.Remove(ContainerOfOurs().name));
  return ClearEgress(settings_);
}

Result<void> ClearEgress(const ServicesSettings& settings) {
  net::Netlink netlink = TRY(net::Netlink::Open());
  return net::Egress(netlink).Clear(
      settings.mesh.cluster_id,
      {.nic = settings.egress_nic, .floating = settings.floating_network});
}

Result<std::vector<std::string>> NetworkServices::Ping(const NetworkId& network,
                                                       IpAddress address) const {
  net::Docker docker(settings_.docker_socket, settings_.mesh.cluster_id);
  const auto said = docker.Run(ContainerOfOurs().name, net::PingCommand(network, address));
  if (!said) {
    return Fail(Code::kNotReady, "network {} is not served at this moment: {}", network,
                said.error().message);
  }
  std::vector<std::string> lines;
  std::istringstream text(*said);
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

net::ContainerSpec NetworkServices::ContainerOfOurs() const {
  net::ContainerSpec spec = net::ServicesContainer(settings_.image, settings_.folder.string());
  spec.name += "-" + settings_.mesh.cluster_id.substr(0, kClusterIdLetters);
  return spec;
}

}  // namespace sf::reconcile
