// SPDX-License-Identifier: Apache-2.0
#include "compute/domain_xml.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>
#include <fstream>

namespace {

using namespace sf::compute;
using Catch::Matchers::Contains;

DomainSpec Spec() {
  DomainSpec spec;
  spec.id = sf::InstanceId("0c44e1f2-1d2c-4b0f-9a55-5b8d5e2f2a10");
  spec.title = "web1";
  spec.cluster_id = "5f0c2f4e-0000-4000-8000-000000000001";
  spec.memory_mib = 256;
  spec.disks = {{"/srv/i/vda.qcow2", "qcow2", {"vda", Bus::kVirtio, DiskType::kDisk}},
                {"/srv/i/config.iso", "raw", {"vdb", Bus::kVirtio, DiskType::kDisk}, true, false}};
  spec.disks[0].backing = "/srv/base.qcow2";
  spec.console = {"192.0.2.1", 31000};
  spec.console_log = "/srv/i/console.log";
  spec.vdi = {"127.0.0.1", 31001};
  spec.side_channels = {{"sf-agent", "/srv/i/sf-agent"}};
  return spec;
}

std::string Xml(const DomainSpec& spec) {
  return DomainXml(spec, sf::Templates::Load({}).value()).value();
}

std::string Quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

/// What `query` gives of `xml`, read by a parser that is not ours.
std::string XPath(const std::string& xml, const std::string& query) {
  char path[] = "/tmp/sf-domain-XXXXXX";
  const int fd = mkstemp(path);
  REQUIRE(fd >= 0);
  close(fd);
  std::ofstream(path) << xml;
  const std::string command = "xmllint --xpath " + Quoted(query) + " " + path;
  FILE* pipe = popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string out;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) out += static_cast<char>(c);
  const int status = pclose(pipe);
  std::remove(path);
  REQUIRE(status == 0);
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

}  // namespace

TEST_CASE("DomainXml: says what the spec says") {
  const std::string xml = Xml(Spec());
  CHECK(XPath(xml, "string(/domain/@type)") == "qemu");
  CHECK(XPath(xml, "string(/domain/name)") == "sf-5f0c2f4e-0c44e1f2-1d2c-4b0f-9a55-5b8d5e2f2a10");
  CHECK(XPath(xml, "string(//*[local-name()='cluster'])") == Spec().cluster_id);
  CHECK(XPath(xml, "string(//disk[2]/target/@dev)") == "vdb");
  CHECK(XPath(xml, "count(//disk[2]/readonly) + 10 * count(//disk[1]/readonly)") == "1");
  CHECK(XPath(xml, "concat(//disk[1]/boot/@order, count(//disk[2]/boot))") == "10");
  CHECK(XPath(xml, "string(//serial/source/@service)") == "31000");
  CHECK(XPath(xml, "string(//channel/target/@name)") == "sf-agent");
  CHECK(XPath(xml, "count(//cpu)") == "0");
  CHECK(XPath(xml, "string(//tb-cache)") == "128");
  CHECK(XPath(xml, "count(//interface)") == "0");
}

TEST_CASE("DomainXml: the part of one NIC is what libvirt is given to plug it in") {
  DomainSpec spec = Spec();
  spec.interfaces = {{"sf-1", "02:00:00:00:00:01"}, {"sf-2", "02:00:00:00:00:02"}};
  const std::string part = InterfaceXml(Xml(spec), "02:00:00:00:00:02").value();
  CHECK(XPath(part, "string(/interface/target/@dev)") == "sf-2");
  CHECK(XPath(part, "string(/interface/mac/@address)") == "02:00:00:00:00:02");
  CHECK(InterfaceXml(Xml(spec), "02:00:00:00:00:03").error().code == sf::Code::kInvalid);
}

TEST_CASE("DomainXml: a KVM guest has its host's CPU and nothing of TCG") {
  DomainSpec spec = Spec();
  spec.virt_type = VirtType::kKvm;
  const std::string xml = Xml(spec);
  CHECK(XPath(xml, "string(/domain/@type)") == "kvm");
  CHECK(XPath(xml, "string(//cpu/@mode)") == "host-passthrough");
  CHECK(XPath(xml, "count(//tcg)") == "0");
}

TEST_CASE("DomainXml: a shared image below a disk is named, and stays its owner's") {
  const std::string xml = Xml(Spec());
  const std::string below = "/domain/devices/disk[1]/backingStore";
  CHECK(XPath(xml, "string(" + below + "/source/@file)") == "/srv/base.qcow2");
  CHECK(XPath(xml, "string(" + below + "/source/seclabel/@relabel)") == "no");
  CHECK(XPath(xml, "count(/domain/devices/disk[2]/backingStore/*)") == "0");
}

TEST_CASE("DomainXml: hostile values stay values") {
  const std::string evil = "</title><os/>'\"&{{uuid}}]]><!--\n\xf0\x9f\x98\x80";
  DomainSpec spec = Spec();
  spec.title = evil;
  spec.disks[0].path = evil;
  const std::string xml = Xml(spec);
  CHECK(XPath(xml, "string(/domain/title)") == evil);
  CHECK(XPath(xml, "string(//disk[1]/source/@file)") == evil);
  CHECK(XPath(xml, "count(/domain/os)") == "1");
}

TEST_CASE("DomainXml: a NUL in a value is refused, and the error names it") {
  DomainSpec spec = Spec();
  spec.title = std::string("a\0b", 3);
  const auto xml = DomainXml(spec, sf::Templates::Load({}).value());
  REQUIRE_FALSE(xml);
  CHECK_THAT(xml.error().message, Contains("title"));
}

TEST_CASE("DomainXml: controllers come with the disks that need them") {
  DomainSpec spec = Spec();
  CHECK(XPath(Xml(spec), "string(//controller[@type='usb']/@model)") == "none");
  CHECK(XPath(Xml(spec), "count(//controller[@type='scsi'])") == "0");
  spec.disks[0].device = {"sda", Bus::kScsi, DiskType::kDisk};
  spec.disks[1].device = {"sdb", Bus::kUsb, DiskType::kDisk};
  CHECK(XPath(Xml(spec), "string(//controller[@type='usb']/@model)") == "qemu-xhci");
  CHECK(XPath(Xml(spec), "string(//controller[@type='scsi']/@model)") == "virtio-scsi");
  CHECK(XPath(Xml(spec), "string(//disk[1]/address/@target)") == "0");
}

/// What the check says of an operator's own domain.xml.
sf::Result<void> CheckOwn(const std::string& text, std::string& path) {
  char folder[] = "/tmp/sf-template-XXXXXX";
  REQUIRE(mkdtemp(folder) != nullptr);
  path = std::string(folder) + "/domain.xml";
  std::ofstream(path) << text;
  auto checked = CheckDomainTemplate(sf::Templates::Load(folder).value());
  std::remove(path.c_str());
  rmdir(folder);
  return checked;
}

TEST_CASE("CheckDomainTemplate: finds a name that no domain has, in whatever section it stands") {
  CHECK(CheckDomainTemplate(sf::Templates::Load({}).value()));
  const auto* text =
      GENERATE("{{nmae}}", "{{#uefi}}{{nmae}}{{/uefi}}", "{{^uefi}}{{nmae}}{{/uefi}}",
               "{{#disks}}{{#read_only}}{{nmae}}{{/read_only}}{{/disks}}",
               "{{#interfaces}}{{nmae}}{{/interfaces}}");
  std::string path;
  const auto checked = CheckOwn(text, path);
  REQUIRE_FALSE(checked);
  CHECK_THAT(checked.error().message, Contains("nmae") && Contains(path));
}

TEST_CASE("CheckDomainTemplate: a NIC that is not the device with the rules is refused") {
  const auto* text = GENERATE(
      "{{#interfaces}}<interface type='network'><mac address='{{mac}}'/></interface>"
      "{{/interfaces}}",
      "{{#interfaces}}<interface><target dev='{{tap}}'/></interface>{{/interfaces}}");
  std::string path;
  const auto checked = CheckOwn(text, path);
  REQUIRE_FALSE(checked);
  CHECK_THAT(checked.error().message, Contains("<target dev='{{tap}}' managed='no'/>"));
}

TEST_CASE("DomainXml: secure boot needs UEFI and q35") {
  DomainSpec spec = Spec();
  spec.secure_boot = true;
  const sf::Templates templates = sf::Templates::Load({}).value();
  CHECK(DomainXml(spec, templates).error().code == sf::Code::kInvalid);
  spec.uefi = true;
  CHECK_FALSE(DomainXml(spec, templates));
  spec.machine = Machine::kQ35;
  spec.nvram = "/srv/i/nvram";
  CHECK(XPath(Xml(spec), "string(//feature[@name='secure-boot']/@enabled)") == "yes");
}
