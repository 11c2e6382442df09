// SPDX-License-Identifier: Apache-2.0
#include "node/config_options.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <type_traits>
#include <utility>

#include "node/base/number.h"

namespace sf {
namespace {

using Setter = decltype(ConfigOption::set);

constexpr std::size_t kNameLimit = 63;

template <class T>
Result<T> ParseNumber(const std::string& text, T low, T high) {
  const auto value = ToNumber<T>(text);
  if (!value || !(*value >= low && *value <= high)) {
    return Fail(Code::kInvalid, "'{}' is not a {}number from {} to {}", text,
                std::is_integral_v<T> ? "whole " : "", low, high);
  }
  return *value;
}

template <class T>
Setter Number(T Config::*member, std::type_identity_t<T> low, std::type_identity_t<T> high,
              std::type_identity_t<T> scale = 1) {
  return [=](Config& config, const std::string& text) -> Result<void> {
    config.*member = TRY(ParseNumber<T>(text, low, high)) * scale;
    return {};
  };
}

Setter Seconds(std::chrono::seconds Config::*member, int low, int high) {
  return [=](Config& config, const std::string& text) -> Result<void> {
    config.*member = std::chrono::seconds(TRY(ParseNumber<int>(text, low, high)));
    return {};
  };
}

template <class T>
Setter Choice(T Config::*member, std::vector<std::pair<std::string, T>> choices) {
  return [=](Config& config, const std::string& text) -> Result<void> {
    std::string known;
    for (const auto& [name, value] : choices) {
      if (name == text) {
        config.*member = value;
        return {};
      }
      known += (known.empty() ? "" : ", ") + name;
    }
    return Fail(Code::kInvalid, "'{}' is none of {}", text, known);
  };
}

/// Whether `text` is of a kind; the error says which kind.
using Check = Result<void> (*)(const std::string& text);

Result<void> IsName(const std::string& text) {
  const bool clean = std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '.' ||
           c == '-';
  });
  if (clean && !text.empty() && text.size() <= kNameLimit) return {};
  return Fail(Code::kInvalid, "'{}' is not a name of 1 to {} letters, digits, dots and hyphens",
              text, kNameLimit);
}

Result<void> IsIpv4(const std::string& text) {
  in_addr parsed;
  if (::inet_pton(AF_INET, text.c_str(), &parsed) == 1) return {};
  return Fail(Code::kInvalid, "'{}' is not an IPv4 address", text);
}

Result<void> IsAddress(const std::string& text) {
  in6_addr parsed;
  if (IsIpv4(text) || ::inet_pton(AF_INET6, text.c_str(), &parsed) == 1) return {};
  return Fail(Code::kInvalid, "'{}' is not an IPv4 or IPv6 address", text);
}

Result<void> IsAbsolutePath(const std::string& text) {
  if (text.starts_with('/')) return {};
  return Fail(Code::kInvalid, "'{}' is not a path from the root", text);
}

Result<void> IsAbsolutePathOrEmpty(const std::string& text) {
  return text.empty() ? Result<void>() : IsAbsolutePath(text);
}

Result<void> IsInterfaceOrEmpty(const std::string& text) {
  constexpr std::size_t kLimit = 15;  // IFNAMSIZ without its NUL.
  if (text.size() <= kLimit && text.find_first_of("/ \t") == std::string::npos) return {};
  return Fail(Code::kInvalid, "'{}' is not the name of a network interface", text);
}

Result<void> IsNotEmpty(const std::string& text) {
  if (!text.empty()) return {};
  return Fail(Code::kInvalid, "it is empty");
}

template <class T>
Setter Text(T Config::*member, Check check) {
  return [=](Config& config, const std::string& text) -> Result<void> {
    TRY(check(text));
    config.*member = text;
    return {};
  };
}

/// Values separated by commas or blanks.
std::vector<std::string> Split(const std::string& text) {
  constexpr std::string_view kSeparators = ", \t";
  std::vector<std::string> values;
  std::size_t at = 0;
  while ((at = text.find_first_not_of(kSeparators, at)) != std::string::npos) {
    const std::size_t end = std::min(text.find_first_of(kSeparators, at), text.size());
    values.push_back(text.substr(at, end - at));
    at = end;
  }
  return values;
}

Setter Servers(images::ServerList images::FetchRules::*member) {
  return [=](Config& config, const std::string& text) -> Result<void> {
    config.image_rules.*member = TRY(images::ServerList::Parse(Split(text)));
    return {};
  };
}

Result<void> SetSqlUrl(Config& config, const std::string& text) {
  config.sql = TRY(ReadSqlUrl(text));
  return {};
}

Result<void> SetApiAddress(Config& config, const std::string& text) {
  config.api_addresses = Split(text);
  if (config.api_addresses.empty()) return Fail(Code::kInvalid, "it names no address");
  for (const std::string& address : config.api_addresses) TRY(IsAddress(address));
  return {};
}

Result<void> SetGossipSeeds(Config& config, const std::string& text) {
  config.gossip_seeds.clear();
  for (const std::string& seed : Split(text)) {
    const std::size_t colon = seed.find(':');
    const std::string ip = seed.substr(0, colon);
    TRY(IsIpv4(ip));
    const bool has_port = colon != std::string::npos;
    const int port = has_port ? TRY(ParseNumber<int>(seed.substr(colon + 1), 1, 65535)) : 0;
    config.gossip_seeds.push_back({ip, port});
  }
  return {};
}

Result<void> SetFloatingNetwork(Config& config, const std::string& text) {
  constexpr int kLongestPrefix = 29;
  config.floating_network = TRY(Netblock::Parse(text));
  if (config.floating_network.prefix_length() <= kLongestPrefix) return {};
  return Fail(Code::kInvalid, "'{}' has fewer than 8 addresses", text);
}

Result<void> IsIpv4OrEmpty(const std::string& text) {
  return text.empty() ? Result<void>() : IsIpv4(text);
}

Result<void> SetConsolePorts(Config& config, const std::string& text) {
  const std::size_t dash = std::min(text.find('-'), text.size());
  const auto first = ParseNumber<int>(text.substr(0, dash), 1024, 65535);
  const auto last = ParseNumber<int>(text.substr(std::min(dash + 1, text.size())), 1024, 65535);
  if (!first || !last || *first >= *last) {
    return Fail(Code::kInvalid, "'{}' is not a range of ports from 1024 to 65535, as 30000-39999",
                text);
  }
  config.console_ports = {*first, *last};
  return {};
}

Result<std::string> NoSqlUrl(const HostFacts&, const Config&) {
  return Fail(Code::kInvalid, "a node needs a database: mysql://user:password@host/database");
}

Result<std::string> HostName(const HostFacts& host, const Config&) { return host.name; }

Result<std::string> HostAddress(const HostFacts& host, const Config&) {
  if (!host.address.empty()) return host.address;
  return Fail(Code::kInvalid, "this host has no default route, and not just one address to choose");
}

Result<std::string> MeshNic(const HostFacts& host, const Config& config) {
  const auto found = host.nic_by_address.find(config.node_ip);
  return found == host.nic_by_address.end() ? std::string() : found->second;
}

Result<std::string> EgressNic(const HostFacts& host, const Config&) { return host.egress_nic; }

Result<std::string> NodeIpAndLoopback(const HostFacts&, const Config& config) {
  return config.node_ip + ",127.0.0.1";
}

Result<std::string> HostDnsServer(const HostFacts& host, const Config&) { return host.dns_server; }

Result<std::string> TwicePerCore(const HostFacts& host, const Config&) {
  return std::to_string(2 * host.cores);
}

std::string ShowSqlUrl(const Config& config) { return WithoutPassword(config.sql); }

std::vector<ConfigOption> NodeOptions() {
  return {
      {"NODE_NAME", "NAME", "The name of this node in the cluster.", "the host's name",
       Text(&Config::node_name, IsName), HostName},
      {"NODE_IP", "ADDRESS", "The address at which the other nodes reach this one.",
       "the source of the default route, or the only address", Text(&Config::node_ip, IsIpv4),
       HostAddress},
      {"NODE_MESH_NIC", "NIC", "The interface that joins the nodes.", "the one with NODE_IP",
       Text(&Config::node_mesh_nic, IsInterfaceOrEmpty), MeshNic},
      {"ZONE", "NAME", "The cluster's name; it issues the tokens.", "default",
       Text(&Config::zone, IsName)},
      {"STORAGE_PATH", "FOLDER", "Where images and instances are kept.", "/srv/shakenfist",
       Text(&Config::storage_path, IsAbsolutePath)},
      {"TEMPLATE_PATH", "FOLDER", "Your own copies of the built-in texts; they win. Empty: none.",
       "", Text(&Config::template_path, IsAbsolutePathOrEmpty)},
      {"LOG_LEVEL", "LEVEL", "The least that is logged: debug, info, warn or error.", "info",
       Choice<log::Level>(&Config::log_level, {{"debug", log::Level::kDebug},
                                               {"info", log::Level::kInfo},
                                               {"warn", log::Level::kWarn},
                                               {"error", log::Level::kError}})},
      {"LOG_JSON", "true|false", "Whether each line of the log is a JSON object.", "false",
       Choice<log::Format>(&Config::log_format,
                           {{"true", log::Format::kJson}, {"false", log::Format::kText}})},
  };
}

std::vector<ConfigOption> DatabaseOptions() {
  return {
      {"SQL_URL", "URL",
       "The database: mysql://user:password@host[:port][,host[:port]...]/database.\n"
       "The hosts are tried in order; '/', '@' and '%' in a password are %2F, %40 and %25.\n"
       "Or the path of a file that holds it, which nobody but its owner may read.",
       "none; it has to be given", SetSqlUrl, NoSqlUrl, ShowSqlUrl,
       /*is_secret=*/true},
      {"DATABASE_CONNECTIONS", "COUNT", "Connections to the database, at most.", "8",
       Number(&Config::database_connections, 1, 1000)},
  };
}

std::vector<ConfigOption> ApiOptions() {
  return {
      {"API_ADDRESS", "ADDRESSES", "Where the HTTP API listens; several with commas.",
       "NODE_IP and 127.0.0.1", SetApiAddress, NodeIpAndLoopback},
      {"API_PORT", "PORT", "Its port.", "13000", Number(&Config::api_port, 1, 65535)},
      {"API_THREADS", "COUNT", "Requests that are answered at the same time.", "16",
       Number(&Config::api_threads, 1, 1024)},
      {"API_CONNECTIONS", "COUNT",
       "Connections of clients, at most. Past it, the address that has most of them gives way.",
       "1000", Number(&Config::api_connections, 16, 60'000)},
      {"API_BUFFERS", "MIB",
       "Memory of half-read requests and of answers that clients are slow to take, in MiB. Past\n"
       "it, the address that holds most of it gives way.",
       "64", Number(&Config::api_buffers, 1, 65536, 1 << 20)},
      {"API_TIMEOUT", "SECONDS",
       "How long a client has to send a request, and for each quarter MiB of an upload or a\n"
       "download. To take any other answer it has three times as long.",
       "10", Seconds(&Config::api_timeout, 1, 3600)},
      {"MAX_BODY", "KIB", "The longest request body, in KiB.", "1024",
       Number(&Config::max_body, 1, 65536, 1024)},
      {"LOGIN_FAILURES", "COUNT",
       "Wrong log-ins a minute from one address (of IPv6, one /64) to one namespace, and ten "
       "times\n"
       "as many to all, before more are answered 429 unseen. Who asks from elsewhere is not\n"
       "concerned.",
       "30", Number(&Config::login_failures, 1, 1'000'000)},
      {"API_TLS_CERT", "FILE",
       "The certificate for NODE_IP by which the API speaks HTTPS, and only that, with those of\n"
       "the authorities between it and a known one, as PEM. Empty: plain HTTP.",
       "", Text(&Config::api_tls_cert, IsAbsolutePathOrEmpty)},
      {"API_TLS_KEY", "FILE", "Its key, as PEM; nobody but the owner may read the file.", "",
       Text(&Config::api_tls_key, IsAbsolutePathOrEmpty)},
      {"API_TLS_CA", "FILE",
       "The authorities that sign the nodes' certificates, as PEM. Empty: those of the system.", "",
       Text(&Config::api_tls_ca, IsAbsolutePathOrEmpty)},
  };
}

std::vector<ConfigOption> GossipOptions() {
  return {
      {"GOSSIP_PORT", "PORT",
       "Where nodes tell each other who is there, by UDP and TCP on NODE_IP.", "13002",
       Number(&Config::gossip_port, 1, 65535)},
      {"GOSSIP_SEEDS", "ADDRESSES",
       "Nodes to ask for the others, as ADDRESS or ADDRESS:PORT; several with commas. Those that\n"
       "the database and this node's disk know of are asked in any case.",
       "", SetGossipSeeds},
      {"GOSSIP_KEY_FILE", "FILE",
       "The cluster's keys, 64 hexadecimal digits a line; the first one seals, all open. Empty:\n"
       "the database keeps them, and the first node makes one.",
       "", Text(&Config::gossip_key_file, IsAbsolutePathOrEmpty)},
  };
}

std::vector<ConfigOption> NetworkOptions() {
  return {
      {"MESH_PORT", "PORT",
       "The UDP port of networks between nodes (VXLAN). The same on all of them.", "4789",
       Number(&Config::mesh_port, 1, 65535)},
      {"NODE_EGRESS_NIC", "NIC",
       "The interface that guests of networks with NAT leave this host by, while it serves the\n"
       "networks. It then routes for them and answers ARP for FLOATING_NETWORK.",
       "the default route's", Text(&Config::node_egress_nic, IsInterfaceOrEmpty), EgressNic},
      {"FLOATING_NETWORK", "NETBLOCK",
       "Addresses that networks with NAT and floating interfaces have outside. The same on all\n"
       "nodes and no other cluster's; it can be changed while none is in use. Unless it is a part\n"
       "of NODE_EGRESS_NIC's own network, what guests send looks as if it came from the host.",
       "192.168.20.0/24", SetFloatingNetwork},
      {"SERVICES_IMAGE", "NAME",
       "What the container image that serves networks is called in Docker. It is made on this "
       "host.",
       "shakenfist-services:" SF_VERSION, Text(&Config::services_image, IsNotEmpty)},
      {"DNS_SERVER", "ADDRESS", "The name server that guests of networks with NAT are told of.",
       "the host's own, unless it is on the host itself", Text(&Config::dns_server, IsIpv4OrEmpty),
       HostDnsServer},
  };
}

std::vector<ConfigOption> InstanceOptions() {
  return {
      {"VIRT_TYPE", "TYPE", "kvm, qemu (emulated), or auto: kvm if it is seen to run a guest here.",
       "auto",
       Choice<VirtTypeChoice>(&Config::virt_type, {{"auto", VirtTypeChoice::kAuto},
                                                   {"kvm", VirtTypeChoice::kKvm},
                                                   {"qemu", VirtTypeChoice::kQemu}})},
      {"LIBVIRT_URI", "URI", "The libvirt daemon.", "qemu:///system",
       Text(&Config::libvirt_uri, IsNotEmpty)},
      {"CONSOLE_ADDRESS", "ADDRESS",
       "Where serial consoles and screens listen. Consoles ask nobody for a key; screens ask for "
       "the password that GET /instances/{ref}/vdiconsolehelper has given.",
       "127.0.0.1", Text(&Config::console_address, IsAddress)},
      {"CONSOLE_PORTS", "FIRST-LAST", "Their ports.", "30000-39999", SetConsolePorts},
      {"CPU_OVERCOMMIT_RATIO", "RATIO", "Virtual CPUs per core of the host.", "16",
       Number(&Config::cpu_overcommit_ratio, 0.1, 100)},
      {"RAM_OVERCOMMIT_RATIO", "RATIO", "Memory of instances per memory of the host.", "1.5",
       Number(&Config::ram_overcommit_ratio, 0.1, 10)},
      {"RAM_RESERVE", "MIB", "Memory that is left to the host, in MiB.", "1024",
       Number(&Config::ram_reserve_mib, 0, 1 << 24)},
      {"DISK_RESERVE", "GIB", "Disk space that is kept free, in GiB.", "10",
       Number(&Config::disk_reserve_gib, 0, 1 << 20)},
      {"BUILDS_IN_FLIGHT", "COUNT", "Instances that are built at the same time.", "two per core",
       Number(&Config::builds_in_flight, 1, 1024), TwicePerCore},
      {"NODE_LOST_GRACE", "SECONDS",
       "How long a node is dead and silent before its instances are in error. The same on all.",
       "120", Seconds(&Config::node_lost_grace, 30, 86400)},
      {"AGENT_DEADLINE", "SECONDS",
       "How long the agent in a guest has for an operation, until it begins and until it is done.",
       "3600", Seconds(&Config::agent_deadline, 1, 86400)},
  };
}

std::vector<ConfigOption> ImageOptions() {
  return {
      {"IMAGE_MAX_SIZE", "GIB", "The largest image, unpacked, in GiB.", "50",
       Number(&Config::image_max_gib, 1, 1 << 20)},
      {"UPLOAD_MAX_SIZE", "MIB", "The largest upload, in MiB.", "51200",
       Number(&Config::upload_max_bytes, 1, 1 << 30, 1 << 20)},
      {"BLOB_COPIES", "COUNT",
       "How many nodes keep each upload and snapshot, when there are so many. The same on all.",
       "2", Number(&Config::blob_copies, 1, 9)},
      {"IMAGE_CHECK_INTERVAL", "SECONDS",
       "How long a cached image is used before its source is asked for a newer one.", "60",
       Seconds(&Config::image_check_interval, 1, 86400 * 365)},
      {"IMAGE_STALL_TIMEOUT", "SECONDS", "A fetch that gets nothing for so long has failed.", "30",
       Seconds(&Config::image_stall_timeout, 1, 86400)},
      {"IMAGE_ALLOW", "SERVERS",
       "Servers that images may come from although they are of this host, link-local, or a node:\n"
       "host names, *.example.com for all below it, addresses and netblocks; several with commas.\n"
       "A name is allowed wherever it leads.",
       "", Servers(&images::FetchRules::allow)},
      {"IMAGE_DENY", "SERVERS",
       "Servers that no image comes from, likewise, whatever IMAGE_ALLOW says.", "",
       Servers(&images::FetchRules::deny)},
  };
}

}  // namespace

const std::vector<ConfigGroup>& ConfigGroups() {
  static const std::vector<ConfigGroup> groups = {
      {"Node", NodeOptions()},        {"Database", DatabaseOptions()},
      {"HTTP API", ApiOptions()},     {"Gossip", GossipOptions()},
      {"Networks", NetworkOptions()}, {"Instances", InstanceOptions()},
      {"Images", ImageOptions()}};
  return groups;
}

}  // namespace sf
