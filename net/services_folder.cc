// SPDX-License-Identifier: Apache-2.0
#include "net/services_folder.h"

#include <sys/stat.h>

#include <cerrno>
#include <ctime>
#include <fstream>
#include <iterator>
#include <set>
#include <system_error>

#include "net/nat_rules.h"
#include "node/base/uuid.h"

namespace sf::net {
namespace {

namespace fs = std::filesystem;

constexpr char kServices[] = "services.json";
constexpr char kEgress[] = "egress.nft";
constexpr char kHeartbeat[] = "heartbeat.json";
constexpr char kStatus[] = "status.json";
constexpr std::uintmax_t kMaxFileSize = 16 << 20;  // 65,536 guests of 200 bytes.

Result<std::string> ReadFile(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    const Code code = errno == ENOENT ? Code::kNotFound : Code::kInternal;
    return Fail(code, "cannot read {}: {}", path.string(), std::generic_category().message(errno));
  }
  std::error_code failure;
  if (fs::file_size(path, failure) > kMaxFileSize || failure) {
    return Fail(Code::kTooLarge, "{}: more than {} bytes", path.string(), kMaxFileSize);
  }
  std::string text(std::istreambuf_iterator<char>(file), {});
  if (file.bad()) return Fail(Code::kInternal, "cannot read {}", path.string());
  return text;
}

Result<void> WriteFile(const fs::path& path, std::string_view text) {
  const fs::path beside = path.string() + ".new";
  std::ofstream file(beside, std::ios::binary | std::ios::trunc);
  // There is a key among them.
  std::error_code failure;
  fs::permissions(beside, fs::perms::owner_read | fs::perms::owner_write, failure);
  file.write(text.data(), static_cast<std::streamsize>(text.size()));
  file.close();
  if (!file || failure) {
    return Fail(Code::kInternal, "cannot write {}: {}", beside.string(),
                std::generic_category().message(errno));
  }
  fs::rename(beside, path, failure);
  if (failure)
    return Fail(Code::kInternal, "cannot write {}: {}", path.string(), failure.message());
  return {};
}

/// Whether it was written: not if the file has this text already.
Result<bool> WriteIfOther(const fs::path& path, std::string_view text) {
  if (const auto is = ReadFile(path); is && *is == text) return false;
  TRY(WriteFile(path, text));
  return true;
}

fs::path FileOf(const fs::path& folder, const NetworkId& network, std::string_view kind) {
  return folder / fmt::format("{}.{}", network.value, kind);
}

/// An error of one network is told with its name.
template <class T>
Result<T> Named(const NetworkId& network, Result<T> result) {
  if (!result) result.error().message = fmt::format("{}: {}", network, result.error().message);
  return result;
}

}  // namespace

Result<void> ServicesFolder::Write(WantedServices services,
                                   const std::vector<WantedNetwork>& networks,
                                   const Templates& templates, const Shield& shield) {
  const auto before = ReadFile(path_ / kServices);
  const auto old = before ? ParseWantedServices(*before) : WantedServices{};
  if (old && old->cluster_id == services.cluster_id && old->term > services.term) {
    return Fail(Code::kConflict, "{}: the term {} came before {}", path_.string(), services.term,
                old->term);
  }
  std::set<std::string> kept;
  bool changed = TRY(WriteIfOther(
      path_ / kEgress, TRY(EgressRules(services.cluster_id, services.egress, shield, templates))));
  for (const WantedNetwork& network : networks) {
    const NetworkId& uuid = network.uuid;
    services.networks.push_back(uuid);
    kept.insert(uuid.value);
    const std::string conf = TRY(DnsmasqConf(network, FileOf(inside_, uuid, "hosts"),
                                             FileOf(inside_, uuid, "names"), templates));
    changed |= TRY(WriteIfOther(FileOf(path_, uuid, "hosts"), DnsmasqHosts(network)));
    changed |= TRY(WriteIfOther(FileOf(path_, uuid, "names"), DnsmasqNames(network)));
    changed |= TRY(WriteIfOther(FileOf(path_, uuid, "conf"), conf));
    if (network.floating_gateway) {
      const std::string rules = TRY(GatewayRules(network, templates));
      changed |= TRY(WriteIfOther(FileOf(path_, uuid, "nft"), rules));
    }
    changed |= TRY(WriteIfOther(FileOf(path_, uuid, "json"), ToJson(network)));
  }
  // Last, and anew whenever anything is: its change is what sf-services looks for.
  const std::string text = ToJson(services);
  if (changed) TRY(WriteFile(path_ / kServices, text));
  TRY(WriteIfOther(path_ / kServices, text));
  std::error_code failure;
  for (const auto& entry : fs::directory_iterator(path_, failure)) {
    const std::string uuid = entry.path().stem().string();
    if (IsUuid(uuid) && !kept.contains(uuid)) fs::remove(entry.path(), failure);
  }
  return {};
}

Result<void> ServicesFolder::WriteHeartbeat(const Heartbeat& heartbeat) {
  return WriteFile(path_ / kHeartbeat, ToJson(heartbeat));
}

Result<ServicesStatus> ServicesFolder::ReadStatus() const {
  return ParseServicesStatus(TRY(ReadFile(path_ / kStatus)));
}

Result<ServicesFolder::Contents> ServicesFolder::Read() const {
  Contents contents;
  contents.services = TRY(ParseWantedServices(TRY(ReadFile(path_ / kServices))));
  contents.egress_rules = TRY(ReadFile(path_ / kEgress));
  for (const NetworkId& uuid : contents.services.networks) {
    if (auto network = Named(uuid, ReadNetwork(uuid))) {
      contents.networks[uuid] = *std::move(network);
    } else {
      contents.errors[uuid] = std::move(network).error();
    }
  }
  return contents;
}

Result<ServicesFolder::Network> ServicesFolder::ReadNetwork(const NetworkId& uuid) const {
  Network network;
  network.wanted = TRY(ParseWantedNetwork(TRY(ReadFile(FileOf(path_, uuid, "json")))));
  network.conf = TRY(ReadFile(FileOf(path_, uuid, "conf")));
  network.hosts = TRY(ReadFile(FileOf(path_, uuid, "hosts")));
  network.names = TRY(ReadFile(FileOf(path_, uuid, "names")));
  if (network.wanted.floating_gateway) network.rules = TRY(ReadFile(FileOf(path_, uuid, "nft")));
  if (network.wanted.uuid != uuid) return Fail(Code::kInvalid, "it is {}", network.wanted.uuid);
  return network;
}

std::string ServicesFolder::Stamp() const {
  struct stat file = {};
  if (::stat((path_ / kServices).c_str(), &file) != 0) return {};
  return fmt::format("{} {}.{:09}", file.st_ino, file.st_mtim.tv_sec, file.st_mtim.tv_nsec);
}

Result<Heartbeat> ServicesFolder::ReadHeartbeat(BootTime now) const {
  return ParseHeartbeat(TRY(ReadFile(path_ / kHeartbeat)), now);
}

Result<void> ServicesFolder::WriteStatus(const ServicesStatus& status) {
  return WriteFile(path_ / kStatus, ToJson(status));
}

fs::path ServicesFolder::ConfFile(const NetworkId& network) const {
  return FileOf(path_, network, "conf");
}

BootTime BootTimeNow() {
  timespec now = {};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

}  // namespace sf::net
