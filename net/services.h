// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "net/egress.h"
#include "net/netlink.h"
#include "net/served_network.h"
#include "net/services_folder.h"
#include "net/term_socket.h"
#include "node/base/result.h"

namespace sf::net {

/// Serves networks as the daemon's folder says, and only while the daemon lives: without a fresh
/// heartbeat all of them go down at once, since by then another node may serve them. The same when
/// one says in a mesh that it does, in a higher term: a daemon that is cut off cannot know.
///
/// Thread: the only one.
class Services {
 public:
  /// `dnsmasq`: the program.
  static Result<Services> Open(std::filesystem::path folder, std::string dnsmasq);

  /// Closes the difference between what is wanted and what is served, a part of it if there is much
  /// to do. Returns how long there is nothing more to do.
  std::chrono::milliseconds Step(BootTime now);
  /// A child of this process has ended.
  void Died(pid_t pid, BootTime now);
  /// Until nothing is served.
  void StopAll();

 private:
  Services(std::filesystem::path folder, std::string dnsmasq, Netlink netlink, TermSocket terms,
           FileDescriptor name_space)
      : folder_(std::move(folder)),
        dnsmasq_(std::move(dnsmasq)),
        netlink_(std::make_unique<Netlink>(std::move(netlink))),
        terms_(std::move(terms)),
        name_space_(std::move(name_space)),
        egress_(*netlink_) {}

  void HearHeartbeat(BootTime now);
  void HearTerm();
  void TellTerm(BootTime now);
  void Reload();
  void Stop(const std::function<bool(const ServedNetwork&)>& which);
  bool StartMissing(BootTime now);
  void Keep(BootTime now);
  void KeepEgress(BootTime now);
  void Report(BootTime now);
  ServedNetwork::Host Host();

  ServicesFolder folder_;
  std::string dnsmasq_;
  std::unique_ptr<Netlink> netlink_;
  TermSocket terms_;
  FileDescriptor name_space_;
  std::uint64_t term_ = 0;  ///< the highest that was seen
  BootTime deadline_ = {};
  std::string stamp_;
  ServicesFolder::Contents wanted_ = {};
  std::map<NetworkId, ServedNetwork> served_;
  NetworkId told_;  ///< in whose mesh the term was last told
  BootTime next_telling_ = {};
  std::map<NetworkId, Error> errors_;  ///< what could not be served
  Egress egress_;
  std::string egress_error_;  ///< that is in the log
  BootTime retry_ = {};
  ServicesStatus reported_ = {};
  bool has_reported_ = false;
};

}  // namespace sf::net
