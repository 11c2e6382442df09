// SPDX-License-Identifier: Apache-2.0
#include "node/store/image_source_store.h"

#include <catch2/catch.hpp>

#include "tests/host/test_store.h"

namespace {

using namespace sf;
using namespace sf::test;

struct SourceTest : TestStore {
  const NodeId n2{"n2"};
  const std::string a = std::string(64, 'a');

  SourceTest() {
    AddNode("n2", {1, 1, 1});
    REQUIRE(artifacts.Request(web, kUrl, false, n1));
    REQUIRE(artifacts.RecordFetched(kUrl, BlobOf('a'), ""));
  }
};

TEST_CASE("ImageSourceStore: what a source said is known to all, with its age", "[host]") {
  SourceTest store;
  CHECK_FALSE(store.image_sources.FindUrl(store.kUrl).value());
  store::KnownImage said;
  said.blob = BlobOf('a');
  said.etag = "\"\xff\"";  // A stranger's bytes.
  said.age_s = 5;
  REQUIRE(store.image_sources.Record(store.kUrl, said));
  const auto known = store.image_sources.FindUrl(store.kUrl).value();
  REQUIRE(known);
  CHECK(known->blob.sha256 == store.a);
  CHECK(known->blob.fetched_size == 200);
  CHECK(known->etag == said.etag);
  CHECK((known->age_s >= 5 && known->age_s < 60));
  CHECK(store.image_sources.FindDigest(store.a).value()->blob.uuid == known->blob.uuid);
  CHECK_FALSE(store.image_sources.FindDigest(std::string(64, 'b')).value());
}

TEST_CASE("ImageSourceStore: who has a file is who has said its digest", "[host]") {
  SourceTest store;
  const BlobId blob = store.image_sources.FindDigest(store.a).value()->blob.uuid;
  const auto held = [&](const NodeId& node, const store::HeldFiles& files) {
    REQUIRE(store.blobs.RecordHeld(node, [&] { return Result<store::HeldFiles>(files); }));
  };
  held(store.n1, {{{store.a, {100}}}, {}});
  CHECK(store.image_sources.Holders(blob)->empty());
  held(store.n1, {{{store.a, {100, std::string(64, 'd')}}}, {}});
  held(store.n2, {{{store.a, {101, std::string(64, 'e')}}}, {}});
  CHECK(store.image_sources.Holders(blob)->size() == 2);
  held(store.n1, {{{store.a, {100, std::string(64, 'f')}}}, {}});
  CHECK(store.image_sources.Holders(blob)->at(0).file_sha256 == std::string(64, 'f'));
}

TEST_CASE("ImageSourceStore: of those that want to ask at once, one may", "[host]") {
  SourceTest store;
  const auto askers = Race(8, [&](int i) {
    return store.image_sources.Claim(store.kUrl, NodeId("c" + std::to_string(i)));
  });
  for (const auto& asker : askers) CHECK(asker.value() == askers[0].value());
  const NodeId first = askers[0].value();
  CHECK(store.image_sources.Claim(store.kUrl, first).value() == first);
  CHECK(store.image_sources.Claim(store.kUrl, store.n1, NodeId("other")).value() == first);
  CHECK(store.image_sources.Claim(store.kUrl, store.n1, first).value() == store.n1);
  REQUIRE(store.image_sources.Release(store.kUrl, first));  // No longer its to give back.
  CHECK(store.image_sources.Claim(store.kUrl, store.n2).value() == store.n1);
  REQUIRE(store.image_sources.KeepClaims(store.n1, {store.kUrl}));
  CHECK(store.image_sources.Claim(store.kUrl, store.n2).value() == store.n1);
  REQUIRE(store.image_sources.KeepClaims(store.n1, {"http://another"}));
  CHECK(store.image_sources.Claim(store.kUrl, store.n2).value() == store.n2);
}

TEST_CASE("ImageSourceStore: a source whose blob is gone is forgotten", "[host]") {
  SourceTest store;
  store::KnownImage said;
  said.blob = BlobOf('a');
  REQUIRE(store.image_sources.Record(store.kUrl, said));
  REQUIRE(store.image_sources.Claim("http://claimed", store.n1));
  REQUIRE(store.image_sources.Reap(10));
  CHECK(store.Count("SELECT COUNT(*) FROM image_sources") == 2);
  REQUIRE(store.database.Execute("DELETE FROM blobs"));
  REQUIRE(store.image_sources.Release("http://claimed", store.n1));
  REQUIRE(store.image_sources.Reap(10));
  CHECK(store.Count("SELECT COUNT(*) FROM image_sources") == 0);
}

}  // namespace
