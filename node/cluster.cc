// SPDX-License-Identifier: Apache-2.0
#include "node/cluster.h"

#include <chrono>
#include <sstream>
#include <utility>

#include "node/base/log.h"
#include "node/base/netblock.h"
#include "node/private_file.h"

namespace sf {
namespace {

using gossip::MemberState;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// A burst of changes is one picture, and one file.
constexpr auto kPublishDelay = 50ms;
constexpr auto kHandOverLimit = 2s;
constexpr auto kGoodbyeLimit = 1s;

double ToEpoch(gossip::Time time) {
  const std::chrono::duration<double> ago = Clock::now() - time;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count() - ago.count();
}

std::string ToText(const gossip::Address& address) {
  return fmt::format("{}:{}", ToString(IpAddress{address.ip}), address.port);
}

std::filesystem::path PeersPath(const std::filesystem::path& memory) { return memory / "peers"; }

/// What an operator wants to read of it in the log; nothing of what happens all the time.
void Log(const gossip::Event& event) {
  const auto line = [&event](const char* what) {
    log::Info("{} node={} address={} incarnation={}", what, event.said.name,
              ToText(event.said.address), event.said.incarnation);
  };
  switch (event.kind) {
    case gossip::Event::Kind::kJoined: return line("a node joined");
    case gossip::Event::Kind::kRestarted: return line("a node restarted");
    case gossip::Event::Kind::kUnreachable: return line("a node is unreachable");
    case gossip::Event::Kind::kDead: return line("a node is dead");
    case gossip::Event::Kind::kLeft: return line("a node left");
    case gossip::Event::Kind::kRecovered: return line("a node answers again");
    case gossip::Event::Kind::kForgotten: return line("a node was forgotten");
    case gossip::Event::Kind::kRefuted:
      log::Warn("this node was believed silent and has answered incarnation={}",
                event.said.incarnation);
      return;
    case gossip::Event::Kind::kSuspected:
    case gossip::Event::Kind::kUpdated:
    case gossip::Event::Kind::kAnnounced:
    case gossip::Event::Kind::kNudged:
    case gossip::Event::Kind::kNameTaken: return;
  }
}

}  // namespace

std::vector<gossip::Address> ParsePeers(std::string_view text) {
  std::vector<gossip::Address> peers;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    const std::size_t colon = line.find(':');
    const auto ip = IpAddress::Parse(std::string_view(line).substr(0, colon));
    if (colon == std::string::npos || !ip) continue;
    const int port = std::atoi(line.c_str() + colon + 1);
    if (port < 1 || port > 65535) continue;
    peers.push_back({ip->value, static_cast<std::uint16_t>(port)});
  }
  return peers;
}

Result<std::unique_ptr<Cluster>> Cluster::Join(EventLoop& loop, WorkerPool& workers,
                                               store::Store& store, ClusterSettings settings,
                                               Outside outside) {
  auto cluster =
      std::unique_ptr<Cluster>(new Cluster(loop, workers, std::move(settings), std::move(outside)));
  Cluster& self = *cluster;
  const ClusterSettings& chosen = self.settings_;
  self.transport_ = TRY(gossip::Transport::Listen(
      loop, {.name = chosen.self, .address = chosen.address, .keys = chosen.keys},
      [&self](const gossip::Event& event) { self.On(event); }));
  self.role_ = std::make_unique<RoleKeeper>(
      loop, workers, store, chosen.self, self.transport_->gossip().members(), self.directory_,
      chosen.memory / "role.json",
      RoleKeeper::Outside{.greet = [&self](const auto& who) { self.transport_->Greet(who); },
                          .on_change =
                              [&self] {
                                self.Say();
                                self.outside_.on_role_changed();
                              }});

  std::vector<gossip::Address> seeds = chosen.seeds;
  const auto peers = ReadPrivateFile(PeersPath(chosen.memory));
  for (const auto& peer : ParsePeers(peers.value_or(""))) seeds.push_back(peer);
  self.Say();
  self.transport_->Join(seeds);
  self.Publish();
  return cluster;
}

Cluster::Cluster(EventLoop& loop, WorkerPool& workers, ClusterSettings settings, Outside outside)
    : loop_(loop),
      workers_(workers),
      settings_(std::move(settings)),
      outside_(std::move(outside)),
      publish_(loop, [this] { Publish(); }),
      goodbye_(loop, [this] { SayGoodbye(); }) {
  advert_.identity = settings_.identity;
}

void Cluster::SetLimit(const gossip::Amounts& limit) {
  advert_.capacity.limit = limit;
  Say();
}

void Cluster::SetInstances(std::map<InstanceId, gossip::InstanceReport> instances,
                           const gossip::Amounts& used) {
  advert_.instances = std::move(instances);
  advert_.capacity.used = used;
  Say();
}

void Cluster::SetImages(std::set<std::uint32_t> marks) {
  advert_.images = std::move(marks);
  Say();
}

void Cluster::SetMeshes(std::set<std::uint32_t> vnis) {
  advert_.meshes = std::move(vnis);
  Say();
}

// Whatever this node is to say of itself and has not said yet.
void Cluster::Say() {
  if (!role_) return;  // Not all of this is there yet.
  advert_.role = role_->role();
  const auto changes = writer_.Update(advert_);
  for (const auto& change : changes) transport_->Announce(change.key, change.payload);
  if (!changes.empty()) Changed();
}

void Cluster::On(const gossip::Event& event) {
  Log(event);
  if (event.kind == gossip::Event::Kind::kNameTaken) {
    return outside_.on_name_taken(
        fmt::format("another living node has the name {}: it is at {}. Give this one another"
                    " NODE_NAME, or stop that one",
                    settings_.self, ToText(event.said.address)));
  }
  if (event.kind == gossip::Event::Kind::kNudged) return outside_.on_nudged();
  directory_.On(event);
  Changed();
  // Whoever sent this event is in the middle of a call: the role is looked at after it, once for
  // all that this call brings.
  if (std::exchange(wake_due_, true)) return;
  loop_.Post([this] {
    wake_due_ = false;
    role_->Wake();
  });
}

void Cluster::Changed() {
  if (std::exchange(publish_due_, true)) return;
  publish_.Set(Clock::now() + kPublishDelay);
}

void Cluster::Publish() {
  publish_due_ = false;
  ClusterView view;
  for (const gossip::Member& member : transport_->gossip().members()) {
    view.members.push_back(Show(member));
  }
  view.role = role_->role().highest;
  view_.Write(view);
  NoticePeers(view);
  RememberPeers();
}

void Cluster::NoticePeers(const ClusterView& view) {
  std::map<NodeId, std::uint32_t> mesh_ips;
  for (const MemberView& member : view.members) {
    if (member.state >= MemberState::kDead) continue;
    mesh_ips[member.name] = member.advert ? member.advert->identity.mesh_ip : member.address.ip;
  }
  if (mesh_ips == mesh_ips_) return;
  mesh_ips_ = std::move(mesh_ips);
  outside_.on_peers_changed();
}

MemberView Cluster::Show(const gossip::Member& member) const {
  MemberView view;
  view.name = member.said.name;
  view.self = view.name == settings_.self;
  view.address = member.said.address;
  view.state = member.said.state;
  view.since = ToEpoch(member.since);
  view.incarnation = member.said.incarnation;
  view.witnesses = member.said.witnesses;
  if (!view.witnesses.empty()) view.suspected_at = ToEpoch(member.suspected);
  if (member.round_trip.count() > 0) {
    view.round_trip_ms = std::chrono::duration<double, std::milli>(member.round_trip).count();
  }
  if (view.self) {
    view.advert = advert_;
  } else if (const gossip::Advert* const advert = directory_.Find(view.name)) {
    view.advert = *advert;
  }
  return view;
}

// So that a cluster that was switched off whole finds itself again, also without the database.
void Cluster::RememberPeers() {
  std::set<gossip::Address> peers;
  for (const gossip::Member& member : transport_->gossip().members()) {
    if (member.said.name != settings_.self && member.said.state != MemberState::kLeft) {
      peers.insert(member.said.address);
    }
  }
  if (peers.empty() || peers == remembered_) return;
  std::string text;
  for (const gossip::Address& peer : peers) text += ToText(peer) + "\n";
  if (!workers_.Submit("peers", [path = PeersPath(settings_.memory), text = std::move(text)] {
        if (const auto done = WritePrivateFile(path, text); !done) {
          log::Warn("the peers are not on the disk error={}", done.error().message);
        }
      })) {
    return;
  }
  remembered_ = std::move(peers);
}

void Cluster::Tick() {
  const gossip::Gossip& gossip = transport_->gossip();
  if (gossip.counters().received != std::exchange(received_, gossip.counters().received)) {
    role_->NoteContact();
  }
  ClusterFigures figures = {.gossip = gossip.counters(),
                            .transport = transport_->counters(),
                            .rumours = gossip.rumours(),
                            .health_score = gossip.health_score(),
                            .members = {},
                            .role = role_->role(),
                            .serving = role_->Serving()};
  for (const gossip::Member& member : gossip.members()) ++figures.members[member.said.state];
  figures_.Write(std::move(figures));
}

void Cluster::Leave(std::function<void()> done) {
  on_left_ = std::move(done);
  goodbye_.Set(Clock::now() + kHandOverLimit);
  role_->Leave([this] { SayGoodbye(); });
}

void Cluster::SayGoodbye() {
  if (on_left_) transport_->Leave(kGoodbyeLimit, std::exchange(on_left_, nullptr));
}

}  // namespace sf
