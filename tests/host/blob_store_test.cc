// SPDX-License-Identifier: Apache-2.0
#include "node/store/blob_store.h"

#include <catch2/catch.hpp>

#include "tests/host/test_store.h"

namespace {

using namespace sf;
using namespace sf::test;

struct BlobTest : TestStore {
  BlobTest() {
    REQUIRE(artifacts.Request(web, kUrl, false, n1));
    REQUIRE(artifacts.RecordFetched(kUrl, BlobOf('a'), ""));
  }
  StoredBlob Only(const store::BlobFilter& filter = {}) {
    const auto found = blobs.List(filter).value();
    REQUIRE(found.size() == 1);
    return found.front();
  }
  void Held(const NodeId& node, const store::HeldFiles& files) {
    REQUIRE(blobs.RecordHeld(node, [&] { return Result<store::HeldFiles>(files); }));
  }
};

TEST_CASE("BlobStore: a node has what it said last, and nothing of blobs that are gone", "[host]") {
  BlobTest store;
  CHECK(store.Only().locations.empty());
  const std::string a(64, 'a');
  store.Held(store.n1, {{{a, {100}}, {std::string(64, 'f'), {5}}}, {}});
  CHECK(store.Only().locations.at(0).bytes == 100);
  store.Held(store.n1, {{{a, {101}}}, {}});
  CHECK(store.Only({.on = store.n1}).locations.at(0).bytes == 101);
  CHECK(store.blobs.List({.on = NodeId("n2")})->empty());
  store.Held(NodeId("gone"), {{{a, {100}}}, {}});
  CHECK(store.Only().locations.size() == 1);
  store.Held(store.n1, {});
  CHECK(store.Only().locations.empty());
}

TEST_CASE("BlobStore: a blob is a namespace's by its artifacts, or by shared ones", "[host]") {
  BlobTest store;
  const NamespaceId other("other");
  CHECK(store.Only({.of = {store.web}}).versions == 1);
  CHECK(store.blobs.List({.of = {other}, .or_shared = true})->empty());
  REQUIRE(store.artifacts.Request(kSystemNamespace, "http://x/shared", true, store.n1));
  REQUIRE(store.artifacts.RecordFetched("http://x/shared", BlobOf('a'), ""));
  CHECK(store.Only({.of = {other}, .or_shared = true}).versions == 2);
  CHECK(store.blobs.List({.of = {other}})->empty());
  CHECK(store.Only({.sha512 = std::string(128, 'a')}).blob.sha256 == std::string(64, 'a'));
}

TEST_CASE("BlobStore: what is kept as it was given is one blob, where it was given", "[host]") {
  BlobTest store;
  const Blob given = BlobOf('b');
  const auto kept =
      Race(4, [&](int i) { return store.blobs.Store(NodeId(i % 2 == 0 ? "n1" : "n2"), given); });
  REQUIRE(Succeeded(kept) == 4);
  for (const auto& blob : kept) CHECK(blob->uuid == kept[0]->uuid);
  store.AddNode("n2", {1, 1, 1});
  const StoredBlob stored = store.Only({.uuid = kept[0]->uuid});
  CHECK(stored.blob.stored);
  CHECK(stored.blob.fetched_size == given.size);
  REQUIRE(stored.locations.size() == 2);
  CHECK(stored.locations[1].bytes == given.size);
  CHECK(store.Count("SELECT COUNT(*) FROM blob_locations WHERE file_sha256 = ?", given.sha256) ==
        2);
  CHECK(store.blobs.StoredDigests().value() == std::set<std::string>{given.sha256});
}

TEST_CASE("BlobStore: an image's blob whose bytes are given is stored from then on", "[host]") {
  BlobTest store;
  const std::string a(64, 'a');
  store.Held(store.n1, {{{a, {100}}}, {}});
  store.AddNode("n2", {1, 1, 1});
  Blob given = BlobOf('a');
  given.size = 200;
  REQUIRE(store.blobs.Store(NodeId("n2"), given));
  const StoredBlob stored = store.Only();
  CHECK(stored.blob.stored);
  CHECK(stored.blob.size == 200);
  REQUIRE(stored.locations.size() == 1);
  CHECK(stored.locations[0].node == NodeId("n2"));
  // The qcow2 that n1 made is not the blob any more.
  store.Held(store.n1, {{{a, {100}}}, {}});
  CHECK(store.Only().locations.size() == 1);
  store.Held(store.n1, {{{a, {100}}}, {{a, {200, a}}}});
  CHECK(store.Only().locations.size() == 2);
  store.Held(NodeId("n2"), {});
  CHECK(store.Only().locations.size() == 1);
}

// The rows were compared with a list that was older than they: a blob that had just been kept was
// nowhere until the next round.
TEST_CASE("BlobStore: a blob that is stored while files are listed stays where it is", "[host]") {
  BlobTest store;
  const Blob given = BlobOf('b');
  REQUIRE(store.blobs.RecordHeld(store.n1, [&]() -> Result<store::HeldFiles> {
    REQUIRE(store.blobs.Store(store.n1, given));
    return store::HeldFiles{};
  }));
  CHECK(store.Only({.on = store.n1}).blob.sha256 == given.sha256);
}

TEST_CASE("BlobStore: metadata", "[host]") {
  BlobTest store;
  const BlobId id = store.Only().blob.uuid;
  REQUIRE(store.blobs.SetMetadata(id, "owner", "ops"));
  CHECK(store.Only({.uuid = id}).metadata == nlohmann::json({{"owner", "ops"}}));
  REQUIRE(store.blobs.SetMetadata(id, "owner", std::nullopt));
  CHECK(store.Only().metadata.empty());
}

}  // namespace
