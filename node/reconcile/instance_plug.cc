// SPDX-License-Identifier: Apache-2.0
// How an instance that is there already gets another interface.
#include "compute/domain_xml.h"
#include "images/file.h"
#include "node/base/log.h"
#include "node/reconcile/instance_builder.h"

namespace sf::reconcile {

// What is on the disk comes first, as the next start goes by it. QEMU keeps the old config drive
// open until then.
Result<void> InstanceBuilder::Plug(const InstanceId& id) {
  Steps steps("plug", metrics_);
  const Instance instance = TRY(store_.instances.Find(id));
  if (instance.state != InstanceState::kCreated) return {};
  const auto nics = TRY(steps.Run("mesh", [&] { return JoinMeshes(instance); }));
  const auto domain = TRY(ToDomainSpec(instance, nics));
  const std::string xml = TRY(compute::DomainXml(domain, templates_));
  TRY(steps.Run("files", [&]() -> Result<void> {
    TRY(images::WriteWhole(FilesOf(id).domain_xml(), xml, images::Durability::kOrdinary));
    return instance.spec.config_drive ? WriteConfigDrive(instance, nics) : Result<void>();
  }));
  for (const Nic& nic : nics) {
    if (nic.interface.state != "initial") continue;
    const std::string& mac = nic.interface.mac;
    const auto plugged = steps.Run("libvirt", [&]() -> Result<void> {
      return hypervisor_.Plug(id, mac, TRY(compute::InterfaceXml(xml, mac)));
    });
    if (!plugged && plugged.error().code == Code::kUnavailable) return plugged;
    const std::string error = plugged ? "" : plugged.error().message;
    if (!plugged) log::Warn("interface failed interface={} error={}", nic.interface.uuid, error);
    TRY(steps.Run("record", [&] { return store_.interfaces.Plugged(nic.interface, error); }));
  }
  return {};
}

}  // namespace sf::reconcile
