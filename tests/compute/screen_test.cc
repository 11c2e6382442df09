// SPDX-License-Identifier: Apache-2.0
#include "compute/screen.h"

#include <catch2/catch.hpp>

namespace {

using namespace sf::compute;
using Catch::Matchers::Contains;

/// As libvirt 9 describes a domain, without what has nothing to do with its screen.
constexpr char kDomain[] = R"(<domain type='qemu' id='3'>
  <title>a &lt;graphics type=&apos;vnc&apos;&gt; of its own</title>
  <devices>
    <graphics type='vnc' port='31001' autoport='no' listen='192.0.2.1' keymap='de'>
      <listen type='address' address='192.0.2.1'/>
    </graphics>
    <video>
      <model type='cirrus'/>
    </video>
  </devices>
</domain>)";

std::string With(const std::string& domain, const std::string& from, const std::string& to) {
  std::string changed = domain;
  return changed.replace(changed.find(from), from.size(), to);
}

}  // namespace

TEST_CASE("NewPassword: all but the password of a screen stays as it is") {
  const auto change = NewPassword(kDomain, 1'700'000'000).value();
  CHECK(change.screen.type == "vnc");
  CHECK(change.screen.port == 31001);
  CHECK(change.graphics_xml ==
        fmt::format("<graphics type='vnc' port='31001' autoport='no' listen='192.0.2.1' keymap='de'"
                    " passwd='{}' passwdValidTo='2023-11-14T22:13:20'>\n"
                    "      <listen type='address' address='192.0.2.1'/>\n    </graphics>",
                    change.screen.password));
}

TEST_CASE("NewPassword: a password takes the place of the one before") {
  const std::string opened =
      With(kDomain, " keymap='de'", " passwd='*****' passwdValidTo='2020-01-01T00:00:00'");
  const std::string xml = NewPassword(opened, 0)->graphics_xml;
  CHECK(xml.find("passwd=") == xml.rfind("passwd="));
  CHECK(xml.find("passwdValidTo=") == xml.rfind("passwdValidTo="));
  CHECK_THAT(xml, !Contains("*****"));
}

TEST_CASE("NewPassword: no two are alike, and as long as the protocol takes") {
  CHECK(NewPassword(kDomain, 0)->screen.password.size() == 8);
  const std::string spice = With(kDomain, "'vnc'", "'spice'");
  CHECK(NewPassword(spice, 0)->screen.password.size() == 24);
  CHECK(NewPassword(spice, 0)->screen.password != NewPassword(spice, 0)->screen.password);
}

TEST_CASE("NewPassword: a domain whose screen is none for viewers conflicts") {
  for (const std::string& domain :
       {With(kDomain, "<graphics type='vnc'", "<graphics type='sdl'"),
        With(kDomain, "port='31001'", "socket='/x'"),
        With(kDomain, "<graphics type", "<sound type"), std::string("<domain/>")}) {
    CHECK(NewPassword(domain, 0).error().code == sf::Code::kConflict);
  }
}
