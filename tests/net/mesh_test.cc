// SPDX-License-Identifier: Apache-2.0
#include "net/mesh.h"

#include <algorithm>
#include <catch2/catch.hpp>

namespace {

using namespace sf::net;
using Catch::Matchers::Contains;
using sf::IpAddress;
using sf::NetworkId;

constexpr int kNic = 2;
const MeshSettings kSettings{
    .cluster_id = "c1", .nic = "eth0", .local = IpAddress::Parse("10.0.0.1").value(), .port = 4789};
const NetworkId kBlue("blue");
const NetworkId kGreen("green");

IpAddress Node(std::uint32_t number) { return {kSettings.local.value + number}; }

/// A kernel that keeps what it is told and can be asked.
class FakeKernel {
 public:
  FakeKernel() { Add({.index = kNic, .name = "eth0", .mtu = 1500, .up = true}); }

  struct Made {
    int index = 0;
    std::string name = {}, alias = {}, kind = {};
    int mtu = 1500, master = 0;
    bool up = false, link_local = false;
  };
  void Add(const Made& made) {
    Link& link = links_[made.index];
    link.index = made.index;
    link.name = made.name;
    link.alias = made.alias;
    link.kind = made.kind;
    link.mtu = made.mtu;
    link.master = made.master;
    link.up = made.up;
    link.link_local = made.link_local;
  }

  Kernel Read() const {
    Kernel kernel;
    for (const auto& [index, link] : links_) kernel.links.push_back(link);
    kernel.entries.assign(entries.begin(), entries.end());
    return kernel;
  }
  const Link* Find(const std::string& name) const {
    const auto found = std::ranges::find_if(links_, [&](auto& l) { return l.second.name == name; });
    return found == links_.end() ? nullptr : &found->second;
  }
  Link& Get(const std::string& name) { return links_.at(Find(name)->index); }
  std::size_t size() const { return links_.size(); }

  void Do(const Change& change) {
    std::visit([this](const auto& one) { Apply(one); }, change);
  }

  std::set<FdbEntry> entries;

 private:
  void Apply(const AddBridge& add) {
    Add({.index = add.index, .name = add.name, .kind = "bridge", .link_local = true});
  }
  void Apply(const AddVxlan& add) {
    Add({.index = add.index, .name = add.name, .kind = "vxlan", .link_local = true});
    links_[add.index].vxlan = add.vxlan;
  }
  void Apply(const SetLink& set) {
    Link& link = links_.at(set.index);
    link.alias = set.alias.value_or(link.alias);
    link.mtu = set.mtu.value_or(link.mtu);
    link.master = set.master.value_or(link.master);
    link.group = set.group.value_or(link.group);
    link.up = set.up.value_or(link.up);
    REQUIRE((link.master == 0 || links_.contains(link.master)));
  }
  void Apply(const NoLinkLocal& change) { links_.at(change.index).link_local = false; }
  void Apply(const RemoveLink& remove) {
    REQUIRE(links_.erase(remove.index) == 1);
    for (auto& [index, link] : links_) {
      if (link.master == remove.index) link.master = 0;
    }
    std::erase_if(entries, [&](const FdbEntry& entry) { return entry.link == remove.index; });
  }
  void Apply(const RemoveGroup& remove) {
    std::vector<int> doomed;
    for (const auto& [index, link] : links_) {
      if (link.group == remove.group) doomed.push_back(index);
    }
    REQUIRE_FALSE(doomed.empty());
    for (const int index : doomed) Apply(RemoveLink{index});
  }
  void Apply(const AddFdbEntry& add) {
    REQUIRE(links_.at(add.entry.link).kind == "vxlan");
    REQUIRE(entries.insert(add.entry).second);
  }
  void Apply(const RemoveFdbEntry& remove) { REQUIRE(entries.erase(remove.entry) == 1); }
  template <class Other>
  void Apply(const Other&) {
    FAIL("a mesh needs no such change");
  }

  std::map<int, Link> links_;
};

MeshPlan PlanOf(const WantedMeshes& wanted, const FakeKernel& kernel) {
  return PlanMeshes(kSettings, wanted, kernel.Read()).value();
}

/// Carries the plan out; says how many changes that were.
std::size_t Keep(const WantedMeshes& wanted, FakeKernel& kernel) {
  std::size_t count = 0;
  const MeshPlan plan = PlanOf(wanted, kernel);
  for (const auto& [networks, changes] : plan.changes) {
    for (const Change& change : changes) kernel.Do(change);
    count += changes.size();
  }
  return count;
}

std::set<IpAddress> Flooded(const FakeKernel& kernel, Vni vni) {
  std::set<IpAddress> vteps;
  for (const FdbEntry& entry : kernel.entries) {
    if (entry.link == kernel.Find(VxlanName(vni))->index) vteps.insert(entry.vtep);
  }
  return vteps;
}

}  // namespace

TEST_CASE("Mesh: a bridge's name is as long as a name may be", "[mesh]") {
  CHECK(BridgeName(5) == "br-vxlan-000005");
  CHECK(BridgeName(0xffffff).size() == 15);
  CHECK(VxlanName(0xabcdef) == "vxlan-abcdef");
}

TEST_CASE("Mesh: from nothing to a bridge, a device on it, and an entry for each peer", "[mesh]") {
  FakeKernel kernel;
  const WantedMeshes wanted{.networks = {{5, kBlue}, {6, kGreen}}, .peers = {Node(1), Node(2)}};
  Keep(wanted, kernel);

  for (const Vni vni : {5U, 6U}) {
    const Link* const bridge = kernel.Find(BridgeName(vni));
    const Link* const vxlan = kernel.Find(VxlanName(vni));
    REQUIRE(bridge != nullptr);
    REQUIRE(vxlan != nullptr);
    CHECK(vxlan->master == bridge->index);
    CHECK(vxlan->vxlan == Vxlan{vni, kSettings.local, kNic, 4789});
    for (const Link* link : {bridge, vxlan}) {
      CHECK(link->alias == (vni == 5 ? "shakenfist c1 blue" : "shakenfist c1 green"));
      CHECK(link->mtu == 1450);
      CHECK(link->up);
      CHECK_FALSE(link->link_local);
    }
    CHECK(Flooded(kernel, vni) == wanted.peers);
  }
  CHECK(Keep(wanted, kernel) == 0);
  CHECK(FindMeshes(kSettings, kernel.Read()) == wanted.networks);
  CHECK(FindPeers(kSettings, kernel.Read()) == wanted.peers);
}

TEST_CASE("Mesh: peers come and go, and only they change", "[mesh]") {
  FakeKernel kernel;
  Keep({.networks = {{5, kBlue}}, .peers = {Node(1), Node(2)}}, kernel);
  CHECK(Keep({.networks = {{5, kBlue}}, .peers = {Node(2), Node(3)}}, kernel) == 2);
  CHECK(Flooded(kernel, 5) == std::set{Node(2), Node(3)});
  CHECK(Keep({.networks = {{5, kBlue}}, .peers = {Node(1), Node(2), Node(3)}}, kernel) == 1);
  CHECK(Keep({.networks = {{5, kBlue}}, .peers = {}}, kernel) == 3);
  CHECK(Flooded(kernel, 5).empty());
}

TEST_CASE("Mesh: a node comes into the list before another goes out of it", "[mesh]") {
  FakeKernel kernel;
  Keep({.networks = {{5, kBlue}}, .peers = {Node(1)}}, kernel);
  const auto plan = PlanOf({.networks = {{6, kGreen}}, .peers = {Node(2)}}, kernel);
  REQUIRE(plan.changes.size() == 2);
  CHECK(plan.changes[0].networks == std::vector{kGreen});
  CHECK(plan.changes[1].networks == std::vector{kBlue});  // It is to go.

  const auto peers = PlanOf({.networks = {{5, kBlue}}, .peers = {Node(2)}}, kernel);
  const auto& changes = peers.changes.at(0).changes;
  REQUIRE(changes.size() == 2);
  CHECK(std::holds_alternative<AddFdbEntry>(changes[0]));
  CHECK(std::holds_alternative<RemoveFdbEntry>(changes[1]));
}

TEST_CASE("Mesh: what was learned of a peer goes with it", "[mesh]") {
  FakeKernel kernel;
  Keep({.networks = {{5, kBlue}}, .peers = {Node(1), Node(2)}}, kernel);
  const int link = kernel.Find(VxlanName(5))->index;
  const FdbEntry of_gone{link, Mac{2, 0, 0, 0, 0, 1}, Node(1)};
  const FdbEntry of_here{link, Mac{2, 0, 0, 0, 0, 2}, Node(2)};
  kernel.entries.insert({of_gone, of_here});
  Keep({.networks = {{5, kBlue}}, .peers = {Node(2)}}, kernel);
  CHECK_FALSE(kernel.entries.contains(of_gone));
  CHECK(kernel.entries.contains(of_here));
  CHECK(FindPeers(kSettings, kernel.Read()) == std::set{Node(2)});
}

TEST_CASE("Mesh: whatever half of it is missing or wrong is mended", "[mesh]") {
  const WantedMeshes wanted{.networks = {{5, kBlue}}, .peers = {Node(1)}};
  FakeKernel kernel;
  Keep(wanted, kernel);

  kernel.Get(BridgeName(5)).up = false;
  CHECK(Keep(wanted, kernel) == 1);
  CHECK(kernel.Get(BridgeName(5)).up);
  kernel.Get(VxlanName(5)).master = 0;
  CHECK(Keep(wanted, kernel) == 1);
  CHECK(kernel.Get(VxlanName(5)).master == kernel.Get(BridgeName(5)).index);
  kernel.Get(VxlanName(5)).link_local = true;
  CHECK(Keep(wanted, kernel) == 1);
  kernel.Get("eth0").mtu = 9000;
  CHECK(Keep(wanted, kernel) == 2);
  CHECK(kernel.Get(VxlanName(5)).mtu == 8950);

  kernel.Do(RemoveLink{kernel.Get(VxlanName(5)).index});
  Keep(wanted, kernel);
  CHECK(Flooded(kernel, 5) == wanted.peers);
  const int vxlan = kernel.Get(VxlanName(5)).index;
  kernel.Do(RemoveLink{kernel.Get(BridgeName(5)).index});
  Keep(wanted, kernel);
  CHECK(kernel.Get(VxlanName(5)).index == vxlan);
  CHECK(Keep(wanted, kernel) == 0);
}

// Two jobs that made one mesh at the same moment: the second met a link without an alias, held it
// to be a stranger's, and its instance ended in error.
TEST_CASE("Mesh: a link that another job is making is finished, and no stranger's", "[mesh]") {
  const WantedMeshes wanted{.networks = {{5, kBlue}}, .peers = {Node(1)}};
  FakeKernel kernel;
  Keep(wanted, kernel);
  for (const std::string& name : {BridgeName(5), VxlanName(5)}) {
    kernel.Get(name).alias = "";
    kernel.Get(name).up = false;
    CHECK(PlanOf(wanted, kernel).errors.empty());
    CHECK(Keep(wanted, kernel) == 1);
    CHECK(kernel.Get(name).alias == "shakenfist c1 blue");
  }
  kernel.Get(BridgeName(5)).alias = "";
  kernel.Get(VxlanName(5)).alias = "";
  CHECK(FindMeshes(kSettings, kernel.Read()).empty());
  kernel.Get(VxlanName(5)).index = 17;
  CHECK(PlanOf(wanted, kernel).errors.contains(kBlue));
}

TEST_CASE("Mesh: a device that sends from an old address is made anew, its bridge is not",
          "[mesh]") {
  const WantedMeshes wanted{.networks = {{5, kBlue}}, .peers = {Node(1)}};
  FakeKernel kernel;
  Keep(wanted, kernel);
  kernel.Get(BridgeName(5)).mtu = 1400;  // by which it is known again
  kernel.Get(VxlanName(5)).vxlan->local = Node(9);
  const auto changes = PlanOf(wanted, kernel).changes.at(0).changes;
  CHECK(std::ranges::count_if(
            changes, [](const Change& c) { return std::holds_alternative<RemoveLink>(c); }) == 1);
  Keep(wanted, kernel);
  CHECK(kernel.Get(VxlanName(5)).vxlan->local == kSettings.local);
  CHECK(Flooded(kernel, 5) == wanted.peers);
  CHECK(Keep(wanted, kernel) == 0);
}

TEST_CASE("Mesh: a VNI that another network has now keeps nothing of the old one", "[mesh]") {
  FakeKernel kernel;
  Keep({.networks = {{5, kBlue}}, .peers = {Node(1)}}, kernel);
  const auto plan = PlanOf({.networks = {{5, kGreen}}, .peers = {Node(1)}}, kernel);
  const auto& changes = plan.changes.at(0).changes;
  CHECK(std::ranges::count_if(
            changes, [](const Change& c) { return std::holds_alternative<RemoveLink>(c); }) == 2);
  Keep({.networks = {{5, kGreen}}, .peers = {Node(1)}}, kernel);
  CHECK(FindMeshes(kSettings, kernel.Read()) == std::map<Vni, NetworkId>{{5, kGreen}});
}

TEST_CASE("Mesh: what nobody wants goes, halves of it too; strangers stay", "[mesh]") {
  FakeKernel kernel;
  Keep({.networks = {{5, kBlue}, {6, kGreen}}, .peers = {Node(1)}}, kernel);
  kernel.Do(RemoveLink{kernel.Get(BridgeName(6)).index});
  kernel.Add(
      {.index = 50, .name = "br-vxlan-000007", .alias = "shakenfist c2 x", .kind = "bridge"});
  kernel.Add({.index = 51, .name = "vxlan-000007", .kind = "vxlan"});
  kernel.Add({.index = 52, .name = "br-lan", .alias = "shakenfist c1 blue", .kind = "bridge"});
  kernel.Add({.index = 53, .name = "br-vxlan-8", .alias = "shakenfist c1 blue", .kind = "bridge"});
  kernel.entries.insert({51, kFlood, Node(7)});
  Keep({}, kernel);
  CHECK(kernel.size() == 5);
  CHECK(kernel.entries.size() == 1);
}

TEST_CASE("Mesh: a stranger's link of the name is an error that says so, and is not touched",
          "[mesh]") {
  const auto [name, kind, alias] = GENERATE(table<std::string, std::string, std::string>({
      {"br-vxlan-000005", "bridge", ""},
      {"br-vxlan-000005", "bridge", "shakenfist c2 blue"},
      {"vxlan-000005", "vxlan", "somebody's"},
      {"vxlan-000005", "dummy", "shakenfist c1 blue"},  // Whatever it is, we did not make it.
  }));
  CAPTURE(name, kind, alias);
  FakeKernel kernel;
  kernel.Add({.index = 40, .name = name, .alias = alias, .kind = kind});
  const WantedMeshes wanted{.networks = {{5, kBlue}, {6, kGreen}}, .peers = {Node(1)}};
  const auto plan = PlanOf(wanted, kernel);
  REQUIRE(plan.errors.size() == 1);
  CHECK(plan.errors.at(kBlue).code == sf::Code::kConflict);
  CHECK_THAT(plan.errors.at(kBlue).message, Contains(name) && Contains("'" + alias + "'"));
  Keep(wanted, kernel);
  CHECK(kernel.Find(BridgeName(6)) != nullptr);  // The others have theirs.
  CHECK(kernel.size() == 4);
}

TEST_CASE("Mesh: without its NIC there is no plan, and so nothing is taken away", "[mesh]") {
  FakeKernel kernel;
  Keep({.networks = {{5, kBlue}}, .peers = {Node(1)}}, kernel);
  kernel.Get("eth0").name = "eth1";
  const auto plan = PlanMeshes(kSettings, {}, kernel.Read());
  REQUIRE_FALSE(plan);
  CHECK_THAT(plan.error().message, Contains("'eth0'"));
}

TEST_CASE("Mesh: some alone leaves the others as they are", "[mesh]") {
  FakeKernel kernel;
  Keep({.networks = {{5, kBlue}}, .peers = {Node(1)}}, kernel);
  Keep({.networks = {{6, kGreen}}, .peers = {Node(1), Node(2)}, .all = false}, kernel);
  CHECK(Flooded(kernel, 5) == std::set{Node(1)});
  CHECK(Flooded(kernel, 6) == std::set{Node(1), Node(2)});
}

TEST_CASE("Mesh: many go in few batches, by a group that no other link is in", "[mesh]") {
  FakeKernel kernel;
  WantedMeshes wanted{.networks = {}, .peers = {Node(1)}};
  for (Vni vni = 1; vni <= 100; ++vni) wanted.networks[vni] = NetworkId(std::to_string(vni));
  Keep(wanted, kernel);
  wanted.networks = {{1, NetworkId("1")}};
  const auto first = PlanOf({}, kernel).changes.at(0).changes;
  kernel.Get("eth0").group = std::get<RemoveGroup>(first.back()).group;

  const auto plan = PlanOf(wanted, kernel);
  CHECK(plan.changes.size() == 4);
  std::size_t networks = 0;
  for (const MeshChanges& some : plan.changes) {
    CHECK(some.changes.size() <= 64);  // One batch, or a group outlives a crash.
    networks += some.networks.size();
  }
  CHECK(networks == 99);
  Keep(wanted, kernel);
  CHECK(kernel.size() == 3);
  CHECK(FindMeshes(kSettings, kernel.Read()) == wanted.networks);
}
