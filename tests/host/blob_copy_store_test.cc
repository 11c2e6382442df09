// SPDX-License-Identifier: Apache-2.0
#include "node/store/blob_copy_store.h"

#include <catch2/catch.hpp>

#include "tests/host/test_store.h"

namespace {

using namespace sf;
using namespace sf::test;
using Nodes = std::set<NodeId>;

const NodeId n2("n2"), n3("n3");

/// A stored blob, and three nodes.
struct CopyTest : TestStore {
  Blob blob;

  CopyTest() {
    for (const char* node : {"n2", "n3"}) AddNode(node, {1000, 1'000'000, 1'000'000});
    blob = blobs.Store(n1, BlobOf('b')).value();
  }
  void CopyTo(const NodeId& node) {
    REQUIRE(blob_copies.Begin(blob.uuid, node));
    REQUIRE(blob_copies.End(blob.uuid, node, true));
  }
  BlobCopies Only() {
    const auto found = blob_copies.List().value();
    REQUIRE(found.size() == 1);
    return found.front();
  }
  bool GiveUp(const NodeId& node, std::size_t copies = 2) {
    return blob_copies.GiveUp(blob.uuid, node, copies).value();
  }
};

TEST_CASE("BlobCopyStore: of stored blobs it is known who has them and who will", "[host]") {
  CopyTest store;
  REQUIRE(store.artifacts.Request(store.web, store.kUrl, false, store.n1));
  REQUIRE(store.artifacts.RecordFetched(store.kUrl, BlobOf('a'), ""));
  CHECK(store.Only().bytes == store.blob.size);
  CHECK(store.Only().holders == Nodes{store.n1});
  REQUIRE(store.blob_copies.Begin(store.blob.uuid, n2));
  REQUIRE(store.blob_copies.Begin(store.blob.uuid, n3));
  CHECK(store.Only().coming == Nodes{n2, n3});
  REQUIRE(store.blob_copies.End(store.blob.uuid, n2, true));
  REQUIRE(store.blob_copies.End(store.blob.uuid, n3, false));
  CHECK(store.Only().holders == Nodes{store.n1, n2});
  CHECK(store.Only().coming.empty());
  CHECK(store.image_sources.Holders(store.blob.uuid)->size() == 2);
  // The file of a blob that is gone when it arrives is nobody's.
  REQUIRE(store.database.Execute("DELETE FROM blobs WHERE uuid = ?", store.blob.uuid));
  REQUIRE(store.blob_copies.End(store.blob.uuid, n3, true));
  CHECK(store.Count("SELECT COUNT(*) FROM blob_locations WHERE node = 'n3'") == 0);
}

TEST_CASE("BlobCopyStore: what is being copied is work that is shown", "[host]") {
  CopyTest store;
  REQUIRE(store.blob_copies.Begin(store.blob.uuid, n2));
  const auto work = store.work.List().value();
  REQUIRE(work.size() == 1);
  CHECK(work[0].object == "blob/" + store.blob.uuid.value + "/n2");
  CHECK(work[0].operation == "copy");
  CHECK(work[0].node == n2);
}

TEST_CASE("BlobCopyStore: however many ask at once, as many copies stay as there should be",
          "[host]") {
  CopyTest store;
  const std::size_t copies = GENERATE(1, 2);
  store.CopyTo(n2);
  store.CopyTo(n3);
  const NodeId nodes[] = {store.n1, n2, n3};
  const auto asked = Race(
      9, [&](int i) { return store.blob_copies.GiveUp(store.blob.uuid, nodes[i % 3], copies); });
  const auto granted = std::ranges::count_if(asked, [](const auto& one) { return one && *one; });
  CHECK(granted == 3 - static_cast<std::ptrdiff_t>(copies));
  CHECK(store.Only().holders.size() == copies);
}

TEST_CASE("BlobCopyStore: only nodes that are up count", "[host]") {
  CopyTest store;
  store.CopyTo(n2);
  store.CopyTo(n3);
  SECTION("not one that is silent") {
    REQUIRE(
        store.database.Execute("UPDATE nodes SET heartbeat = heartbeat - 31 WHERE name = 'n3'"));
  }
  SECTION("not one that has stopped") { REQUIRE(store.nodes.SetState(n3, "stopped")); }
  SECTION("not one that was deleted") {
    REQUIRE(store.nodes.SetState(n3, "stopped"));
    REQUIRE(store.nodes.Delete(n3));
    CHECK(store.Only().holders == Nodes{store.n1, n2});
  }
  CHECK_FALSE(store.GiveUp(store.n1));
  CHECK(store.GiveUp(store.n1, 1));
  CHECK_FALSE(store.GiveUp(store.n1, 1));  // it has none any more
}

TEST_CASE("BlobCopyStore: what an instance there lies on stays", "[host]") {
  CopyTest store;
  store.CopyTo(n2);
  store.CopyTo(n3);
  Instance wanted = store.Wanted("sf://blob/" + store.blob.uuid.value);
  wanted.spec.disks[0].base = "sf://blob/" + store.blob.uuid.value;
  wanted.disks[0].blob = store.blob.uuid;
  const auto made = store.Record(wanted);
  REQUIRE(made);
  CHECK_FALSE(store.GiveUp(store.n1));
  CHECK(store.GiveUp(n2));
  CHECK_FALSE(store.GiveUp(n3));
}

TEST_CASE("BlobCopyStore: a node that is deleted copies nothing any more", "[host]") {
  CopyTest store;
  REQUIRE(store.blob_copies.Begin(store.blob.uuid, n3));
  REQUIRE(store.nodes.SetState(n3, "stopped"));
  REQUIRE(store.nodes.Delete(n3));
  CHECK(store.Only().coming.empty());
}

}  // namespace
