// SPDX-License-Identifier: Apache-2.0
#include "gossip/transport.h"

#include <sys/random.h>

#include <algorithm>
#include <utility>

#include "gossip/transport_clock.h"
#include "gossip/transport_envelope.h"
#include "gossip/transport_sentinels.h"
#include "gossip/transport_streams.h"
#include "gossip/transport_udp.h"
#include "node/base/check.h"

namespace sf::gossip {
namespace {

// More datagrams than this to one member at one moment go by TCP, which has a window.
constexpr std::size_t kBurst = 8;
// A port that is free for UDP may be taken for TCP.
constexpr int kPortTries = 16;

bool IsLoopback(const Address& address) { return address.ip >> 24 == 127; }

std::uint64_t Chance() {
  std::uint64_t number = 0;
  SF_CHECK(getrandom(&number, sizeof number, 0) == sizeof number);
  return number;
}

BootId NewBoot() {
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<BootId>(wall / seconds(1)) << 32 | Chance() >> 32;
}

bool ChangesWhomToWatch(Event::Kind kind) {
  return kind != Event::Kind::kAnnounced && kind != Event::Kind::kSuspected &&
         kind != Event::Kind::kUnreachable && kind != Event::Kind::kRefuted &&
         kind != Event::Kind::kNudged;
}

}  // namespace

Result<std::unique_ptr<Transport>> Transport::Listen(EventLoop& loop, TransportOptions options,
                                                     OnEvent on_event) {
  if (options.address.ip == 0) {
    return Fail(Code::kInvalid, "gossip needs the one address by which others can reach it, not {}",
                Print(options.address));
  }
  if (options.keys.empty() && !IsLoopback(options.address)) {
    return Fail(Code::kInvalid, "gossip has no cluster key, so it does not listen on {}",
                Print(options.address));
  }
  std::unique_ptr<Transport> transport(
      new Transport(loop, std::move(options), std::move(on_event)));
  TRY(transport->Bind());
  return transport;
}

Transport::Transport(EventLoop& loop, TransportOptions options, OnEvent on_event)
    : loop_(loop),
      options_(std::move(options)),
      on_event_(std::move(on_event)),
      tick_(loop, [this] { Tick(); }),
      leave_deadline_(loop, [this] { FinishLeave(); }) {}

Transport::~Transport() = default;

Result<void> Transport::Bind() {
  const BootId boot = NewBoot();
  envelope_ =
      std::make_unique<Envelope>(std::move(options_.keys), boot, options_.config.max_datagram);
  const bool any_port = options_.address.port == 0;
  Result<void> bound;
  for (int tries = 0; tries < (any_port ? kPortTries : 1); ++tries) {
    if (any_port) options_.address.port = 0;
    bound = BindOnce();
    if (bound || bound.error().code != Code::kConflict) break;
  }
  TRY(std::move(bound));
  gossip_ = std::make_unique<Gossip>(options_.config, options_.name, options_.address, boot,
                                     Chance(), Now());
  sentinels_ = std::make_unique<Sentinels>(loop_, *gossip_, *streams_, options_.config.confirmers);
  return {};
}

Result<void> Transport::BindOnce() {
  udp_ = TRY(UdpSocket::Bind(
      loop_.uv(), options_.address, envelope_->max_bytes(),
      {.on_datagram = [this](const Address& from, auto bytes) { OnDatagram(from, bytes); },
       .on_refused = [this](const Address& peer) { LookAt(peer); }},
      counters_));
  streams_ = TRY(Streams::Listen(
      loop_, options_.address, *envelope_,
      {.on_datagram = [this](const Address& from, auto text,
                             Stream& stream) { OnStreamed(from, text, stream); },
       .on_refused = [this](const Address& peer) { OnRefused(peer); },
       .on_accepted = [this](const Address& peer) { OnAccepted(peer); },
       .on_sentinel_ended = [this](const Address& peer) { sentinels_->OnEnded(peer); },
       .on_undelivered =
           [this](const Address& peer, const auto& sealed) {
             for (const std::string& datagram : sealed) udp_->Send(peer, datagram);
           }},
      counters_));
  return {};
}

// ---- what the daemon wants ----------------------------------------------------------------------

void Transport::Join(const std::vector<Address>& seeds) { Carry(gossip_->Join(seeds, Now())); }

void Transport::Greet(const Address& to) { Carry(gossip_->Greet(to, Now())); }

void Transport::Nudge(const NodeId& to) { Carry(gossip_->SendNudge(to, Now())); }

void Transport::Announce(std::uint32_t key, std::string payload) {
  Carry(gossip_->Announce(key, std::move(payload), Now()));
}

void Transport::Leave(Duration at_most, std::function<void()> done) {
  on_left_ = std::move(done);
  leave_deadline_.Set(Now() + at_most);
  Carry(gossip_->Leave(Now()));
}

void Transport::FinishLeave() {
  leave_deadline_.Cancel();
  if (on_left_) std::exchange(on_left_, nullptr)();
}

void Transport::SetKeys(std::vector<Seal::Key> keys) { envelope_->SetKeys(std::move(keys)); }

TransportCounters Transport::counters() const {
  TransportCounters counters = counters_;
  for (std::size_t i = 0; i < kDropReasons; ++i) {
    counters.dropped[i] = envelope_->Dropped(static_cast<Drop>(i));
  }
  return counters;
}

// ---- what the kernel brings ---------------------------------------------------------------------

void Transport::Tick() { Carry(gossip_->Tick(Now())); }

void Transport::OnDatagram(const Address& from, std::string_view sealed) {
  const Seal::Opened opened = envelope_->Open(sealed);
  if (opened.drop == Drop::kNone) Carry(gossip_->Receive(from, opened.text, Now()));
}

void Transport::OnStreamed(const Address& from, std::string_view text, Stream& stream) {
  Output output = gossip_->Receive(from, text, Now());
  std::erase_if(output.sends, [&](Datagram& datagram) {
    if (datagram.to != from) return false;
    streams_->Reply(stream, envelope_->Close(std::move(datagram.bytes)));
    return true;
  });
  Carry(std::move(output));
}

void Transport::LookAt(const Address& peer) {
  if (MemberAt(peer) != nullptr) streams_->Check(peer, {});
}

void Transport::OnRefused(const Address& peer) {
  const Member* const member = MemberAt(peer);
  if (member != nullptr) Carry(gossip_->OnUnreachableEvidence(member->said.name, Now()));
}

void Transport::OnAccepted(const Address& peer) {
  const Member* const member = MemberAt(peer);
  if (member != nullptr) gossip_->OnKernelAnswers(member->said.name);
}

const Member* Transport::MemberAt(const Address& address) const {
  for (const Member& member : gossip_->members()) {
    if (member.said.address == address && member.said.state < MemberState::kDead) return &member;
  }
  return nullptr;
}

// ---- what gossip wants --------------------------------------------------------------------------

void Transport::Carry(Output output) {
  Send(std::move(output.sends));
  for (KernelCheck& check : output.kernel_checks) {
    streams_->Check(check.ping.to, {envelope_->Close(std::move(check.ping.bytes))});
  }
  const auto changed = [](const Event& event) { return ChangesWhomToWatch(event.kind); };
  if (std::ranges::any_of(output.events, changed)) sentinels_->OnMembersChanged();
  // One timer, always set anew, so that no stale one can ever fire.
  const Time next = gossip_->NextTick();
  next == Time::max() ? tick_.Cancel() : tick_.Set(next);
  for (const Event& event : output.events) on_event_(event);
  if (on_left_ && gossip_->settled()) FinishLeave();
}

void Transport::Send(std::vector<Datagram> sends) {
  for (auto first = sends.begin(); first != sends.end();) {
    const auto last = std::find_if(
        first, sends.end(), [&](const Datagram& datagram) { return datagram.to != first->to; });
    const Address to = first->to;
    std::vector<std::string> sealed;
    for (; first != last; ++first) sealed.push_back(envelope_->Close(std::move(first->bytes)));
    if (sealed.size() > kBurst && streams_->Send(to, std::move(sealed))) continue;
    for (const std::string& datagram : sealed) udp_->Send(to, datagram);
  }
}

}  // namespace sf::gossip
