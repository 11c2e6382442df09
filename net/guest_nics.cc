// SPDX-License-Identifier: Apache-2.0
#include "net/guest_nics.h"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <utility>

#include "net/nat_rules.h"
#include "node/base/number.h"

namespace sf::net {
namespace {

using nlohmann::json;

constexpr std::string_view kTapPrefix = "sf-";
constexpr std::size_t kTapDigits = 12;
constexpr std::size_t kMarkBytes = 16;
// Links that are to be removed are put in a group that no other link is in.
constexpr std::uint32_t kRemoved = 0x73670000;

std::string AliasOf(const std::string& cluster_id, const GuestNic& nic) {
  return fmt::format("shakenfist {} {}/{}", cluster_id, nic.instance, nic.interface);
}

std::string WithoutColons(const std::string& mac) {
  std::string digits;
  std::ranges::copy_if(mac, std::back_inserter(digits), [](char c) { return c != ':'; });
  return digits;
}

/// The tap's own address. A bridge takes the least of its ports': of those that begin like this,
/// none is ever the least, so none changes what the bridge has.
Result<Mac> TapMac(const std::string& guest) {
  const auto value = ToNumber<std::uint64_t>(WithoutColons(guest), 16);
  if (!value) return Fail(Code::kInternal, "'{}' is no MAC address", guest);
  Mac mac;
  for (std::size_t i = 0; i < mac.size(); ++i) {
    mac[i] = static_cast<std::uint8_t>(*value >> (8 * (mac.size() - 1 - i)));
  }
  mac[0] = mac[0] == 0xfe ? 0xfa : 0xfe;
  return mac;
}

/// By what rules that are loaded are told from others.
std::string MarkOf(const std::string& rules) {
  std::array<unsigned char, kMarkBytes> hash;
  crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const unsigned char*>(rules.data()),
                     rules.size(), nullptr, 0);
  std::string mark;
  for (const unsigned char byte : hash) mark += fmt::format("{:02x}", byte);
  return mark;
}

struct Rules {
  std::string mark;
  std::string text;
};

Result<Rules> RulesOf(const std::string& cluster_id, const GuestNic& nic,
                      const Templates& templates) {
  json values = {{"table", RulesTable(cluster_id)},      {"tap", TapName(nic.interface)},
                 {"instance", nic.instance.value},       {"mac", nic.mac},
                 {"mac_digits", WithoutColons(nic.mac)}, {"mark", ""},
                 {"speaks", !nic.addresses.empty()},     {"addresses", json::array()}};
  for (const IpAddress address : nic.addresses) values["addresses"].push_back(ToString(address));
  Rules rules;
  rules.mark = MarkOf(TRY(templates.Render("guest.nft", values)));
  values["mark"] = rules.mark;
  rules.text = TRY(templates.Render("guest.nft", values));
  return rules;
}

/// The word after `keyword` at the beginning of `line`, if it begins so.
std::optional<std::string> After(const std::string& line, const std::string& keyword) {
  std::istringstream words(line);
  std::string first, second;
  words >> first >> second;
  if (first != keyword) return std::nullopt;
  return second;
}

/// What is to change of the tap's link, so that it is as it should be.
SetLink Difference(const Link& tap, const GuestNic& nic, int bridge) {
  SetLink set{.index = tap.index};
  if (tap.mtu != nic.mtu) set.mtu = nic.mtu;
  if (tap.master != bridge) set.master = bridge;
  if (!tap.up) set.up = true;
  return set;
}

}  // namespace

std::string TapName(const InterfaceId& interface) {
  std::string digits;
  for (const char c : interface.value) {
    if (c != '-' && digits.size() < kTapDigits) digits += c;
  }
  return std::string(kTapPrefix) + digits;
}

Result<std::string> NicRules(const std::string& cluster_id, const GuestNic& nic,
                             const Templates& templates) {
  return TRY(RulesOf(cluster_id, nic, templates)).text;
}

Result<void> CheckNicTemplate(const Templates& templates) {
  GuestNic nic{.mac = "02:00:00:00:00:01"};
  TRY(NicRules("0", nic, templates));
  nic.addresses.emplace();  // Opens the sections for what may be missing.
  TRY(NicRules("0", nic, templates));
  return {};
}

Result<void> GuestNics::Make(std::span<const GuestNic> nics) {
  const std::lock_guard lock(mutex_);
  return MakeAll(nics);
}

// Rules come before the bridge, and the bridge before the tap stays: who fails half way leaves a
// guest without a network, and never one without rules. One that cannot be made keeps no other from
// it.
Result<void> GuestNics::MakeAll(std::span<const GuestNic> nics) {
  if (nics.empty()) return {};
  Netlink netlink = TRY(Netlink::Open());
  Nftables nftables = TRY(Nftables::Open());
  const Chains chains = TRY(ReadChains(nftables));
  std::map<std::string, Link> links;
  for (Link& link : TRY(netlink.Links())) links[link.name] = std::move(link);
  Result<void> all = {};
  std::vector<Tap> made;
  std::vector<Change> plugs;
  std::string rules;
  for (const GuestNic& nic : nics) {
    const Result<Part> part = Prepare(nic, links, chains, netlink, made);
    if (!part) {
      if (all) all = tl::unexpected(part.error());
      continue;
    }
    rules += part->rules;
    if (part->plug) plugs.emplace_back(*part->plug);
  }
  if (!rules.empty()) TRY(nftables.Run(rules));
  TRY(netlink.Do(plugs));
  for (Tap& tap : made) TRY(tap.Keep());
  return all;
}

Result<GuestNics::Part> GuestNics::Prepare(const GuestNic& nic,
                                           const std::map<std::string, Link>& links,
                                           const Chains& chains, Netlink& netlink,
                                           std::vector<Tap>& made) const {
  const std::string name = TapName(nic.interface);
  const std::string alias = AliasOf(cluster_id_, nic);
  const auto bridge = links.find(BridgeName(nic.vni));
  if (bridge == links.end()) return Fail(Code::kNotReady, "{} is not there", BridgeName(nic.vni));
  const Rules wanted = TRY(RulesOf(cluster_id_, nic, templates_));
  Part part;
  const auto found = links.find(name);
  if (found == links.end()) {
    Tap tap = TRY(Tap::Make(name, TRY(TapMac(nic.mac))));
    const Link link = TRY(netlink.FindLink(name));
    const Change changes[] = {SetLink{.index = link.index, .alias = alias},
                              NoLinkLocal{link.index}};
    TRY(netlink.Do(changes));
    made.push_back(std::move(tap));
    part.plug = Difference(link, nic, bridge->second.index);
    part.rules = wanted.text;  // A chain may outlive its tap, and stay a chain of the one before.
    return part;
  }
  const Link& link = found->second;
  if (link.alias != alias) {
    return Fail(Code::kConflict, "the link {} is there and not ours: its alias is '{}'", name,
                link.alias);
  }
  const auto loaded = chains.marks.find(name);
  if (loaded == chains.marks.end() || loaded->second != wanted.mark) part.rules = wanted.text;
  const SetLink plug = Difference(link, nic, bridge->second.index);
  if (plug != SetLink{.index = link.index}) part.plug = plug;
  return part;
}

Result<void> GuestNics::Remove(const InstanceId& instance) {
  const std::lock_guard lock(mutex_);
  std::vector<Link> taps;
  std::set<std::string> chains;
  const std::string alias = fmt::format("shakenfist {} {}/", cluster_id_, instance);
  for (auto& [name, tap] : ReadTaps(TRY(TRY(Netlink::Open()).Links()))) {
    if (!tap.alias.starts_with(alias)) continue;
    chains.insert(name);
    taps.push_back(tap);
  }
  return RemoveAll(taps, chains);
}

// A chain is made after its tap: read in this order, one without the other is of a tap that is
// gone.
Result<GuestNics::Present> GuestNics::Read() {
  const std::lock_guard lock(mutex_);
  Nftables nftables = TRY(Nftables::Open());
  Present present;
  for (const auto& [name, mark] : TRY(ReadChains(nftables)).marks) present.chains.insert(name);
  present.taps = ReadTaps(TRY(TRY(Netlink::Open()).Links()));
  return present;
}

Result<void> GuestNics::Keep(std::span<const GuestNic> nics, const Present& present) {
  std::set<std::string> wanted;
  for (const GuestNic& nic : nics) wanted.insert(TapName(nic.interface));
  std::vector<Link> taps;
  std::set<std::string> chains;
  for (const auto& [name, tap] : present.taps) {
    if (!wanted.contains(name)) taps.push_back(tap);
  }
  for (const std::string& name : present.chains) {
    if (!wanted.contains(name)) chains.insert(name);
  }
  const std::lock_guard lock(mutex_);
  TRY(RemoveAll(taps, chains));
  return MakeAll(nics);
}

Result<void> GuestNics::RemoveAll(const std::vector<Link>& taps,
                                  const std::set<std::string>& chains) {
  std::vector<Change> changes;
  for (const Link& tap : taps) {
    changes.emplace_back(SetLink{.index = tap.index, .group = kRemoved});
  }
  changes.emplace_back(RemoveGroup{kRemoved});
  if (!taps.empty()) TRY(TRY(Netlink::Open()).Do(changes));
  Nftables nftables = TRY(Nftables::Open());
  const std::string table = RulesTable(cluster_id_);
  std::string commands;
  for (const std::string& chain : chains) {
    // Some kernels have removed it with its tap.
    commands += fmt::format("add table netdev {0}\nadd chain netdev {0} {1}\n", table, chain);
    commands += fmt::format("delete chain netdev {} {}\n", table, chain);
  }
  if (!commands.empty()) TRY(nftables.Run(commands));
  const Chains left = TRY(ReadChains(nftables));
  if (left.table && left.marks.empty()) TRY(nftables.Run("delete table netdev " + table));
  return {};
}

Result<GuestNics::Chains> GuestNics::ReadChains(Nftables& nftables) const {
  std::istringstream lines(TRY(nftables.Run("list chains netdev")));
  const std::string table = RulesTable(cluster_id_);
  Chains chains;
  bool ours = false;
  std::string chain;
  for (std::string line; std::getline(lines, line);) {
    if (const auto family = After(line, "table")) ours = line.find(' ' + table + ' ') != line.npos;
    if (!ours) continue;
    chains.table = true;
    if (const auto name = After(line, "chain")) chains.marks[chain = *name];
    if (const auto mark = After(line, "comment")) {
      chains.marks[chain] = mark->substr(0, mark->rfind('"')).substr(1);
    }
  }
  return chains;
}

std::map<std::string, Link> GuestNics::ReadTaps(const std::vector<Link>& links) const {
  std::map<std::string, Link> taps;
  const std::string alias = fmt::format("shakenfist {} ", cluster_id_);
  for (const Link& link : links) {
    if (link.kind == "tun" && link.alias.starts_with(alias)) taps[link.name] = link;
  }
  return taps;
}

}  // namespace sf::net
