// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <map>
#include <set>
#include <string>
#include <utility>

#include "net/netlink.h"
#include "net/services_folder.h"
#include "node/base/file_descriptor.h"
#include "node/base/result.h"

namespace sf::net {

/// The namespace of `network` in a process that serves it, by the descriptor that it has there.
/// kNotReady when it is not that any more.
Result<FileDescriptor> OpenServed(pid_t process, int descriptor, const std::string& cluster_id,
                                  const NetworkId& network);

/// One network while it is served: a network namespace with the gateway address, joined to the
/// network's bridge by a leg (a veth pair), and a dnsmasq in it. With NAT it is joined to the host
/// by another pair, its way out, and translates what passes between the two.
///
/// The namespace is held open by this process alone, and the links go with the namespace: when the
/// process is gone, however it ended, the kernel has nothing left of it.
///
/// Thread: the only one.
class ServedNetwork {
 public:
  /// What all of them have in common.
  struct Host {
    std::string cluster_id;
    std::string dnsmasq;  ///< the program
    const ServicesFolder& folder;
    Netlink& netlink;                  ///< of the host's namespace
    const FileDescriptor& name_space;  ///< the host's
  };

  /// Makes namespace and leg. kNotReady: this node has no end of the mesh yet.
  static Result<ServedNetwork> Start(const Host& host, const std::map<std::string, Link>& links,
                                     const ServicesFolder::Network& network, BootTime now);

  ServedNetwork(ServedNetwork&&) = default;
  ServedNetwork& operator=(ServedNetwork&&) = default;

  const WantedNetwork& wanted() const { return network_.wanted; }
  ServicesStatus::Network status() const { return {since_, dnsmasq_, starts_, name_space_.get()}; }
  int bridge() const { return bridge_; }  ///< this node's end of the mesh
  /// What leads here from outside.
  std::set<IpAddress> outside() const;

  /// Whether `network` can be had by Update(); else it takes a new leg or namespace.
  bool CanChange(const WantedNetwork& network) const;
  /// Guests that were added are told to dnsmasq; for all else it starts anew, as it would hold a
  /// leased address against a new owner.
  void Update(const ServicesFolder::Network& network);

  /// Loads rules that have changed, and starts dnsmasq where it should run and does not; after a
  /// death, ever later.
  Result<void> Keep(const Host& host, BootTime now);
  /// Whether it was this network's dnsmasq.
  bool Died(pid_t pid, BootTime now);
  void KillDnsmasq();

 private:
  ServedNetwork(ServicesFolder::Network network, FileDescriptor name_space, int bridge, int way_out,
                BootTime since)
      : network_(std::move(network)),
        name_space_(std::move(name_space)),
        bridge_(bridge),
        way_out_(way_out),
        since_(since) {}

  Result<void> KeepGateway(const Host& host);
  Result<void> RouteIntoMesh();
  Result<void> KeepDnsmasq(const Host& host, BootTime now);

  ServicesFolder::Network network_;
  FileDescriptor name_space_;
  int bridge_;
  int way_out_;  ///< the host's end of it; 0 without NAT
  BootTime since_;
  std::string rules_;                      ///< that are in force
  std::set<IpAddress> leading_here_ = {};  ///< floating and routed ones that the host routes here
  std::set<IpAddress> routed_ = {};        ///< those that go on into the mesh as they are
  pid_t dnsmasq_ = 0;
  int starts_ = 0;
  BootTime started_ = {};
  BootTime not_before_ = {};
  BootTime pause_ = {};
};

}  // namespace sf::net
