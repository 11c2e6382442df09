// SPDX-License-Identifier: Apache-2.0
#include "node/reconcile/plan.h"

#include <algorithm>

namespace sf::reconcile {
namespace {

bool HasItsImages(const Instance& instance, const Actual& actual) {
  return std::all_of(instance.disks.begin(), instance.disks.end(), [&](const InstanceDisk& disk) {
    return disk.url.empty() || actual.images.contains(disk.url);
  });
}

/// An instance that was built: its domain should be there, and its row should say how it is.
void PlanBuilt(const Instance& instance, const Actual& actual, std::vector<Action>& actions) {
  const auto found = actual.domains.find(instance.uuid);
  if (found == actual.domains.end()) {
    if (instance.power_wanted) actions.emplace_back(StartInstance{instance.uuid});
    return;
  }
  const ActualDomain& domain = found->second;
  const bool off_on_purpose = !domain.running && domain.off_on_purpose;
  if (std::ranges::count(instance.interfaces, "initial", &Interface::state) > 0) {
    actions.emplace_back(PlugInterfaces{instance.uuid});
  } else if (!domain.running && !off_on_purpose && instance.power_wanted) {
    actions.emplace_back(StartInstance{instance.uuid});
  } else if (domain.running && !instance.power_wanted) {
    actions.emplace_back(StopInstance{instance.uuid});
  } else if (domain.power_state != instance.power_state ||
             (off_on_purpose && instance.power_wanted)) {
    actions.emplace_back(RecordPower{instance.uuid});
  }
}

}  // namespace

std::vector<Action> Plan(const Desired& desired, const Actual& actual) {
  std::vector<Action> actions;
  for (const NeededImage& image : desired.images) {
    if (!image.recorded || !actual.images.contains(image.url)) {
      actions.emplace_back(FetchImage{image.url});
    }
  }
  std::set<InstanceId> known;
  for (const Instance& instance : desired.instances) {
    known.insert(instance.uuid);
    switch (instance.state) {
      case InstanceState::kInitial:
      case InstanceState::kCreating:
        if (HasItsImages(instance, actual)) actions.emplace_back(BuildInstance{instance.uuid});
        break;
      case InstanceState::kCreated: PlanBuilt(instance, actual, actions); break;
      case InstanceState::kDeleteWait:
        actions.emplace_back(RemoveInstance{instance.uuid, /*has_row=*/true});
        break;
      case InstanceState::kError:
        // Any other error is for a person to decide on.
        if (instance.lost_from) actions.emplace_back(TakeBackInstance{instance.uuid});
        break;
      case InstanceState::kDeleted: break;
    }
  }
  for (const InstanceId& id : desired.snapshots) {
    const auto domain = actual.domains.find(id);
    const bool running = domain != actual.domains.end() && domain->second.running;
    actions.emplace_back(TakeSnapshots{id, running});
  }
  std::set<InstanceId> strays = actual.folders;
  for (const auto& [id, domain] : actual.domains) strays.insert(id);
  for (const InstanceId& id : strays) {
    if (!known.contains(id)) actions.emplace_back(RemoveInstance{id, /*has_row=*/false});
  }
  return actions;
}

}  // namespace sf::reconcile
