// SPDX-License-Identifier: Apache-2.0
#include "node/store/namespace_store.h"

#include <catch2/catch.hpp>

#include "tests/host/test_store.h"

namespace {

using namespace sf;
using namespace sf::test;

const NamespaceId kLab{"lab"};
const NamespaceKey kKey{"deploy", "$argon2id$'hash'", "0123456789abcdef0123456789abcdef"};

TEST_CASE("NamespaceStore: a name is taken once, and free again after deletion", "[host]") {
  TestStore store;
  const auto made = Race(8, [&](int) { return store.namespaces.Create(kLab, kKey); });
  CHECK(Succeeded(made) == 1);
  for (const auto& result : made) {
    if (!result) CHECK(result.error().code == Code::kConflict);
  }
  REQUIRE(store.namespaces.Create(NamespaceId("Lab"), std::nullopt));
  REQUIRE(store.namespaces.SetMetadata(kLab, "old", 1));
  REQUIRE(store.namespaces.Delete(kLab));
  CHECK(store.namespaces.Delete(kLab).error().code == Code::kNotFound);
  CHECK(store.namespaces.Find(kLab)->state == "deleted");
  CHECK(store.namespaces.Keys(kLab).error().code == Code::kNotFound);
  CHECK(store.namespaces.PutKey(kLab, kKey).error().code == Code::kNotFound);
  REQUIRE(store.database.Execute("UPDATE namespaces SET updated_at = updated_at - 11"));
  CHECK(store.namespaces.Find(kLab).error().code == Code::kNotFound);

  REQUIRE(store.namespaces.Create(kLab, std::nullopt));
  const Namespace anew = store.namespaces.Find(kLab).value();
  CHECK(anew.state == "created");
  CHECK(anew.key_names.empty());
  CHECK(anew.metadata.empty());
}

TEST_CASE("NamespaceStore: keys are added, replaced and deleted", "[host]") {
  TestStore store;
  REQUIRE(store.namespaces.Create(kLab, kKey));
  REQUIRE(store.namespaces.PutKey(kLab, {"another", "hash", "nonce"}));
  REQUIRE(store.namespaces.PutKey(kLab, {"deploy", "new hash", "new nonce"}));
  CHECK(store.namespaces.Find(kLab)->key_names == std::vector<std::string>{"another", "deploy"});
  const auto keys = store.namespaces.Keys(kLab).value();
  REQUIRE(keys.size() == 2);
  CHECK(keys[1].hash == "new hash");
  CHECK(keys[1].nonce == "new nonce");
  REQUIRE(store.namespaces.DeleteKey(kLab, "deploy"));
  CHECK(store.namespaces.DeleteKey(kLab, "deploy").error().code == Code::kNotFound);
  CHECK(store.namespaces.Keys(kLab)->size() == 1);
  CHECK(store.namespaces.Keys(NamespaceId("none")).error().code == Code::kNotFound);
}

TEST_CASE("NamespaceStore: whom it trusts is said once, and ends with either", "[host]") {
  TestStore store;
  const NamespaceId ops("ops");
  CHECK(store.namespaces.Trust(store.web, ops).error().code == Code::kNotFound);
  REQUIRE(store.namespaces.Create(ops, std::nullopt));
  REQUIRE(store.namespaces.Trust(store.web, ops));
  const auto version = store.namespaces.Find(store.web)->version;
  REQUIRE(store.namespaces.Trust(store.web, ops));
  CHECK(store.namespaces.Find(store.web)->version == version);
  CHECK(store.namespaces.Find(store.web)->trusted == std::vector{ops});
  CHECK(store.namespaces.Find(ops)->trusted.empty());
  CHECK(store.namespaces.TrustedBy()->at(ops) == std::set{store.web});
  CHECK(store.namespaces.EndTrust(ops, store.web).error().code == Code::kNotFound);
  REQUIRE(store.namespaces.EndTrust(store.web, ops));
  CHECK(store.namespaces.EndTrust(store.web, ops).error().code == Code::kNotFound);

  // One that is made anew under an old name is somebody else.
  for (const NamespaceId& gone : {ops, store.web}) {
    REQUIRE(store.namespaces.Trust(store.web, ops));
    REQUIRE(store.namespaces.Delete(gone));
    REQUIRE(store.namespaces.Create(gone, std::nullopt));
    CHECK(store.namespaces.TrustedBy()->empty());
  }
}

TEST_CASE("NamespaceStore: eight writers of different keys of metadata keep all", "[host]") {
  TestStore store;
  const auto written = Race(8, [&](int i) {
    return store.namespaces.SetMetadata(store.web, fmt::format("key{}", i), i);
  });
  CHECK(Succeeded(written) == 8);
  CHECK(store.namespaces.Find(store.web)->metadata.size() == 8);
}

TEST_CASE("NamespaceStore: the living keep their namespace", "[host]") {
  TestStore store;
  const InstanceId id = store.MakeBuilt();
  CHECK(store.namespaces.Delete(store.web).error().code == Code::kConflict);
  REQUIRE(store.instances.RequestDelete(id));
  CHECK(store.namespaces.Delete(store.web).error().code == Code::kConflict);
  REQUIRE(store.instances.Deleted(id));
  CHECK(store.namespaces.Delete(store.web));
  CHECK(store.namespaces.List()->size() == 1);
  CHECK(store.namespaces.List()->at(0).name == kSystemNamespace);
  CHECK(store.namespaces.List({kSystemNamespace, NamespaceId("other")})->size() == 1);
  CHECK(store.namespaces.List({NamespaceId("other")})->empty());
}

// They stayed: failed instances with their ports, versions that kept their blobs for ever.
TEST_CASE("NamespaceStore: nothing of a deleted namespace is left", "[host]") {
  TestStore store;
  const InstanceId failed = store.Make();
  REQUIRE(store.instances.Fail(failed, "broken"));
  REQUIRE(store.artifacts.RecordFetched(store.kUrl, BlobOf('a'), ""));
  REQUIRE(store.namespaces.Delete(store.web));
  CHECK(store.artifacts.List({})->empty());
  CHECK(store.State(failed) == InstanceState::kDeleteWait);
  REQUIRE(store.instances.Deleted(failed));
  REQUIRE(store.instances.Reap(-1, 9));
  REQUIRE(store.artifacts.Reap(-1, 9));
  REQUIRE(store.namespaces.Reap(-1));
  for (const char* table : {"instances", "instance_disks", "ports", "artifacts",
                            "artifact_versions", "blobs", "namespace_keys"}) {
    INFO(table);
    CHECK(store.Count(fmt::format("SELECT COUNT(*) FROM {}", table)) == 0);
  }
  CHECK(store.namespaces.Find(store.web).error().code == Code::kNotFound);
}

TEST_CASE("NamespaceStore: of a create and a deletion that race one finds the other", "[host]") {
  TestStore store;
  for (int round = 0; round < 20; ++round) {
    const NamespaceId name(fmt::format("race{}", round));
    REQUIRE(store.namespaces.Create(name, std::nullopt));
    Instance wanted = store.Wanted();
    wanted.spec.name_space = name;
    const auto results = Race(2, [&](int i) -> Result<void> {
      if (i == 0) return store.namespaces.Delete(name);
      TRY(store.Record(wanted));
      return {};
    });
    CHECK(Succeeded(results) == 1);
    CHECK(store.artifacts.List({.visible_to = {name}})->size() == (results[1] ? 1 : 0));
  }
}

}  // namespace
