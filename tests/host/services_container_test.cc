// SPDX-License-Identifier: Apache-2.0
// sf-services in its container, by the host's own dockerd.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>

#include "net/docker.h"
#include "net/netlink.h"
#include "net/services_image.h"
#include "services_bed.h"

namespace {

using namespace services_bed;
using namespace sf::net;

constexpr char kSocket[] = "/run/docker.sock";
constexpr char kImage[] = "shakenfist-services-test:1";

/// Removes the container and the bridges.
class CleanUp {
 public:
  explicit CleanUp(std::vector<WantedNetwork> networks) : networks_(std::move(networks)) {}
  ~CleanUp() {
    (void)Docker(kSocket, kCluster).Remove("shakenfist-services");
    auto netlink = Netlink::Open();
    for (const WantedNetwork& network : networks_) {
      (void)netlink->Do(RemoveLink{0x10000000 + static_cast<int>(network.vni)});
    }
  }
  CleanUp(const CleanUp&) = delete;
  CleanUp& operator=(const CleanUp&) = delete;

 private:
  std::vector<WantedNetwork> networks_;
};

bool HasLegs() {
  const auto links = Netlink::Open().value().Links().value();
  return std::ranges::any_of(links,
                             [](const Link& link) { return link.name.starts_with("sf-leg-"); });
}

void MakeImage(Docker& docker) {
  const auto tar = ServicesImage(SF_SERVICES, "/usr/sbin/dnsmasq");
  REQUIRE(tar);
  CHECK(*tar == ServicesImage(SF_SERVICES, "/usr/sbin/dnsmasq").value());
  REQUIRE(docker.EnsureImage(kImage, *tar, ServicesEntrypoint()));
  CHECK_FALSE(docker.EnsureImage(kImage, *tar, ServicesEntrypoint()).value());
}

void CheckPing(Docker& docker, const std::string& container, const WantedNetwork& network) {
  const auto said = docker.Run(container, PingCommand(network.uuid, network.gateway));
  REQUIRE(said);
  CHECK_THAT(*said, Catch::Matchers::Contains("10 packets transmitted, 10 received"));
  const auto none = docker.Run(container, PingCommand(sf::NetworkId("other"), network.gateway));
  REQUIRE_FALSE(none);
  CHECK(none.error().code == sf::Code::kNotReady);
  CHECK_THAT(none.error().message, Catch::Matchers::Contains("other is not served"));
}

}  // namespace

TEST_CASE("Services: in a container, which takes all with it when it is removed", "[host]") {
  REQUIRE(std::filesystem::exists(kSocket));  // A host that was made with --docker.
  auto first = Network(0xfffff1), second = Network(0xfffff2);
  second.hosts[0].address = second.netblock.At(77);
  const CleanUp clean_up({first, second});
  MakeBridge(first);
  MakeBridge(second);

  Docker docker(kSocket, kCluster);
  MakeImage(docker);

  const Folder home;
  ServicesFolder folder(home.path());
  REQUIRE(folder.Write({.cluster_id = kCluster, .term = 1}, {first, second},
                       sf::Templates::Load({}).value()));
  const auto beat = [&] {
    REQUIRE(folder.WriteHeartbeat({1, BootTimeNow() + kOrphanLimit}));
    return true;
  };
  beat();
  const ContainerSpec spec = ServicesContainer(kImage, home.path().string());
  const auto container = docker.Ensure(spec);
  REQUIRE(container);
  CHECK(docker.Ensure(spec).value().id == container->id);
  CHECK(docker.List().value() == std::vector<std::string>{spec.name});
  const auto serves = [&] {
    const auto status = folder.ReadStatus();
    return beat() && status && status->networks.size() == 2;
  };
  const bool served = Eventually(serves);
  INFO(docker.Logs(spec.name, 100).value_or(""));
  REQUIRE(served);
  CHECK(Lease(first, GuestMac(0)) == "10.1.0.10");
  beat();
  CHECK(Lease(second, GuestMac(0)) == "10.1.0.77");
  CHECK_THAT(docker.Logs(spec.name, 1000).value(), Catch::Matchers::Contains("DHCPACK"));

  beat();
  CheckPing(docker, spec.name, first);

  // To another cluster it is a stranger's.
  Docker other(kSocket, "7e57c0de-0000-4000-8000-00000000000f");
  CHECK(other.Ensure(spec).error().code == sf::Code::kConflict);
  CHECK(other.Remove(spec.name).error().code == sf::Code::kConflict);
  CHECK(other.List().value().empty());

  REQUIRE(docker.Kill(spec.name, "KILL"));
  CHECK(Eventually([] { return !HasLegs(); }));
  CHECK(Eventually([&] { return !docker.Inspect(spec.name).value().running; }));
  CHECK(docker.Ensure(spec).value().id != container->id);
  REQUIRE(Eventually([&] { return beat() && HasLegs(); }));
  REQUIRE(docker.Remove(spec.name));
  REQUIRE(docker.Remove(spec.name));
  CHECK(Eventually([] { return !HasLegs(); }));
  CHECK(docker.Inspect(spec.name).error().code == sf::Code::kNotFound);
}

TEST_CASE("Services: how long many networks take in a container", "[.][bench]") {
  const int count = std::atoi(std::getenv("SF_NETWORKS"));
  std::vector<WantedNetwork> networks;
  for (int i = 1; i <= count; ++i) networks.push_back(Network(0xfff000 + static_cast<unsigned>(i)));
  const CleanUp clean_up(networks);
  for (const auto& network : networks) MakeBridge(network);
  Docker docker(kSocket, kCluster);
  const BootTime begin = BootTimeNow();
  auto lap = [&, last = begin](const char* what) mutable {
    const BootTime now = BootTimeNow();
    WARN(fmt::format("{}: {:.3f} s", what, std::chrono::duration<double>(now - last).count()));
    last = now;
  };
  const std::string tar = ServicesImage(SF_SERVICES, "/usr/sbin/dnsmasq").value();
  lap("tar");
  REQUIRE(docker.EnsureImage(kImage, tar, ServicesEntrypoint()));
  lap("import");
  const Folder home;
  ServicesFolder folder(home.path());
  const auto container = docker.Ensure(ServicesContainer(kImage, home.path().string()));
  REQUIRE(container);
  REQUIRE(Eventually([&] { return folder.ReadStatus().has_value(); }));
  lap("container, empty");
  REQUIRE(
      folder.Write({.cluster_id = kCluster, .term = 1}, networks, sf::Templates::Load({}).value()));
  REQUIRE(Eventually(
      [&] {
        REQUIRE(folder.WriteHeartbeat({1, BootTimeNow() + kOrphanLimit}));
        const auto status = folder.ReadStatus();
        return status && status->networks.size() == networks.size();
      },
      std::chrono::minutes(1)));
  lap("served");
  CHECK(Lease(networks.back(), GuestMac(0)) == "10.1.0.10");
  lap("the last one leased");
  std::system(
      fmt::format("cat /sys/fs/cgroup/memory/docker/{}/memory.usage_in_bytes", container->id)
          .c_str());
  REQUIRE(docker.Remove("shakenfist-services"));
  REQUIRE(Eventually([] { return !HasLegs(); }, std::chrono::minutes(1)));
  lap("removed and down");
}
