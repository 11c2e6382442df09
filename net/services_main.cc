// SPDX-License-Identifier: Apache-2.0
// sf-services FOLDER [DNSMASQ]: serves the networks that the daemon has written into FOLDER. It is
// pid 1 of a container: when it ends, all that it made ends with it.
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

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

}  // namespace

int main(int count, char** arguments) {
  if (count < 2 || count > 3) {
    std::fputs("usage: sf-services FOLDER [DNSMASQ]\n", stderr);
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
