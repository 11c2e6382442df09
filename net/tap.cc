// SPDX-License-Identifier: Apache-2.0
#include "net/tap.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace sf::net {
namespace {

constexpr char kDevice[] = "/dev/net/tun";

tl::unexpected<Error> Failure(const char* what, const std::string& name) {
  const int error = errno;
  return Fail(error == EBUSY ? Code::kConflict : Code::kInternal, "{} {}: {}", what, name,
              std::generic_category().message(error));
}

}  // namespace

Result<Tap> Tap::Make(const std::string& name, const Mac& mac) {
  if (name.empty() || name.size() >= IFNAMSIZ) {
    return Fail(Code::kInternal, "'{}' is no name for a tap device", name);
  }
  FileDescriptor device(::open(kDevice, O_RDWR | O_CLOEXEC));
  if (device.get() < 0) return Failure("cannot open", kDevice);
  ifreq request = {};
  std::ranges::copy(name, request.ifr_name);
  request.ifr_flags = static_cast<short>(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_TUN_EXCL);
  if (::ioctl(device.get(), TUNSETIFF, &request) != 0) return Failure("cannot make the tap", name);
  request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
  std::ranges::copy(mac, request.ifr_hwaddr.sa_data);
  if (::ioctl(device.get(), SIOCSIFHWADDR, &request) != 0) {
    return Failure("cannot give an address to the tap", name);
  }
  return Tap(std::move(device));
}

Result<void> Tap::Keep() {
  if (::ioctl(device_.get(), TUNSETPERSIST, 1) != 0) return Failure("cannot keep", "a tap");
  return {};
}

}  // namespace sf::net
