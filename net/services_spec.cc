// SPDX-License-Identifier: Apache-2.0
#include "net/services_spec.h"

#include <sodium.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "node/base/uuid.h"

namespace sf::net {
namespace {

using nlohmann::json;

constexpr std::uint32_t kMaxVni = (1U << 24) - 1;
constexpr int kMinMtu = 576;  // What every IPv4 host takes (RFC 791).
constexpr int kMaxMtu = 65535;

// ---- reading -------------------------------------------------------------------------------

/// The members of one JSON object. Who wrote it may be of another release than who reads it, while
/// a node is being upgraded: what only a newer one says is passed over, and what an older one did
/// not say yet, all that has come since the first release, means what it means when it is empty.
/// But a member that is there is of its kind.
class Members {
 public:
  static Result<Members> Of(const json& value, std::string what) {
    if (!value.is_object()) return Fail(Code::kInvalid, "{}: not an object", what);
    return Members(value, std::move(what));
  }

  template <class T>
  Result<T> Take(const char* name) {
    const auto found = members_.find(name);
    if (found == members_.end()) return Fail(Code::kInvalid, "{}: no {}", what_, name);
    const json& value = *found;
    if constexpr (std::is_same_v<T, bool>) {
      if (value.is_boolean()) return value.get<bool>();
    } else if constexpr (std::is_same_v<T, std::string>) {
      if (value.is_string()) return value.get<std::string>();
    } else if constexpr (std::is_same_v<T, json>) {
      return value;
    } else if (value.is_number_unsigned() &&
               value.get<std::uint64_t>() <=
                   static_cast<std::uint64_t>(std::numeric_limits<T>::max())) {
      return value.get<T>();
    }
    return Fail(Code::kInvalid, "{}: {} is of the wrong kind", what_, name);
  }

  template <class T>
  Result<T> TakeOr(const char* name, T otherwise) {
    if (!members_.contains(name)) return otherwise;
    return Take<T>(name);
  }

  Result<IpAddress> Address(const char* name) {
    const auto address = IpAddress::Parse(TRY(Take<std::string>(name)));
    if (!address) return Fail(Code::kInvalid, "{}: {}: {}", what_, name, address.error().message);
    return *address;
  }

 private:
  Members(json members, std::string what) : members_(std::move(members)), what_(std::move(what)) {}

  json members_;
  std::string what_;
};

Result<Members> Parse(std::string_view text, std::string what) {
  const json value = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (value.is_discarded()) return Fail(Code::kInvalid, "{}: not JSON", what);
  return Members::Of(value, std::move(what));
}

/// `read` of each element of the list `name`; none if there is no such list.
template <class T, class Read>
Result<std::vector<T>> List(Members& members, const char* name, const Read& read) {
  const json list = TRY(members.TakeOr(name, json::array()));
  if (!list.is_array()) return Fail(Code::kInvalid, "{} is not a list", name);
  std::vector<T> read_list;
  for (const json& each : list) {
    Result<T> value = read(each);
    if (!value) return Fail(Code::kInvalid, "{}: {}", name, value.error().message);
    read_list.push_back(*std::move(value));
  }
  return read_list;
}

bool IsMac(std::string_view text) {
  if (text.size() != 17) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool hex = (text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f');
    if (i % 3 == 2 ? text[i] != ':' : !hex) return false;
  }
  return true;
}

/// A name of the DNS, so also of no meaning to dnsmasq: no comma, blank or '#'.
bool IsDnsName(std::string_view text, bool one_label) {
  const auto plain = [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           (c == '.' && !one_label);
  };
  return !text.empty() && text.size() <= (one_label ? 63 : 253) && text.front() != '-' &&
         text.front() != '.' && std::ranges::all_of(text, plain);
}

Result<NetworkId> ToNetworkId(const json& value) {
  if (!value.is_string() || !IsUuid(value.get<std::string>())) {
    return Fail(Code::kInvalid, "not a UUID");
  }
  return NetworkId(value.get<std::string>());
}

Result<DhcpHost> ToDhcpHost(const json& value) {
  Members members = TRY(Members::Of(value, "a host"));
  DhcpHost host;
  host.mac = TRY(members.Take<std::string>("mac"));
  host.address = TRY(members.Address("address"));
  host.name = TRY(members.Take<std::string>("name"));
  if (!IsMac(host.mac)) return Fail(Code::kInvalid, "a host: no MAC address");
  if (!host.name.empty() && !IsDnsName(host.name, /*one_label=*/true)) {
    return Fail(Code::kInvalid, "the host {}: its name is no DNS label", host.mac);
  }
  return host;
}

Result<FloatingAddress> ToFloatingAddress(const json& value) {
  Members members = TRY(Members::Of(value, "a floating address"));
  FloatingAddress pair;
  pair.outside = TRY(members.Address("outside"));
  pair.inside = TRY(members.Address("inside"));
  return pair;
}

Result<IpAddress> ToAddress(const json& value) {
  if (!value.is_string()) return Fail(Code::kInvalid, "not an address");
  return IpAddress::Parse(value.get<std::string>());
}

std::string ToHex(const TermKey& key) {
  std::string text;
  for (const std::uint8_t byte : key) text += fmt::format("{:02x}", byte);
  return text;
}

Result<TermKey> ToTermKey(const std::string& text) {
  TermKey key = {};
  std::size_t size = 0;
  if (sodium_hex2bin(key.data(), key.size(), text.data(), text.size(), nullptr, &size, nullptr) !=
          0 ||
      size != key.size()) {
    return Fail(Code::kInvalid, "the services: term_key is no key");
  }
  return key;
}

/// What the parts say together: dnsmasq ends at a host that is twice in its file or outside.
Result<void> Check(const WantedNetwork& network) {
  if (network.vni == 0 || network.vni > kMaxVni) {
    return Fail(Code::kInvalid, "the VNI {} is not one of 24 bits", network.vni);
  }
  if (network.mtu < kMinMtu || network.mtu > kMaxMtu) {
    return Fail(Code::kInvalid, "the MTU {} is not from {} to {}", network.mtu, kMinMtu, kMaxMtu);
  }
  if (!network.netblock.Contains(network.gateway)) {
    return Fail(Code::kInvalid, "the gateway is not in {}", ToString(network.netblock));
  }
  if (!network.domain.empty() && !IsDnsName(network.domain, /*one_label=*/false)) {
    return Fail(Code::kInvalid, "the domain is no DNS name");
  }
  std::set<std::string> macs;
  std::set<IpAddress> addresses = {network.gateway};
  for (const DhcpHost& host : network.hosts) {
    if (!network.netblock.Contains(host.address)) {
      return Fail(Code::kInvalid, "the host {} is not in {}", host.mac, ToString(network.netblock));
    }
    if (!macs.insert(host.mac).second || !addresses.insert(host.address).second) {
      return Fail(Code::kInvalid, "the host {} or its address is there twice", host.mac);
    }
  }
  return {};
}

std::vector<std::string> Texts(const std::vector<IpAddress>& addresses) {
  std::vector<std::string> texts;
  for (const IpAddress address : addresses) texts.push_back(ToString(address));
  return texts;
}

}  // namespace

std::string ToJson(const WantedNetwork& network) {
  json hosts = json::array();
  for (const DhcpHost& host : network.hosts) {
    hosts.push_back({{"mac", host.mac}, {"address", ToString(host.address)}, {"name", host.name}});
  }
  json floating = json::array();
  for (const FloatingAddress& pair : network.floating) {
    floating.push_back({{"outside", ToString(pair.outside)}, {"inside", ToString(pair.inside)}});
  }
  const auto& gateway = network.floating_gateway;
  return json{{"uuid", network.uuid.value},
              {"vni", network.vni},
              {"netblock", ToString(network.netblock)},
              {"gateway", ToString(network.gateway)},
              {"mtu", network.mtu},
              {"dhcp", network.dhcp},
              {"hosts", hosts},
              {"dns", network.dns},
              {"dns_servers", Texts(network.dns_servers)},
              {"domain", network.domain},
              {"floating_gateway", gateway ? json(ToString(*gateway)) : json()},
              {"floating", floating},
              {"routed", Texts(network.routed)}}
      .dump(1);
}

Result<WantedNetwork> ParseWantedNetwork(std::string_view text) {
  Members members = TRY(Parse(text, "a network"));
  WantedNetwork network;
  network.uuid = TRY(ToNetworkId(TRY(members.Take<json>("uuid"))));
  network.vni = TRY(members.Take<std::uint32_t>("vni"));
  network.netblock = TRY(Netblock::Parse(TRY(members.Take<std::string>("netblock"))));
  network.gateway = TRY(members.Address("gateway"));
  network.mtu = TRY(members.Take<int>("mtu"));
  network.dhcp = TRY(members.Take<bool>("dhcp"));
  network.hosts = TRY(List<DhcpHost>(members, "hosts", ToDhcpHost));
  network.dns = TRY(members.TakeOr("dns", false));
  network.dns_servers = TRY(List<IpAddress>(members, "dns_servers", ToAddress));
  network.domain = TRY(members.TakeOr<std::string>("domain", {}));
  const json gateway = TRY(members.TakeOr("floating_gateway", json()));
  if (!gateway.is_null()) network.floating_gateway = TRY(ToAddress(gateway));
  network.floating = TRY(List<FloatingAddress>(members, "floating", ToFloatingAddress));
  network.routed = TRY(List<IpAddress>(members, "routed", ToAddress));
  TRY(Check(network));
  return network;
}

std::string ToJson(const WantedServices& services) {
  json networks = json::array();
  for (const NetworkId& network : services.networks) networks.push_back(network.value);
  return json{{"cluster_id", services.cluster_id},
              {"term", services.term},
              {"term_key", ToHex(services.term_key)},
              {"egress", services.egress.nic},
              {"router", services.egress.router},
              {"masquerade", services.egress.masquerade},
              {"floating_network", ToString(services.egress.floating)},
              {"networks", networks}}
      .dump(1);
}

Result<WantedServices> ParseWantedServices(std::string_view text) {
  Members members = TRY(Parse(text, "the services"));
  WantedServices services;
  services.cluster_id = TRY(members.Take<std::string>("cluster_id"));
  services.term = TRY(members.Take<std::uint64_t>("term"));
  services.term_key = TRY(ToTermKey(TRY(members.Take<std::string>("term_key"))));
  services.egress.nic = TRY(members.Take<std::string>("egress"));
  services.egress.router = TRY(members.TakeOr("router", false));
  services.egress.masquerade = TRY(members.TakeOr("masquerade", false));
  services.egress.floating =
      TRY(Netblock::Parse(TRY(members.Take<std::string>("floating_network"))));
  services.networks = TRY(List<NetworkId>(members, "networks", ToNetworkId));
  return services;
}

std::string ToJson(const Heartbeat& heartbeat) {
  return json{{"term", heartbeat.term}, {"deadline", heartbeat.deadline.count()}}.dump();
}

Result<Heartbeat> ParseHeartbeat(std::string_view text, BootTime now) {
  Members members = TRY(Parse(text, "the heartbeat"));
  Heartbeat heartbeat;
  heartbeat.term = TRY(members.Take<std::uint64_t>("term"));
  heartbeat.deadline = BootTime(TRY(members.Take<std::int64_t>("deadline")));
  if (heartbeat.deadline > now + kOrphanLimit) {
    return Fail(Code::kInvalid, "the heartbeat's deadline is too far ahead: not of this boot");
  }
  return heartbeat;
}

std::string ToJson(const ServicesStatus& status) {
  json networks = json::object();
  for (const auto& [uuid, network] : status.networks) {
    json& one = networks[uuid.value];
    one = {
        {"since", network.since.count()}, {"dnsmasq", network.dnsmasq}, {"starts", network.starts}};
    if (network.name_space >= 0) one["name_space"] = network.name_space;
  }
  json errors = json::object();
  for (const auto& [uuid, message] : status.errors) errors[uuid.value] = message;
  // A message may quote bytes of strangers, which need not be UTF-8.
  return json{{"term", status.term},
              {"serving", status.serving},
              {"networks", networks},
              {"errors", errors}}
      .dump(1, ' ', false, json::error_handler_t::replace);
}

Result<ServicesStatus> ParseServicesStatus(std::string_view text) {
  Members members = TRY(Parse(text, "the status"));
  ServicesStatus status;
  status.term = TRY(members.Take<std::uint64_t>("term"));
  status.serving = TRY(members.Take<bool>("serving"));
  const json networks = TRY(members.Take<json>("networks"));
  const json errors = TRY(members.Take<json>("errors"));
  if (!networks.is_object() || !errors.is_object()) {
    return Fail(Code::kInvalid, "the status: networks or errors are not objects");
  }
  for (const auto& [uuid, value] : networks.items()) {
    Members network = TRY(Members::Of(value, uuid));
    ServicesStatus::Network& served = status.networks[TRY(ToNetworkId(uuid))];
    served.since = BootTime(TRY(network.Take<std::int64_t>("since")));
    served.dnsmasq = TRY(network.Take<int>("dnsmasq"));
    served.starts = TRY(network.Take<int>("starts"));
    served.name_space = TRY(network.TakeOr("name_space", -1));
  }
  for (const auto& [uuid, message] : errors.items()) {
    if (!message.is_string()) return Fail(Code::kInvalid, "the status: an error is no text");
    status.errors[TRY(ToNetworkId(uuid))] = message.get<std::string>();
  }
  return status;
}

Result<std::string> DnsmasqConf(const WantedNetwork& network, const std::string& hosts_file,
                                const std::string& names_file, const Templates& templates) {
  std::vector<std::string> servers = Texts(network.dns_servers);
  return templates.Render("dnsmasq.conf",
                          {{"network", network.uuid.value},
                           {"dhcp", network.dhcp},
                           {"dns", network.dns},
                           {"start", ToString(network.netblock.network())},
                           {"netmask", ToString(network.netblock.netmask())},
                           {"gateway", ToString(network.gateway)},
                           {"mtu", network.mtu},
                           {"domain", network.domain.empty() ? json(false) : json(network.domain)},
                           {"has_dns_servers", !servers.empty()},
                           {"dns_servers", fmt::format("{}", fmt::join(servers, ","))},
                           {"dns_server_list", servers},
                           {"hosts_file", hosts_file},
                           {"names_file", names_file}});
}

Result<void> CheckDnsmasqTemplate(const Templates& templates) {
  const WantedNetwork least;  // Opens the sections for what is not there, and `most` all others.
  WantedNetwork most;
  most.dhcp = most.dns = true;
  most.domain = "example.com";
  most.dns_servers.emplace_back();
  TRY(DnsmasqConf(least, "hosts", "names", templates));
  TRY(DnsmasqConf(most, "hosts", "names", templates));
  return {};
}

std::string DnsmasqHosts(const WantedNetwork& network) {
  std::string text;
  for (const DhcpHost& host : network.hosts) {
    text += fmt::format("{},{}", host.mac, ToString(host.address));
    text += host.name.empty() ? "\n" : fmt::format(",{}\n", host.name);
  }
  return text;
}

std::string DnsmasqNames(const WantedNetwork& network) {
  std::string text;
  for (const DhcpHost& host : network.hosts) {
    if (!host.name.empty()) text += fmt::format("{} {}\n", ToString(host.address), host.name);
  }
  return text;
}

}  // namespace sf::net
