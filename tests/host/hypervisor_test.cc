// SPDX-License-Identifier: Apache-2.0
// Against the libvirtd of a test host (tests/hosts): these cases start domains, kill a QEMU and
// restart libvirtd.
#include "compute/hypervisor.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include "compute/console.h"
#include "compute/domain_xml.h"

namespace {

namespace fs = std::filesystem;
using namespace sf::compute;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using sf::InstanceId;

constexpr char kUri[] = "qemu:///system";
constexpr char kCluster[] = "7e57c0de-0000-4000-8000-000000000001";
constexpr char kOtherCluster[] = "0badf00d-0000-4000-8000-000000000002";

/// Waits for `condition`, at most 20 s.
bool Eventually(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + 20s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(20ms);
  }
  return true;
}

/// A domain of `cluster` without anything to boot from, which starts in a moment; gone at the end.
class TestDomain {
 public:
  explicit TestDomain(const char* cluster = kCluster, std::uint16_t port = 31900)
      : hypervisor(kUri, cluster) {
    REQUIRE(mkdtemp(folder_.data()) != nullptr);
    fs::permissions(folder_, fs::perms(0711));  // QEMU runs as a user of its own.
    spec.id = InstanceId(fmt::format("7e57c0de-0000-4000-8000-0000000{:05d}", port));
    spec.title = "test";
    spec.cluster_id = cluster;
    spec.memory_mib = 64;
    spec.console = {"127.0.0.1", port};
    spec.console_log = (folder() / "console.log").string();
    spec.vdi = {"127.0.0.1", static_cast<std::uint16_t>(port + 1)};
    REQUIRE(hypervisor.Remove(spec.id));  // Left over from a test that was killed.
  }
  ~TestDomain() {
    CHECK(hypervisor.Remove(spec.id));
    fs::remove_all(folder_);
  }
  TestDomain(const TestDomain&) = delete;
  TestDomain& operator=(const TestDomain&) = delete;

  fs::path folder() const { return folder_; }
  std::string Xml() const { return DomainXml(spec, sf::Templates::Load({}).value()).value(); }
  sf::Result<StartTimes> Start() { return hypervisor.Start(spec.id, Xml()); }
  DomainState State() { return hypervisor.State(spec.id).value(); }

  pid_t QemuPid() const {
    pid_t pid = 0;
    std::ifstream(fmt::format("/run/libvirt/qemu/{}.pid", DomainName(spec.cluster_id, spec.id))) >>
        pid;
    return pid;
  }

  Hypervisor hypervisor;
  DomainSpec spec;

 private:
  std::string folder_ = "/var/tmp/sf-hypervisor-XXXXXX";
};

pid_t LibvirtdPid() {
  pid_t pid = 0;
  std::ifstream("/run/libvirtd.pid") >> pid;
  REQUIRE(pid > 0);
  return pid;
}

void KillLibvirtd() {
  const pid_t pid = LibvirtdPid();
  REQUIRE(kill(pid, SIGKILL) == 0);
  REQUIRE(Eventually([pid] { return kill(pid, 0) != 0; }));
}

void StartLibvirtd() {
  REQUIRE(std::system("libvirtd -d") == 0);
  REQUIRE(Eventually([] { return Hypervisor(kUri, kCluster).Version().has_value(); }));
}

constexpr DomainState kOn{Power::kOn, false};
constexpr DomainState kOffByOwner{Power::kOff, true};

}  // namespace

TEST_CASE("Hypervisor: starting twice is starting once", "[host]") {
  TestDomain domain;
  const auto times = domain.Start();
  REQUIRE(times);
  CHECK(times->create > 0ms);
  const pid_t qemu = domain.QemuPid();

  CHECK(domain.Start().value().create == 0ms);
  CHECK(domain.QemuPid() == qemu);
  CHECK(domain.hypervisor.List()->at(domain.spec.id) == kOn);
}

TEST_CASE("Hypervisor: a domain that is off is defined anew and started", "[host]") {
  TestDomain domain;
  REQUIRE(domain.Start());
  REQUIRE(domain.hypervisor.PowerOff(domain.spec.id));
  domain.spec.title = "renamed";
  CHECK(domain.Start());
  CHECK(domain.State() == kOn);
}

TEST_CASE("Hypervisor: removing twice is removing once", "[host]") {
  TestDomain domain;
  REQUIRE(domain.Start());
  CHECK(domain.hypervisor.Remove(domain.spec.id));
  CHECK(domain.hypervisor.Remove(domain.spec.id));
  CHECK_FALSE(domain.hypervisor.List()->contains(domain.spec.id));
  CHECK(domain.hypervisor.State(domain.spec.id).error().code == sf::Code::kNotFound);
}

TEST_CASE("Hypervisor: power changes may be repeated, and impossible ones conflict", "[host]") {
  TestDomain domain;
  REQUIRE(domain.Start());
  Hypervisor& hypervisor = domain.hypervisor;
  const InstanceId& id = domain.spec.id;

  CHECK(hypervisor.PowerOn(id));
  CHECK(hypervisor.Unpause(id));
  CHECK(hypervisor.Pause(id));
  CHECK(hypervisor.Pause(id));
  CHECK(domain.State() == DomainState{Power::kPaused, false});
  CHECK(hypervisor.RebootSoft(id).error().code == sf::Code::kConflict);
  CHECK(hypervisor.PowerOn(id).error().code == sf::Code::kConflict);
  CHECK(hypervisor.Unpause(id));
  CHECK(domain.State() == kOn);
  CHECK(hypervisor.RebootSoft(id));
  CHECK(hypervisor.RebootHard(id));

  CHECK(hypervisor.PowerOff(id));
  CHECK(hypervisor.PowerOff(id));
  CHECK(domain.State() == kOffByOwner);
  CHECK_THAT(hypervisor.Pause(id).error().message, Contains("is off: it cannot be paused"));
  for (const auto change : {&Hypervisor::Pause, &Hypervisor::Unpause, &Hypervisor::RebootSoft,
                            &Hypervisor::RebootHard}) {
    CHECK((hypervisor.*change)(id).error().code == sf::Code::kConflict);
  }
  CHECK(hypervisor.PowerOn(id));
  CHECK(domain.State() == kOn);
  CHECK(hypervisor.Pause(InstanceId("absent")).error().code == sf::Code::kNotFound);
}

TEST_CASE("Hypervisor: a domain whose QEMU was killed was not switched off by anybody", "[host]") {
  TestDomain domain;
  REQUIRE(domain.Start());
  REQUIRE(kill(domain.QemuPid(), SIGKILL) == 0);
  CHECK(Eventually([&] { return domain.State() == DomainState{Power::kCrashed, false}; }));
  CHECK(domain.hypervisor.List()->at(domain.spec.id) == domain.State());
  CHECK(domain.Start());
  CHECK(domain.State() == kOn);
}

TEST_CASE("Hypervisor: a domain that ends while it is reset is no error of ours", "[host]") {
  TestDomain domain;
  REQUIRE(domain.Start());
  const pid_t qemu = domain.QemuPid();
  REQUIRE(kill(qemu, SIGSTOP) == 0);  // so that the call is under way when it ends
  sf::Result<void> reset;
  std::jthread caller([&] { reset = domain.hypervisor.RebootHard(domain.spec.id); });
  const std::string control = fmt::format("virsh domcontrol {} | grep -q occupied",
                                          DomainName(domain.spec.cluster_id, domain.spec.id));
  CHECK(Eventually([&] { return std::system(control.c_str()) == 0; }));
  REQUIRE(kill(qemu, SIGKILL) == 0);
  caller.join();
  REQUIRE_FALSE(reset);
  INFO(reset.error().message);
  CHECK(reset.error().code == sf::Code::kUnavailable);
  CHECK(Eventually([&] { return domain.State().power == Power::kCrashed; }));
}

TEST_CASE("Hypervisor: a stranger's domain is neither listed nor touched", "[host]") {
  TestDomain stranger(kOtherCluster, 31910);
  REQUIRE(stranger.Start());
  TestDomain ours;

  CHECK(ours.hypervisor.List()->empty());
  CHECK(ours.hypervisor.PowerOff(stranger.spec.id).error().code == sf::Code::kNotFound);
  CHECK(ours.hypervisor.Remove(stranger.spec.id));
  CHECK(stranger.State() == kOn);
}

TEST_CASE("Hypervisor: a domain that libvirt refuses leaves nothing behind", "[host]") {
  TestDomain domain;
  domain.spec.video_model = "no-such-card";
  CHECK(domain.Start().error().code == sf::Code::kInvalid);
  CHECK_FALSE(domain.hypervisor.List()->contains(domain.spec.id));
}

TEST_CASE("Hypervisor: a restart of libvirtd is not noticed, and its absence is told", "[host]") {
  TestDomain domain;
  REQUIRE(domain.Start());

  KillLibvirtd();
  const auto away = domain.hypervisor.List();
  REQUIRE_FALSE(away);
  CHECK(away.error().code == sf::Code::kUnavailable);
  CHECK(domain.hypervisor.Remove(domain.spec.id).error().code == sf::Code::kUnavailable);
  StartLibvirtd();
  CHECK(domain.State() == kOn);

  KillLibvirtd();  // This time nothing is asked while it is away.
  StartLibvirtd();
  CHECK(domain.State() == kOn);
}

TEST_CASE("Hypervisor: without virtlogd nothing is started for now, and nothing is wrong",
          "[host]") {
  TestDomain domain;
  REQUIRE(std::system("kill -9 $(pidof virtlogd)") == 0);
  const auto started = domain.Start();
  REQUIRE(std::system("virtlogd -d") == 0);
  REQUIRE_FALSE(started);
  CHECK(started.error().code == sf::Code::kUnavailable);
  CHECK_THAT(started.error().message, Contains("virtlogd"));
  CHECK(Eventually([&] { return domain.Start().has_value(); }));
}

TEST_CASE("Hypervisor: a libvirtd that stands still is waited for only so long", "[host]") {
  TestDomain domain;
  REQUIRE(domain.Start());
  Hypervisor hasty(kUri, kCluster, 300ms);
  REQUIRE(hasty.List());

  const pid_t pid = LibvirtdPid();
  REQUIRE(kill(pid, SIGSTOP) == 0);
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i < 3; ++i) {  // The connection that there was, and others that are to be made.
    const auto list = hasty.List();
    CHECK((!list && list.error().code == sf::Code::kUnavailable));
    const auto off = hasty.PowerOff(domain.spec.id);
    CHECK((!off && off.error().code == sf::Code::kUnavailable));
  }
  CHECK(std::chrono::steady_clock::now() - begun < 5s);
  REQUIRE(kill(pid, SIGCONT) == 0);

  CHECK(Eventually([&] { return hasty.List().has_value(); }));
  CHECK(Eventually([&] { return hasty.State(domain.spec.id) == kOffByOwner; }));  // As was asked.
}

// Whoever decides whether a domain is to be started again has to know this: see DomainState.
TEST_CASE("Hypervisor: why a domain is off is forgotten when libvirtd restarts", "[host]") {
  TestDomain domain;
  REQUIRE(domain.Start());
  REQUIRE(domain.hypervisor.PowerOff(domain.spec.id));
  CHECK(domain.State() == kOffByOwner);
  KillLibvirtd();
  StartLibvirtd();
  CHECK(domain.State() == DomainState{Power::kOff, false});
}

TEST_CASE("Hypervisor: threads share its connection", "[host]") {
  TestDomain first(kCluster, 31900);
  TestDomain second(kCluster, 31910);
  Hypervisor shared(kUri, kCluster);
  const auto work = [&shared](const TestDomain& domain) {
    return shared.Start(domain.spec.id, domain.Xml()).has_value() && shared.List().has_value() &&
           shared.PowerOff(domain.spec.id).has_value();
  };
  bool done = false;
  std::thread other([&] { done = work(second); });
  CHECK(work(first));
  other.join();
  CHECK(done);
  CHECK(shared.List()->size() == 2);
}

TEST_CASE("Hypervisor: names its versions", "[host]") {
  CHECK_THAT(Hypervisor(kUri, kCluster).Version().value(),
             Contains("libvirt ") && Contains("QEMU "));
  CHECK(Hypervisor("qemu+unix:///system?socket=/nonexistent", kCluster).List().error().code ==
        sf::Code::kUnavailable);
}

TEST_CASE("Hypervisor: every bus, machine and side channel of a spec is one libvirt takes",
          "[host]") {
  TestDomain domain;
  DomainSpec& spec = domain.spec;
  spec.machine = GENERATE(Machine::kPc, Machine::kQ35);
  spec.vdi_type = spec.machine == Machine::kPc ? VdiType::kVnc : VdiType::kSpice;
  const Bus bus = GENERATE(Bus::kVirtio, Bus::kScsi, Bus::kSata, Bus::kUsb);
  CAPTURE(ToString(spec.machine), ToString(bus));

  const std::vector<DiskRequest> requests{{bus}, {bus}, {bus, DiskType::kCdrom}};
  const DeviceLayout layout = AssignDevices(requests, spec.machine, true).value();
  const auto add_disk = [&](const Device& device, bool read_only) {
    const std::string path = (domain.folder() / device.name).string();
    std::ofstream{path};
    fs::resize_file(path, 1 << 20);
    spec.disks.push_back({path, "raw", device, read_only, !read_only});
  };
  for (const Device& device : layout.disks) add_disk(device, device.type == DiskType::kCdrom);
  add_disk(*layout.config_drive, true);
  spec.side_channels = {{"sf-agent", (domain.folder() / "sf-agent").string()}};

  const auto started = domain.Start();
  INFO((started ? "" : started.error().message));
  CHECK(started);
}

TEST_CASE("Hypervisor: UEFI guests start, and their variables go with them", "[host]") {
  TestDomain domain;
  DomainSpec& spec = domain.spec;
  spec.uefi = true;
  spec.secure_boot = GENERATE(false, true);
  spec.machine = spec.secure_boot ? Machine::kQ35 : Machine::kPc;
  spec.nvram = (domain.folder() / "nvram").string();

  const auto started = domain.Start();
  INFO((started ? "" : started.error().message));
  REQUIRE(started);
  CHECK(fs::exists(spec.nvram));
  CHECK(domain.hypervisor.Remove(spec.id));
  CHECK_FALSE(fs::exists(spec.nvram));
}

TEST_CASE("Hypervisor: the console is kept in its log, across off and on", "[host]") {
  TestDomain domain;
  // Boot sector: mov dx, 0x3f8; mov al, 'X'; out dx, al; hlt. It writes one letter to the serial
  // port.
  std::string sector("\xba\xf8\x03\xb0X\xee\xf4", 7);
  sector.resize(510);
  sector += "\x55\xaa";
  const std::string path = (domain.folder() / "vda").string();
  std::ofstream(path) << sector;
  fs::resize_file(path, 1 << 20);
  domain.spec.disks = {{path, "raw", {"vda", Bus::kVirtio, DiskType::kDisk}}};

  REQUIRE(domain.Start());
  CHECK(Eventually([&] { return ReadConsole(domain.spec.console_log, -1).value() == "X"; }));
  REQUIRE(domain.hypervisor.PowerOff(domain.spec.id));
  REQUIRE(domain.hypervisor.PowerOn(domain.spec.id));
  CHECK(Eventually([&] { return ReadConsole(domain.spec.console_log, -1).value() == "XX"; }));
  CHECK(TruncateConsole(domain.spec.console_log));
  REQUIRE(domain.hypervisor.RebootHard(domain.spec.id));
  CHECK(Eventually([&] { return ReadConsole(domain.spec.console_log, -1).value() == "X"; }));
}
