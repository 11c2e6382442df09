// SPDX-License-Identifier: Apache-2.0
#include "node/key_ring.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>

namespace sf {
namespace {

const std::string kA(64, 'a');
const std::string kB(64, 'b');

TEST_CASE("KeyRing: keys are read with comments and blanks, and written with commas") {
  const auto ring = ParseKeyRing("# the new one\n" + kB + "\n\n" + kA + " # the old one");
  REQUIRE(ring);
  CHECK(ToString(*ring) == kB + "," + kA);
  CHECK(ToString(*ParseKeyRing(ToString(*ring))) == ToString(*ring));
}

TEST_CASE("KeyRing: what is no ring is refused without being repeated") {
  for (const std::string& text : {std::string(), std::string("# none"), kA + "a", kA.substr(1),
                                  std::string(64, 'g'), kA + "," + kA + "," + kA + "," + kA}) {
    const auto ring = ParseKeyRing(text);
    REQUIRE_FALSE(ring);
    CHECK(ring.error().message.find("aaaa") == std::string::npos);
  }
}

TEST_CASE("KeyRing: a key file that others may read is refused, and what to do is said") {
  std::string path = "/tmp/sf-keys.XXXXXX";
  ::close(::mkstemp(path.data()));
  std::ofstream(path) << kA << "\n";
  REQUIRE(ReadKeyFile(path));
  ::chmod(path.c_str(), 0640);
  const auto open = ReadKeyFile(path);
  REQUIRE_FALSE(open);
  CHECK(open.error().message.find("chmod 600") != std::string::npos);
  ::unlink(path.c_str());
  CHECK_FALSE(ReadKeyFile(path));
}

TEST_CASE("KeyRing: in a rotation, every step can open what its neighbours seal") {
  const auto fresh = MakeKeyRing().front();
  const KeyRing start = GENERATE(*ParseKeyRing(kA), *ParseKeyRing(kA + " " + kB),
                                 *ParseKeyRing(kA + " " + kB + " " + std::string(64, 'c')));
  std::vector<KeyRing> rings = RotationSteps(start, fresh);
  CHECK(rings.back().size() == 1);
  CHECK(rings.back() != KeyRing{start.front()});
  rings.insert(rings.begin(), start);
  const auto opens = [](const KeyRing& ring, const gossip::Seal::Key& key) {
    return std::find(ring.begin(), ring.end(), key) != ring.end();
  };
  for (std::size_t i = 1; i < rings.size(); ++i) {
    CHECK(rings[i].size() <= kMaxKeys);
    CHECK(opens(rings[i - 1], rings[i].front()));
    CHECK(opens(rings[i], rings[i - 1].front()));
  }
}

TEST_CASE("KeyRing: fingerprints differ where rings do, also only in their order") {
  CHECK(Fingerprint(*ParseKeyRing(kA + "," + kB)) != Fingerprint(*ParseKeyRing(kB + "," + kA)));
  CHECK(Fingerprint(*ParseKeyRing(kA)) == Fingerprint(*ParseKeyRing(kA)));
}

}  // namespace
}  // namespace sf
