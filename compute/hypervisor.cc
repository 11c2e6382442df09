// SPDX-License-Identifier: Apache-2.0
#include "compute/hypervisor.h"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "compute/domain_spec.h"
#include "compute/libvirt_link.h"

namespace sf::compute {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t kUuidLength = 36;

/// The reasons libvirt keeps with a state tell who is to blame for a domain that is off.
DomainState ToState(int state, int reason) {
  switch (state) {
    case VIR_DOMAIN_PAUSED: return {Power::kPaused, false};
    case VIR_DOMAIN_CRASHED: return {Power::kCrashed, false};
    case VIR_DOMAIN_SHUTOFF:
      if (reason == VIR_DOMAIN_SHUTOFF_CRASHED) return {Power::kCrashed, false};
      // The other reasons are a failed start, and none at all: libvirtd came back after its host.
      return {Power::kOff,
              reason == VIR_DOMAIN_SHUTOFF_SHUTDOWN || reason == VIR_DOMAIN_SHUTOFF_DESTROYED};
    default: return {Power::kOn, false};  // Running, blocked, or on its way down.
  }
}

Result<DomainState> StateOf(virDomainPtr domain) {
  int state = 0;
  int reason = 0;
  if (virDomainGetState(domain, &state, &reason, 0) < 0) {
    return LibvirtFailure("state of domain {}", virDomainGetName(domain));
  }
  return ToState(state, reason);
}

/// A change of power: where it can start from, and where it has been made already.
struct PowerChange {
  std::string_view verb;
  std::vector<Power> from;
  std::vector<Power> done;
  int (*act)(virDomainPtr);
};

/// Whether the last call failed as its QEMU ended meanwhile. libvirt's words for it are of the pipe
/// that broke, and for a moment more it takes the domain for one that runs.
bool LostQemu() {
  const virError* error = virGetLastError();
  return error != nullptr && error->domain == VIR_FROM_QEMU &&
         (error->code == VIR_ERR_SYSTEM_ERROR || error->code == VIR_ERR_OPERATION_FAILED);
}

Result<void> Change(LibvirtLink& link, const InstanceId& id, PowerChange change) {
  return link.CallOnDomain(
      id, [id, change = std::move(change)](virDomainPtr domain) -> Result<void> {
        const Power power = TRY(StateOf(domain)).power;
        if (std::ranges::count(change.done, power) > 0) return {};
        if (std::ranges::count(change.from, power) == 0) {
          return Fail(Code::kConflict, "instance {} is {}: it cannot be {}", id, ToString(power),
                      change.verb);
        }
        if (change.act(domain) == 0) return {};
        auto failure = LibvirtFailure("instance {} could not be {}", id, change.verb);
        if (LostQemu()) failure.value().code = Code::kUnavailable;
        return failure;
      });
}

std::string VersionText(unsigned long version) {
  return fmt::format("{}.{}.{}", version / 1000000, version / 1000 % 1000, version % 1000);
}

}  // namespace

std::string_view ToString(Power power) {
  switch (power) {
    case Power::kOn: return "on";
    case Power::kOff: return "off";
    case Power::kPaused: return "paused";
    case Power::kCrashed: return "crashed";
  }
  return "";
}

Hypervisor::Hypervisor(std::string uri, const std::string& cluster_id,
                       std::chrono::milliseconds patience)
    : link_(std::make_shared<LibvirtLink>(std::move(uri), DomainPrefix(cluster_id), patience)) {}

Hypervisor::~Hypervisor() = default;

Result<std::map<InstanceId, DomainState>> Hypervisor::List() {
  using Domains = std::map<InstanceId, DomainState>;
  return link_->Call(
      "the list of domains",
      [prefix = link_->prefix()](virConnectPtr connection) -> Result<Domains> {
        // One call for all states, which does not wait for any domain's QEMU.
        virDomainStatsRecordPtr* records = nullptr;
        const int count = virConnectGetAllDomainStats(connection, VIR_DOMAIN_STATS_STATE, &records,
                                                      VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT);
        if (count < 0) return LibvirtFailure("domains could not be listed");
        const std::unique_ptr<virDomainStatsRecordPtr, decltype(&virDomainStatsRecordListFree)>
            owner(records, virDomainStatsRecordListFree);

        Domains domains;
        for (const virDomainStatsRecord* record :
             std::span(records, static_cast<std::size_t>(count))) {
          const std::string_view name = virDomainGetName(record->dom);
          if (!name.starts_with(prefix) || name.size() != prefix.size() + kUuidLength) continue;
          int state = VIR_DOMAIN_NOSTATE;
          int reason = 0;
          virTypedParamsGetInt(record->params, record->nparams, "state.state", &state);
          virTypedParamsGetInt(record->params, record->nparams, "state.reason", &reason);
          domains.emplace(std::string(name.substr(prefix.size())), ToState(state, reason));
        }
        return domains;
      });
}

Result<DomainState> Hypervisor::State(const InstanceId& id) {
  return link_->CallOnDomain(id, StateOf);
}

Result<StartTimes> Hypervisor::Start(const InstanceId& id, const std::string& xml) {
  // Call() keeps the link.
  const auto start = [link = link_.get(), id, xml](virConnectPtr connection) -> Result<StartTimes> {
    if (const auto present = link->Find(connection, id)) {
      if (!IsOff(TRY(StateOf(present->get())))) return StartTimes{};
    } else if (present.error().code != Code::kNotFound) {
      return tl::unexpected(present.error());
    }
    const auto begun = steady_clock::now();
    const DomainHandle domain(virDomainDefineXML(connection, xml.c_str()));
    if (!domain) return LibvirtFailure("instance {} could not be defined", id);
    const auto defined = steady_clock::now();
    if (virDomainCreate(domain.get()) < 0) {
      return LibvirtFailure("instance {} could not be started", id);
    }
    return StartTimes{.define = defined - begun, .create = steady_clock::now() - defined};
  };
  return link_->Call(id.value, start);
}

Result<void> Hypervisor::Remove(const InstanceId& id) {
  auto removed = link_->CallOnDomain(id, [id](virDomainPtr domain) -> Result<void> {
    if (virDomainIsActive(domain) == 1 && virDomainDestroy(domain) < 0) {
      const auto failure = LibvirtFailure("instance {} could not be stopped", id);
      // It may have ended by itself meanwhile, which is as good.
      if (virDomainIsActive(domain) != 0) return failure;
    }
    constexpr unsigned kEverything = VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | VIR_DOMAIN_UNDEFINE_NVRAM |
                                     VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA |
                                     VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA;
    if (virDomainUndefineFlags(domain, kEverything) < 0) {
      return LibvirtFailure("instance {} could not be undefined", id);
    }
    return {};
  });
  if (!removed && removed.error().code == Code::kNotFound) return {};
  return removed;
}

Result<void> Hypervisor::PowerOn(const InstanceId& id) {
  return Change(*link_, id,
                {.verb = "switched on",
                 .from = {Power::kOff, Power::kCrashed},
                 .done = {Power::kOn},
                 .act = virDomainCreate});
}

Result<void> Hypervisor::PowerOff(const InstanceId& id) {
  return Change(*link_, id,
                {.verb = "switched off",
                 .from = {Power::kOn, Power::kPaused},
                 .done = {Power::kOff, Power::kCrashed},
                 .act = virDomainDestroy});
}

Result<void> Hypervisor::RebootSoft(const InstanceId& id) {
  return Change(
      *link_, id,
      {.verb = "told to reboot", .from = {Power::kOn}, .done = {}, .act = [](virDomainPtr domain) {
         return virDomainReboot(domain, VIR_DOMAIN_REBOOT_ACPI_POWER_BTN);
       }});
}

Result<void> Hypervisor::RebootHard(const InstanceId& id) {
  return Change(*link_, id,
                {.verb = "reset", .from = {Power::kOn}, .done = {}, .act = [](virDomainPtr domain) {
                   return virDomainReset(domain, 0);
                 }});
}

Result<void> Hypervisor::Pause(const InstanceId& id) {
  return Change(
      *link_, id,
      {.verb = "paused", .from = {Power::kOn}, .done = {Power::kPaused}, .act = virDomainSuspend});
}

Result<void> Hypervisor::Unpause(const InstanceId& id) {
  return Change(
      *link_, id,
      {.verb = "resumed", .from = {Power::kPaused}, .done = {Power::kOn}, .act = virDomainResume});
}

Result<std::string> Hypervisor::Version() {
  return link_->Call("its version", [](virConnectPtr connection) -> Result<std::string> {
    unsigned long libvirt = 0;
    unsigned long qemu = 0;
    if (virConnectGetLibVersion(connection, &libvirt) < 0 ||
        virConnectGetVersion(connection, &qemu) < 0) {
      return LibvirtFailure("versions of libvirt and QEMU");
    }
    return fmt::format("libvirt {}, QEMU {}", VersionText(libvirt), VersionText(qemu));
  });
}

}  // namespace sf::compute
