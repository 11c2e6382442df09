// SPDX-License-Identifier: Apache-2.0
#include "net/vxlan_mesh.h"

#include "net/netlink.h"

namespace sf::net {

Result<Kernel> VxlanMesh::Read() const {
  Netlink netlink = TRY(Netlink::Open());
  Kernel kernel;
  kernel.links = TRY(netlink.Links());
  kernel.entries = TRY(netlink.FdbEntries());
  return kernel;
}

// What failed may have failed because another job has done it at the same moment: what is wanted is
// compared once more. What is not wanted is not, as by now there may be meshes that are newer than
// the list of those that are.
Result<VxlanMesh::Outcome> VxlanMesh::Keep(const WantedMeshes& wanted, const Kernel& kernel) const {
  Outcome outcome = TRY(CarryOut(wanted, kernel));
  if (outcome.errors.empty()) return outcome;
  for (const auto& [vni, network] : wanted.networks) outcome.errors.erase(network);
  const WantedMeshes again{.networks = wanted.networks, .peers = wanted.peers, .all = false};
  outcome.errors.merge(TRY(CarryOut(again, TRY(Read()))).errors);
  return outcome;
}

Result<VxlanMesh::Outcome> VxlanMesh::CarryOut(const WantedMeshes& wanted,
                                               const Kernel& kernel) const {
  MeshPlan plan = TRY(PlanMeshes(settings_, wanted, kernel));
  Outcome outcome;
  outcome.errors = std::move(plan.errors);
  if (plan.changes.empty()) return outcome;
  Netlink netlink = TRY(Netlink::Open());
  for (const auto& [networks, changes] : plan.changes) {
    const auto done = netlink.Do(changes);
    outcome.changed += networks.size();
    if (done) continue;
    for (const NetworkId& network : networks) outcome.errors[network] = done.error();
  }
  return outcome;
}

}  // namespace sf::net
