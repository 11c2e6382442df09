// SPDX-License-Identifier: Apache-2.0
#include "net/services_image.h"

#include "net/services_folder.h"
#include "net/shared_objects.h"
#include "net/tar.h"

namespace sf::net {
namespace {

constexpr char kProgram[] = "/usr/sbin/sf-services";
constexpr char kDnsmasq[] = "/usr/sbin/dnsmasq";

}  // namespace

Result<std::string> ServicesImage(const std::string& sf_services, const std::string& dnsmasq) {
  auto files = TRY(WithSharedObjects({sf_services, dnsmasq}));
  // Where they are on the host is the host's matter.
  auto program = files.extract(sf_services);
  program.key() = kProgram;
  files.insert(std::move(program));
  auto server = files.extract(dnsmasq);
  server.key() = kDnsmasq;
  files.insert(std::move(server));
  // dnsmasq asks who user and group root are.
  files["/etc/passwd"] = "root:x:0:0:root:/:/bin/false\n";
  files["/etc/group"] = "root:x:0:\n";
  files["/etc/nsswitch.conf"] = "passwd: files\ngroup: files\nhosts: files\n";
  return Tar(files, {"/dev", "/proc", "/run", "/sys", "/tmp", ServicesFolder::kInContainer});
}

std::vector<std::string> ServicesEntrypoint() {
  return {kProgram, ServicesFolder::kInContainer, kDnsmasq};
}

std::vector<std::string> PingCommand(const NetworkId& network, IpAddress address) {
  return {kProgram, "ping", ServicesFolder::kInContainer, network.value, ToString(address)};
}

ContainerSpec ServicesContainer(const std::string& image, const std::string& folder) {
  return {.name = "shakenfist-services",
          .image = image,
          .command = {},
          .binds = {folder + ":" + ServicesFolder::kInContainer},
          // To make namespaces and links, and what dnsmasq needs: raw sockets, low ports, and to
          // become the user that it is.
          .capabilities = {"NET_ADMIN", "SYS_ADMIN", "NET_RAW", "NET_BIND_SERVICE", "SETUID",
                           "SETGID"}};
}

}  // namespace sf::net
