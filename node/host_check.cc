// SPDX-License-Identifier: Apache-2.0
#include "node/host_check.h"

#include <sys/utsname.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <utility>

#include "compute/capacity.h"
#include "compute/domain_xml.h"
#include "compute/hypervisor.h"
#include "compute/kvm_probe.h"
#include "net/egress.h"
#include "net/guest_nics.h"
#include "net/nat_rules.h"
#include "net/services_spec.h"
#include "node/base/http_client.h"
#include "node/certificates.h"
#include "node/daemon_settings.h"
#include "node/store/schema.h"
#include "templates/render.h"

namespace sf {
namespace {

using namespace std::chrono_literals;
using Verdict = Finding::Verdict;

constexpr double kClockTolerance = 2;  // seconds
constexpr std::uint64_t kGigabyte = std::uint64_t{1} << 30;

Finding CheckLibvirt(const Config& config) {
  const auto version = compute::Hypervisor(config.libvirt_uri, "00000000").Version();
  if (version) return {"libvirt", Verdict::kOk, *version, ""};
  return {"libvirt", Verdict::kFailed, version.error().message,
          "install libvirt-daemon-system and qemu-system-x86, and start libvirtd"};
}

Finding CheckKvm(const Config& config) {
  const auto usable = compute::KvmUsable("/proc/self/exe", 5s);
  if (usable) return {"KVM", Verdict::kOk, "ran a guest", ""};
  const bool needed = config.virt_type == VirtTypeChoice::kKvm;
  return {"KVM", needed ? Verdict::kFailed : Verdict::kNote, usable.error().message,
          needed ? "switch virtualisation on in the firmware, or set VIRT_TYPE to auto or qemu"
                 : "instances will be emulated, which is many times slower"};
}

Finding CheckDocker() {
  HttpRequest request;
  request.url = "http://docker/_ping";
  request.unix_socket = "/run/docker.sock";
  const auto answer = HttpClient().Request(request);
  if (answer && answer->head.status == 200) return {"Docker", Verdict::kOk, "answers", ""};
  return {"Docker", Verdict::kNote,
          answer ? fmt::format("answers {}", answer->head.status) : answer.error().message,
          "install docker.io and start dockerd: without it this node cannot serve networks"};
}

std::vector<Finding> CheckDatabase(const Config& config) {
  const auto store = OpenStore(config);
  const auto begun = std::chrono::system_clock::now();
  const auto rows = store->database.Query("SELECT VERSION(), UNIX_TIMESTAMP(NOW(6))");
  if (!rows) {
    return {{"MySQL", Verdict::kFailed, rows.error().message,
             "start the server, and check SQL_URL: host, user, password, database"}};
  }
  const double here = std::chrono::duration<double>(begun.time_since_epoch()).count();
  const double apart = std::abs(here - rows->front().Real(1));
  Finding clock{"clock", Verdict::kOk, fmt::format("{:.1f} s from the database's", apart), ""};
  if (apart > kClockTolerance) {
    clock.verdict = Verdict::kFailed;
    clock.advice = "let chrony or systemd-timesyncd keep the clocks of all hosts";
  }
  return {{"MySQL", Verdict::kOk, rows->front().Text(0), ""}, std::move(clock)};
}

Finding CheckMeshNic(const Config& config) {
  const std::filesystem::path nic = std::filesystem::path("/sys/class/net") / config.node_mesh_nic;
  std::string state;
  std::ifstream(nic / "operstate") >> state;
  if (config.node_mesh_nic.empty() || state.empty()) {
    return {"mesh NIC", Verdict::kFailed,
            fmt::format("no interface {} for {}", config.node_mesh_nic, config.node_ip),
            "set NODE_IP to an address of this host, or NODE_MESH_NIC to its interface"};
  }
  if (state == "down") {
    return {"mesh NIC", Verdict::kFailed, config.node_mesh_nic + " is down", "bring it up"};
  }
  return {"mesh NIC", Verdict::kOk, fmt::format("{} is {}", config.node_mesh_nic, state), ""};
}

Finding CheckDisk(const Config& config) {
  // The folder may not be there yet; the file system that it will be on is.
  std::filesystem::path path = config.storage_path;
  while (!std::filesystem::exists(path) && path.has_relative_path()) path = path.parent_path();
  const auto space = compute::ReadDiskSpace(path);
  if (!space) {
    return {"disk", Verdict::kFailed, space.error().message, "make STORAGE_PATH readable"};
  }
  const std::uint64_t free_gib = space->free_bytes / kGigabyte;
  const std::string text =
      fmt::format("{} GiB free for {}", free_gib, config.storage_path.string());
  if (free_gib > config.disk_reserve_gib) return {"disk", Verdict::kOk, text, ""};
  return {
      "disk", Verdict::kFailed, text,
      fmt::format("free some: {} GiB are kept in reserve (DISK_RESERVE)", config.disk_reserve_gib)};
}

/// Whether the running kernel has `module`: loaded, built in, or there to be loaded.
bool KernelHas(const std::string& module) {
  if (std::filesystem::exists("/sys/module/" + module)) return true;
  utsname system{};
  uname(&system);
  const std::filesystem::path modules = std::filesystem::path("/lib/modules") / system.release;
  // A kernel without modules has no list of what is in it, and is no distribution's.
  if (!std::filesystem::exists(modules)) return true;
  for (const char* list : {"modules.builtin", "modules.dep"}) {
    std::ifstream file(modules / list);
    for (std::string line; std::getline(file, line);) {
      if (line.find("/" + module + ".ko") != std::string::npos) return true;
    }
  }
  return false;
}

Finding CheckKernel() {
  std::string missing;
  for (const char* module : {"bridge", "vxlan", "veth", "tun", "nf_tables"}) {
    if (!KernelHas(module)) missing += missing.empty() ? module : fmt::format(", {}", module);
  }
  if (missing.empty()) return {"kernel", Verdict::kOk, "has what meshes need", ""};
  return {"kernel", Verdict::kNote, "no sign of " + missing,
          "networks need them: install the distribution's standard kernel"};
}

/// What a file below /proc/sys says; empty without it.
std::string ReadSetting(const std::string& name) {
  std::string value;
  std::ifstream("/proc/sys/" + name) >> value;
  return value;
}

/// Frames that guests on this host, or on others, send each other are to pass no packet filter.
Finding CheckBridges() {
  const std::string setting = "net/bridge/bridge-nf-call-iptables";
  if (ReadSetting(setting) != "1") return {"bridges", Verdict::kOk, "not filtered", ""};
  return {"bridges", Verdict::kNote,
          "bridged frames pass this host's packet filter, which may drop those of guests",
          "set net.bridge.bridge-nf-call-iptables=0 in /etc/sysctl.d, and sysctl --system"};
}

/// Whether guests get out, were this the node that serves the networks.
Finding CheckEgress(const Config& config) {
  const std::string& nic = config.node_egress_nic;
  if (nic.empty() || !std::filesystem::exists("/sys/class/net/" + nic)) {
    return {"egress", Verdict::kNote, fmt::format("no interface '{}'", nic),
            "set NODE_EGRESS_NIC: without it no guest gets out while this node serves networks"};
  }
  const auto lets_through = net::LetsWaysOutThrough();
  if (lets_through) return {"egress", Verdict::kOk, "by " + nic, ""};
  return {"egress", Verdict::kNote, lets_through.error().message,
          fmt::format("let the filter accept what comes or goes by {}*", net::kWayOut)};
}

Finding CheckTemplates(const Config& config) {
  const auto templates = Templates::Load(config.template_path);
  Result<void> checked = templates ? compute::CheckDomainTemplate(*templates)
                                   : Result<void>(tl::unexpected(templates.error()));
  if (checked) checked = net::CheckDnsmasqTemplate(*templates);
  if (checked) checked = net::CheckNatTemplates(*templates);
  if (checked) checked = net::CheckNicTemplate(*templates);
  if (checked) return {"templates", Verdict::kOk, "can be filled", ""};
  return {"templates", Verdict::kFailed, checked.error().message,
          "mend the copy in TEMPLATE_PATH, or remove it to use the built-in text"};
}

Finding CheckHttps(const Config& config) {
  const auto certificates = Certificates::Read(config);
  if (!certificates) {
    return {"HTTPS", Verdict::kFailed, certificates.error().message,
            "give the API what the README says below HTTPS"};
  }
  if ((*certificates)->server() == nullptr) return {"HTTPS", Verdict::kOk, "plain HTTP", ""};
  const std::string concern = (*certificates)->Concern();
  if (concern.empty()) return {"HTTPS", Verdict::kOk, "the certificate can be used", ""};
  return {"HTTPS", Verdict::kNote, "the certificate: " + concern, "renew it: see the README"};
}

}  // namespace

std::vector<Finding> CheckHost(const Config& config) {
  std::vector<Finding> findings{CheckLibvirt(config), CheckKvm(config), CheckDocker()};
  for (Finding& finding : CheckDatabase(config)) findings.push_back(std::move(finding));
  findings.push_back(CheckMeshNic(config));
  findings.push_back(CheckDisk(config));
  findings.push_back(CheckKernel());
  findings.push_back(CheckBridges());
  findings.push_back(CheckEgress(config));
  findings.push_back(CheckTemplates(config));
  findings.push_back(CheckHttps(config));
  return findings;
}

std::string ToTable(const std::vector<Finding>& findings) {
  std::string table;
  for (const Finding& finding : findings) {
    const char* verdict = finding.verdict == Verdict::kOk     ? "ok"
                          : finding.verdict == Verdict::kNote ? "note"
                                                              : "FAILED";
    table += fmt::format("{:<10} {:<7} {}\n", finding.part, verdict, finding.text);
    if (!finding.advice.empty()) table += fmt::format("{:<18} -> {}\n", "", finding.advice);
  }
  table +=
      AllWell(findings) ? "This host can run sf-node.\n" : "This host cannot run sf-node yet.\n";
  return table;
}

bool AllWell(const std::vector<Finding>& findings) {
  return std::none_of(findings.begin(), findings.end(),
                      [](const Finding& finding) { return finding.verdict == Verdict::kFailed; });
}

}  // namespace sf
