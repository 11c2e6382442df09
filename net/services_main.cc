// SPDX-License-Identifier: Apache-2.0
// sf-services FOLDER [DNSMASQ]: serves the networks that the daemon has written into FOLDER. It is
// pid 1 of a container: when it ends, all that it made ends with it.
// sf-services ping FOLDER NETWORK ADDRESS: asks from inside one of them, beside that process.
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "net/ping.h"
#include "net/served_network.h"
#include "net/services.h"
#include "node/base/log.h"

namespace {

using sf::net::BootTimeNow;

/// SIGTERM, SIGINT and SIGCHLD as a descriptor to wait for; as pid 1, none would end us by itself.
int OpenSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGTERM, SIGINT, SIGCHLD}) sigaddset(&signals, number);
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  return ::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

/// Whether to go on.
bool TakeSignals(int descriptor, sf::net::Services& services) {
  signalfd_siginfo signal = {};
  while (::read(descriptor, &signal, sizeof(signal)) == sizeof(signal)) {
    if (signal.ssi_signo != SIGCHLD) return false;
    // One signal may stand for several children.
    for (pid_t pid; (pid = ::waitpid(-1, nullptr, WNOHANG)) > 0;) services.Died(pid, BootTimeNow());
  }
  return true;
}

sf::Result<std::vector<std::string>> Ping(const char* path, const sf::NetworkId& network,
                                          std::string_view address) {
  const sf::IpAddress target = TRY(sf::IpAddress::Parse(address));
  const sf::net::ServicesFolder folder(path);
  const auto contents = TRY(folder.Read());
  const auto status = TRY(folder.ReadStatus());
  const auto served = status.networks.find(network);
  const int name_space = served == status.networks.end() ? -1 : served->second.name_space;
  const auto inside =
      TRY(sf::net::OpenServed(/*process=*/1, name_space, contents.services.cluster_id, network));
  return sf::net::Ping(inside, target);
}

int PingAndPrint(char** arguments) {
  const auto lines = Ping(arguments[0], sf::NetworkId(arguments[1]), arguments[2]);
  if (!lines) std::fprintf(stderr, "%s\n", lines.error().message.c_str());
  if (!lines) return 1;
  for (const std::string& line : *lines) std::puts(line.c_str());
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  if (count == 5 && std::string_view(arguments[1]) == "ping") return PingAndPrint(arguments + 2);
  if (count < 2 || count > 3) {
    std::fputs("usage: sf-services FOLDER [DNSMASQ] | sf-services ping FOLDER NETWORK ADDRESS\n",
               stderr);
    return 2;
  }
  sf::log::SetUp(sf::log::Level::kInfo);
  auto services =
      sf::net::Services::Open(arguments[1], count == 3 ? arguments[2] : "/usr/sbin/dnsmasq");
  if (!services) {
    sf::log::Error("{}", services.error().message);
    return 1;
  }
  pollfd signals = {.fd = OpenSignals(), .events = POLLIN, .revents = 0};
  sf::log::Info("services started");
  while (TakeSignals(signals.fd, *services)) {
    const auto idle = services->Step(BootTimeNow());
    ::poll(&signals, 1, static_cast<int>(idle.count()));
  }
  services->StopAll();
  sf::log::Info("services ended");
  return 0;
}
