// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "net/nat_rules.h"
#include "net/services_spec.h"
#include "node/base/result.h"
#include "templates/render.h"

namespace sf::net {

/// The folder in which the daemon and sf-services meet. The daemon writes what is wanted and its
/// heartbeat; sf-services, in its container, reads these and writes its status. Files are replaced
/// whole. None has to outlive a power failure: all are written anew.
///
/// Thread: worker, one at a time on each side.
class ServicesFolder {
 public:
  /// Where sf-services sees the folder, as a rule.
  static constexpr char kInContainer[] = "/services";

  /// `inside`: where sf-services sees it, which is how dnsmasq's files name each other.
  explicit ServicesFolder(std::filesystem::path path, std::filesystem::path inside = kInContainer)
      : path_(std::move(path)), inside_(std::move(inside)) {}

  const std::filesystem::path& path() const { return path_; }

  /// All that is wanted: `services`, and in it `networks`. Files that have not changed are not
  /// touched; those of networks that are not wanted any more are removed. kConflict: there was a
  /// higher term.
  Result<void> Write(WantedServices services, const std::vector<WantedNetwork>& networks,
                     const Templates& templates, const Shield& shield = {});
  Result<void> WriteHeartbeat(const Heartbeat& heartbeat);
  Result<ServicesStatus> ReadStatus() const;  ///< kNotFound: none was written yet

  /// One network, with the texts that its dnsmasq and its packet filter were given.
  struct Network {
    WantedNetwork wanted;
    std::string conf;
    std::string hosts;
    std::string names;
    std::string rules;  ///< empty without NAT
    auto operator<=>(const Network&) const = default;
  };
  struct Contents {
    WantedServices services;
    std::string egress_rules;
    std::map<NetworkId, Network> networks;
    std::map<NetworkId, Error> errors;  ///< networks whose files are bad
  };
  Result<Contents> Read() const;
  /// Changes whenever Write() changed anything; empty when there is nothing.
  std::string Stamp() const;
  Result<Heartbeat> ReadHeartbeat(BootTime now) const;
  Result<void> WriteStatus(const ServicesStatus& status);

  std::filesystem::path ConfFile(const NetworkId& network) const;

 private:
  Result<Network> ReadNetwork(const NetworkId& uuid) const;

  std::filesystem::path path_;
  std::filesystem::path inside_;
};

/// CLOCK_BOOTTIME now.
BootTime BootTimeNow();

}  // namespace sf::net
