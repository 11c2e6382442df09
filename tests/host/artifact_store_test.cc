// SPDX-License-Identifier: Apache-2.0
#include "node/store/artifact_store.h"

#include <catch2/catch.hpp>

#include "tests/host/test_store.h"

namespace {

using namespace sf;
using namespace sf::test;
using Catch::Matchers::Contains;

struct ArtifactTest : TestStore {
  Artifact Request(const std::string& url = kUrl) {
    return artifacts.Request(web, url, false, n1).value();
  }
  Artifact Read(const ArtifactId& id) { return artifacts.Find(id).value(); }
  void Fetched(char letter, const std::string& url = kUrl) {
    REQUIRE(artifacts.RecordFetched(url, BlobOf(letter), ""));
  }
  std::vector<std::string> Messages(const ArtifactId& id) {
    std::vector<std::string> messages;
    const auto listed = events.List("artifact", id.value, "", 99);
    for (const Event& event : *listed) messages.push_back(event.message);
    return messages;
  }
  std::vector<std::string> NeededUrls() {
    std::vector<std::string> urls;
    const auto needed = artifacts.NeededOn(n1);
    for (const Artifact& artifact : *needed) urls.push_back(artifact.source_url);
    return urls;
  }
  std::int64_t Blobs() { return Count("SELECT COUNT(*) FROM blobs"); }
};

TEST_CASE("ArtifactStore: a URL is one artifact, however many ask", "[host]") {
  ArtifactTest store;
  const auto results =
      Race(8, [&](int) { return store.artifacts.Request(store.web, store.kUrl, false, store.n1); });
  REQUIRE(Succeeded(results) == 8);
  for (const auto& result : results) CHECK(result->uuid == results[0]->uuid);
  const Artifact made = store.Read(results[0]->uuid);
  CHECK(made.state == "initial");
  CHECK(made.source_url == store.kUrl);
  CHECK(made.versions.empty());
  const auto elsewhere = store.artifacts.Request(kSystemNamespace, store.kUrl, true, store.n1);
  CHECK(elsewhere->uuid != made.uuid);
  CHECK(store.artifacts.Request(NamespaceId("none"), "u", false, store.n1).error().code ==
        Code::kNotFound);
}

TEST_CASE("ArtifactStore: a URL that does not fit is refused, not cut short", "[host]") {
  ArtifactTest store;
  const std::string url = "http://images.example/" + std::string(2100, 'x');
  CHECK_FALSE(store.artifacts.Request(store.web, url, false, store.n1));
  CHECK(store.artifacts.List({})->empty());
}

TEST_CASE("ArtifactStore: a namespace sees its own and the shared ones", "[host]") {
  ArtifactTest store;
  const ArtifactId own = store.Request().uuid;
  const ArtifactId shared =
      store.artifacts.Request(kSystemNamespace, "http://a/s", true, store.n1)->uuid;
  REQUIRE(store.artifacts.Request(kSystemNamespace, "http://a/p", false, store.n1));
  const auto visible = store.artifacts.List({.visible_to = {store.web}});
  REQUIRE(visible->size() == 2);
  CHECK(visible->at(0).uuid == own);
  CHECK(visible->at(1).uuid == shared);
  CHECK(store.artifacts.List({.source_url = "http://a/s"})->size() == 1);
  CHECK(store.artifacts.List({.visible_to = {store.web}, .source_url = "http://a/p"})->empty());

  store.Fetched('a');
  CHECK(store.artifacts.List({.on = store.n1})->empty());
  const store::HeldFiles files{.cached = {{std::string(64, 'a'), {100, ""}}}, .stored = {}};
  REQUIRE(store.blobs.RecordHeld(store.n1, [&] { return Result<store::HeldFiles>(files); }));
  const auto here = store.artifacts.List({.on = store.n1});
  REQUIRE(here->size() == 1);
  CHECK(here->at(0).uuid == own);
  CHECK(here->at(0).versions.size() == 1);
  CHECK(store.artifacts.List({.on = NodeId("n2")})->empty());
}

TEST_CASE("ArtifactStore: other bytes are a new version, the oldest ones go", "[host]") {
  ArtifactTest store;
  const ArtifactId id = store.Request().uuid;
  const auto indices = [&] {
    std::vector<std::int64_t> found;
    for (const ArtifactVersion& version : store.Read(id).versions) found.push_back(version.index);
    return found;
  };
  using Indices = std::vector<std::int64_t>;
  store.Fetched('a');
  CHECK(store.Read(id).state == "created");
  CHECK(store.Read(id).fetched_bytes == 200);
  CHECK(store.Read(id).versions.at(0).blob.virtual_size == 300);
  store.Fetched('a');
  CHECK(indices() == Indices{1});
  store.Fetched('b');
  store.Fetched('a');  // The bytes of version 1 again, and another version.
  CHECK(indices() == Indices{1, 2, 3});
  store.Fetched('c');
  CHECK(indices() == Indices{2, 3, 4});
  CHECK(store.Read(id).index == 4);
  CHECK(store.Read(id).versions.back().blob.sha256 == std::string(64, 'c'));
  CHECK(store.Blobs() == 3);
  CHECK(store.Messages(id) == std::vector<std::string>{"image fetched", "image fetched",
                                                       "image fetched", "image fetched",
                                                       "fetch requested"});
  // Two nodes have fetched the same at once.
  CHECK(Succeeded(Race(4, [&](int) {
          return store.artifacts.RecordFetched(store.kUrl, BlobOf('d'), "");
        })) == 4);
  CHECK(indices() == Indices{3, 4, 5});
}

TEST_CASE("ArtifactStore: a failure takes nothing from an image that was fetched", "[host]") {
  ArtifactTest store;
  const ArtifactId good = store.Request().uuid;
  store.Fetched('a');
  const ArtifactId never = store.Request("http://a/never").uuid;
  for (const char* url : {store.kUrl, "http://a/never"}) {
    REQUIRE(store.artifacts.RecordFailure(url, "404 'Not Found'"));
  }
  CHECK(store.Read(good).state == "created");
  CHECK(store.Read(good).versions.size() == 1);
  CHECK(store.Read(never).state == "error");
  for (const ArtifactId& id : {good, never}) {
    CHECK(store.Read(id).error_message == "404 'Not Found'");
    CHECK(store.Messages(id).front() == "fetch failed: 404 'Not Found'");
  }
  CHECK(store.NeededUrls().empty());

  CHECK(store.Request("http://a/never").state == "initial");
  CHECK(store.Read(never).error_message.empty());
  CHECK(store.NeededUrls() == std::vector<std::string>{"http://a/never"});
  REQUIRE(store.artifacts.RecordFailure("http://a/never", "again"));
  store.Make("http://a/never");
  CHECK(store.Read(never).state == "initial");
}

// A server's bytes may be quoted in the message: an image whose failure could not be recorded was
// fetched again for ever, and its instances waited for ever.
TEST_CASE("ArtifactStore: a failure is recorded whatever its message holds", "[host]") {
  ArtifactTest store;
  for (const std::string& message :
       {std::string("\xff\xfe\xc3 is not UTF-8"), std::string("a\0b", 3),
        "'\"" + std::string(1 << 20, '\x80')}) {
    const std::string url = "http://a/" + MakeUuid();
    const InstanceId id = store.Make(url);
    REQUIRE(store.artifacts.RecordFailure(url, message));
    REQUIRE(store.instances.FailWaitingFor(store.n1, url, message));
    REQUIRE(store.events.Add({.object_type = "instance",
                              .object = id.value,
                              .message = message,
                              .extra = {{"said", message}}}));
    CHECK(store.State(id) == InstanceState::kError);
    CHECK(store.artifacts.List({.source_url = url})->at(0).state == "error");
    CHECK(store.events.List("instance", id.value, "", 1)->at(0).extra.contains("said"));
  }
}

TEST_CASE("ArtifactStore: progress is seen while it lasts", "[host]") {
  ArtifactTest store;
  const ArtifactId id = store.Request().uuid;
  REQUIRE(store.artifacts.RecordProgress(store.kUrl, 10, 100, true));
  REQUIRE(store.artifacts.RecordProgress(store.kUrl, 20, 100, false));
  CHECK(store.Read(id).fetched_bytes == 20);
  CHECK(store.Read(id).total_bytes == 100);
  CHECK(store.Messages(id) == std::vector<std::string>{"fetching", "fetch requested"});
}

TEST_CASE("ArtifactStore: a node needs what it builds on and what it was asked for", "[host]") {
  ArtifactTest store;
  store.Request("http://a/asked");
  const InstanceId id = store.Make("http://a/built-on");
  REQUIRE(store.artifacts.Request(store.web, "http://a/elsewhere", false, NodeId("n2")));
  using Urls = std::vector<std::string>;
  CHECK(store.NeededUrls() == Urls{"http://a/asked", "http://a/built-on"});
  store.Fetched('a', "http://a/asked");
  REQUIRE(store.instances.Claim(id));
  CHECK(store.NeededUrls() == Urls{"http://a/built-on"});
  REQUIRE(store.instances.Built(store.Get(id), {}, store.Created(id)));
  CHECK(store.NeededUrls().empty());
}

TEST_CASE("ArtifactStore: deletion may be repeated, and the URL begins anew", "[host]") {
  ArtifactTest store;
  const ArtifactId old = store.Request().uuid;
  store.Fetched('a');
  const InstanceId instance = store.MakeBuilt(std::string(64, 'a'));
  for (const ArtifactVersion& version : store.Read(old).versions) {
    CHECK(version.instances == std::vector<std::string>{instance.value});
  }
  REQUIRE(store.artifacts.Delete(old));
  REQUIRE(store.artifacts.Delete(old));
  REQUIRE(store.artifacts.Delete(ArtifactId("none")));
  CHECK(store.Read(old).state == "deleted");
  CHECK(store.Read(old).versions.empty());
  CHECK(store.Messages(old).front() == "artifact deleted");
  CHECK(store.artifacts.List({})->empty());
  CHECK(store.artifacts.DigestsUsedOn(store.n1)->contains(std::string(64, 'a')));

  const ArtifactId anew = store.Request().uuid;
  CHECK(anew != old);
  store.Fetched('a');
  CHECK(store.Read(anew).versions.at(0).index == 1);
  CHECK(store.Read(old).state == "deleted");
}

TEST_CASE("ArtifactStore: a digest is in use until its last instance is deleted", "[host]") {
  ArtifactTest store;
  store.Request();
  store.Fetched('a');
  const std::string digest(64, 'a');
  const InstanceId first = store.MakeBuilt(digest), second = store.MakeBuilt(digest);
  CHECK(store.artifacts.DigestsUsedOn(NodeId("n2"))->empty());
  for (const InstanceId& id : {first, second}) {
    CHECK(store.artifacts.DigestsUsedOn(store.n1).value() == std::set<std::string>{digest});
    REQUIRE(store.instances.RequestDelete(id));
    CHECK(store.artifacts.DigestsUsedOn(store.n1).value() == std::set<std::string>{digest});
    REQUIRE(store.instances.Deleted(id));
  }
  CHECK(store.artifacts.DigestsUsedOn(store.n1)->empty());
}

TEST_CASE("ArtifactStore: blobs that nothing refers to go when they are old", "[host]") {
  ArtifactTest store;
  const auto age = [&] {
    store.Age("blobs", "last_used", 100);
    store.Age("artifacts", "updated_at", 100);
  };
  const ArtifactId id = store.Request().uuid;
  store.Fetched('a');
  const InstanceId instance = store.MakeBuilt(std::string(64, 'a'));
  age();
  CHECK(store.artifacts.Reap(50, 10).value() == 0);
  CHECK(store.Blobs() == 1);  // Its artifact refers to it.
  REQUIRE(store.artifacts.Delete(id));
  age();
  CHECK(store.artifacts.Reap(50, 10).value() == 1);
  CHECK(store.Blobs() == 1);  // A disk does.
  CHECK(store.artifacts.Find(id).error().code == Code::kNotFound);
  REQUIRE(store.instances.RequestDelete(instance));
  REQUIRE(store.instances.Deleted(instance));
  REQUIRE(store.instances.Reap(-1, 10));
  REQUIRE(store.artifacts.Reap(50, 10));
  CHECK(store.Blobs() == 0);
}

// An instance refers to its blob when it is built. An old blob, whose artifact was deleted
// meanwhile, could vanish below it; its file was then evicted below a running guest.
TEST_CASE("ArtifactStore: a blob that lost its artifact stays for those who build", "[host]") {
  ArtifactTest store;
  const ArtifactId id = store.Request().uuid;
  store.Fetched('a');
  const InstanceId instance = store.Make();
  REQUIRE(store.instances.Claim(instance));
  store.Age("blobs", "last_used", 100);
  REQUIRE(store.artifacts.Delete(id));
  REQUIRE(store.artifacts.Reap(50, 10));
  REQUIRE(
      store.instances.Built(store.Get(instance), {std::string(64, 'a')}, store.Created(instance)));
  CHECK(store.artifacts.DigestsUsedOn(store.n1)->size() == 1);
}

// The row of known bytes was read without a lock, and could be gone when a version referred to it.
TEST_CASE("ArtifactStore: a blob is not reaped between its fetch and its version", "[host]") {
  ArtifactTest store;
  for (int round = 0; round < 20; ++round) {
    const ArtifactId id = store.Request().uuid;
    store.Fetched('a');
    REQUIRE(store.artifacts.Delete(id));
    const ArtifactId anew = store.Request().uuid;
    store.Age("blobs", "last_used", 100);
    REQUIRE(Succeeded(Race(2, [&](int i) -> Result<void> {
              if (i == 0) return store.artifacts.RecordFetched(store.kUrl, BlobOf('a'), "");
              TRY(store.artifacts.Reap(50, 10));
              return {};
            })) == 2);
    REQUIRE(store.Read(anew).versions.size() == 1);
    REQUIRE(store.artifacts.Delete(anew));
  }
}

TEST_CASE("ArtifactStore: so many versions are kept, whatever gaps there are", "[host]") {
  ArtifactTest store;
  const ArtifactId id = store.Request().uuid;
  REQUIRE(store.artifacts.SetMaxVersions(id, 10));
  for (const char letter : {'a', 'b', 'c', 'd'}) store.Fetched(letter);
  REQUIRE(store.artifacts.DeleteVersion(id, 3));
  CHECK(store.artifacts.DeleteVersion(id, 3).error().code == Code::kNotFound);
  REQUIRE(store.artifacts.SetMaxVersions(id, 2));
  const Artifact left = store.Read(id);
  REQUIRE(left.versions.size() == 2);
  CHECK(left.versions[0].index == 2);
  CHECK(left.versions[1].index == 4);
}

TEST_CASE("ArtifactStore: two that delete the last two versions delete the artifact", "[host]") {
  ArtifactTest store;
  const ArtifactId id = store.Request().uuid;
  store.Fetched('a');
  store.Fetched('b');
  const auto results = Race(2, [&](int i) { return store.artifacts.DeleteVersion(id, i + 1); });
  CHECK(Succeeded(results) == 2);
  CHECK(store.Read(id).state == "deleted");
}

TEST_CASE("ArtifactStore: what is published is the newest version, once", "[host]") {
  ArtifactTest store;
  const BlobId a = store.blobs.Store(store.n1, BlobOf('a'))->uuid;
  const BlobId b = store.blobs.Store(store.n1, BlobOf('b'))->uuid;
  const store::Publication of_a = {store.web, "label", "sf://label/web/x", a, false, "labelled"};
  store::Publication of_b = of_a;
  of_b.blob = b;
  CHECK(Succeeded(Race(4, [&](int) { return store.artifacts.Publish(of_a); })) == 4);
  const Artifact label = store.artifacts.Publish(of_b).value();
  CHECK(label.state == "created");
  CHECK(label.type == "label");
  CHECK_FALSE(label.shared);
  REQUIRE(label.versions.size() == 2);
  CHECK(label.versions[0].blob.uuid == a);
  CHECK(label.versions[1].blob.uuid == b);
  CHECK(store.Messages(label.uuid) == std::vector<std::string>{"labelled", "labelled"});

  of_b.blob = BlobId("none");
  CHECK(store.artifacts.Publish(of_b).error().code == Code::kNotFound);
  of_b = of_a;
  of_b.name_space = NamespaceId("none");
  CHECK(store.artifacts.Publish(of_b).error().code == Code::kNotFound);
  of_b = of_a;
  of_b.type = "image";
  CHECK(store.artifacts.Publish(of_b)->uuid != label.uuid);
}

// Nothing but the copies that nodes have is left of it when its own artifact is gone.
TEST_CASE("ArtifactStore: an image that only a label refers to is not evicted", "[host]") {
  ArtifactTest store;
  store.Request();
  store.Fetched('a');
  CHECK(store.artifacts.DigestsUsedOn(store.n1)->empty());
  const BlobId blob = store.blobs.List({})->at(0).blob.uuid;
  const ArtifactId label = store.artifacts
                               .Publish({.name_space = store.web,
                                         .type = "label",
                                         .source_url = "sf://label/web/x",
                                         .blob = blob,
                                         .message = "label set"})
                               ->uuid;
  CHECK(store.artifacts.DigestsUsedOn(store.n1)->contains(std::string(64, 'a')));
  REQUIRE(store.artifacts.Delete(label));
  CHECK(store.artifacts.DigestsUsedOn(store.n1)->empty());
}

TEST_CASE("ArtifactStore: sharing and metadata", "[host]") {
  ArtifactTest store;
  const ArtifactId id = store.Request().uuid;
  REQUIRE(store.artifacts.Share(id, true));
  REQUIRE(store.artifacts.Share(id, true));
  CHECK(store.Read(id).shared);
  CHECK(store.Messages(id) == std::vector<std::string>{"shared", "fetch requested"});
  REQUIRE(store.artifacts.SetMetadata(id, "os", "debian"));
  CHECK(store.Read(id).metadata == nlohmann::json({{"os", "debian"}}));
}

}  // namespace
