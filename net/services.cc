// SPDX-License-Identifier: Apache-2.0
#include "net/services.h"

#include <algorithm>
#include <vector>

#include "net/network_namespace.h"
#include "node/base/log.h"

namespace sf::net {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kPeriod{200};  // How soon a change in the folder is seen.
constexpr milliseconds kBudget{300};  // For one step: between two, the heartbeat is looked at.
constexpr milliseconds kTellingPeriod{1000};

}  // namespace

Result<Services> Services::Open(std::filesystem::path folder, std::string dnsmasq) {
  return Services(std::move(folder), std::move(dnsmasq), TRY(Netlink::Open()),
                  TRY(TermSocket::Open()), TRY(OpenOwnNamespace()));
}

milliseconds Services::Step(BootTime now) {
  HearHeartbeat(now);
  HearTerm();
  if (now >= deadline_) {
    if (!served_.empty()) {
      log::Warn("all networks went down: {} networks={}",
                deadline_ == BootTime{} ? "this node does not serve any more"
                                        : "the daemon has not spoken in time",
                served_.size());
    }
    StopAll();
    Report(now);
    return kPeriod;
  }
  Reload();
  const bool done = StartMissing(now);
  Keep(now);
  KeepEgress(now);
  TellTerm(now);
  Report(now);
  if (!done) return milliseconds(0);
  return std::min(kPeriod, std::chrono::ceil<milliseconds>(deadline_ - now));
}

void Services::HearHeartbeat(BootTime now) {
  const auto heartbeat = folder_.ReadHeartbeat(now);
  if (!heartbeat || heartbeat->term < term_) return;
  term_ = heartbeat->term;
  deadline_ = heartbeat->deadline;
}

// Whoever heard of a higher term heeds no heartbeat of a lower one: all stay down until this node
// has the role again.
void Services::HearTerm() {
  if (stamp_.empty()) return;  // Nothing is served yet, and the key is not known.
  const std::uint64_t heard = terms_.Heard(wanted_.services.term_key);
  if (heard <= term_) return;
  log::Warn("another node serves: all networks go down term={} own={}", heard, term_);
  term_ = heard;
  deadline_ = {};
  StopAll();
}

// In each mesh as it comes up, and then in one after the other: former holders are in all of them.
void Services::TellTerm(BootTime now) {
  if (served_.empty() || now < next_telling_) return;
  next_telling_ = now + kTellingPeriod;
  auto next = served_.upper_bound(told_);
  if (next == served_.end()) next = served_.begin();
  told_ = next->first;
  terms_.Tell(next->second.bridge(), term_, wanted_.services.term_key);
}

void Services::Reload() {
  const std::string stamp = folder_.Stamp();
  if (stamp == stamp_) return;
  auto read = folder_.Read();
  if (!read) return log::Warn("the wanted networks could not be read: {}", read.error().message);
  stamp_ = stamp;
  if (read->services.term < term_) {
    return log::Warn("a lower term was ignored term={} seen={}", read->services.term, term_);
  }
  term_ = read->services.term;
  // A bad file changes nothing of what is served.
  for (const auto& [uuid, error] : read->errors) {
    log::Warn("a network could not be read: {}", error.message);
    if (const auto old = wanted_.networks.find(uuid); old != wanted_.networks.end()) {
      read->networks.insert(*old);
    }
  }
  wanted_ = *std::move(read);
  errors_.clear();
  retry_ = {};
  Stop([&](const ServedNetwork& served) {
    const auto wanted = wanted_.networks.find(served.wanted().uuid);
    return wanted == wanted_.networks.end() || !served.CanChange(wanted->second.wanted);
  });
  for (auto& [uuid, served] : served_) served.Update(wanted_.networks.at(uuid));
}

void Services::StopAll() {
  if (served_.empty()) return;
  Stop([](const ServedNetwork&) { return true; });
  const auto cleared = egress_.Clear(wanted_.services.cluster_id, wanted_.services.egress);
  if (!cleared) log::Warn("{}", cleared.error().message);
}

// Answers end first. To remove leg after leg would take 20 ms each: the kernel clears away all
// namespaces that nobody holds any more together, with what is in them.
void Services::Stop(const std::function<bool(const ServedNetwork&)>& which) {
  for (auto& [uuid, served] : served_) {
    if (which(served)) served.KillDnsmasq();
  }
  std::erase_if(served_, [&](const auto& each) { return which(each.second); });
}

ServedNetwork::Host Services::Host() {
  return {.cluster_id = wanted_.services.cluster_id,
          .dnsmasq = dnsmasq_,
          .folder = folder_,
          .netlink = *netlink_,
          .name_space = name_space_};
}

/// False when there is more to do than fits in one step.
bool Services::StartMissing(BootTime now) {
  if (served_.size() == wanted_.networks.size() || now < retry_) return true;
  const auto all = netlink_->Links();
  if (!all) {
    log::Warn("{}", all.error().message);
    return true;
  }
  std::map<std::string, Link> links;
  for (const Link& link : *all) links[link.name] = link;
  retry_ = now + kPeriod;
  for (const auto& [uuid, network] : wanted_.networks) {
    if (served_.contains(uuid)) continue;
    if (BootTimeNow() - now > kBudget) {
      retry_ = {};
      return false;
    }
    auto started = ServedNetwork::Start(Host(), links, network, now);
    if (started) {
      errors_.erase(uuid);
      // At once: dnsmasq then starts while the next network is made.
      auto& served = served_.emplace(uuid, *std::move(started)).first->second;
      terms_.Tell(served.bridge(), term_, wanted_.services.term_key);
      if (const auto kept = served.Keep(Host(), now); !kept) errors_[uuid] = kept.error();
    } else if (errors_.insert_or_assign(uuid, started.error()).second) {
      log::Warn("a network is not served network={}: {}", uuid, started.error().message);
    }
  }
  return true;
}

void Services::Keep(BootTime now) {
  for (auto& [uuid, served] : served_) {
    if (const auto kept = served.Keep(Host(), now); !kept) errors_[uuid] = kept.error();
  }
}

// The outside is told of an address once it leads somewhere.
void Services::KeepEgress(BootTime now) {
  EgressWish wish{.cluster_id = wanted_.services.cluster_id,
                  .egress = wanted_.services.egress,
                  .rules = wanted_.egress_rules,
                  .addresses = {}};
  for (const auto& [uuid, served] : served_) wish.addresses.merge(served.outside());
  const auto kept = egress_.Keep(wish, now);
  std::string error = kept ? "" : kept.error().message;
  if (error != egress_error_ && !kept) log::Warn("guests have no way out: {}", error);
  egress_error_ = std::move(error);
}

void Services::Died(pid_t pid, BootTime now) {
  for (auto& [uuid, served] : served_) {
    if (!served.Died(pid, now)) continue;
    log::Info("dnsmasq ended network={}", uuid);
  }
}

void Services::Report(BootTime now) {
  ServicesStatus status{.term = term_, .serving = now < deadline_};
  for (const auto& [uuid, served] : served_) status.networks[uuid] = served.status();
  for (const auto& [uuid, error] : errors_) status.errors[uuid] = error.message;
  for (const auto& [uuid, error] : wanted_.errors) status.errors[uuid] = error.message;
  if (has_reported_ && status == reported_) return;
  const auto written = folder_.WriteStatus(status);
  if (!written) return log::Warn("{}", written.error().message);
  reported_ = std::move(status);
  has_reported_ = true;
}

}  // namespace sf::net
