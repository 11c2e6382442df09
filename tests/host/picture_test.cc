// SPDX-License-Identifier: Apache-2.0
// The picture of the rows that reads are answered from, against a MariaDB of these tests' own.
#include <catch2/catch.hpp>
#include <thread>

#include "node/store/current_picture.h"
#include "node/store/picture_reader.h"
#include "tests/host/test_networks.h"

namespace {

using namespace sf;
using namespace sf::store;
using namespace std::chrono_literals;
using sf::test::NetworkTestStore;
using sf::test::SharedMariaDb;
using Clock = std::chrono::steady_clock;

/// A reader and the picture that it has read.
struct Reader {
  explicit Reader(Store& store) : reader(store) {}
  const Picture& Read() {
    auto read = reader.Read(picture);
    INFO((read ? "" : read.error().message));
    REQUIRE(read);
    picture = *std::move(read);
    return picture;
  }
  PictureReader reader;
  Picture picture;
};

bool Same(const Picture& a, const Picture& b) { return a.changes == b.changes; }

TEST_CASE("PictureReader: each change of a row is in the next picture", "[host]") {
  NetworkTestStore store;
  Reader reader(store);
  REQUIRE(reader.Read().instances.empty());
  CHECK(reader.picture.networks.size() == 1);  // of floating addresses
  CHECK(reader.picture.nodes.size() == 1);
  CHECK(reader.picture.keys.contains(store.web));

  const NetworkId network = store.MakeNatNetwork();
  CHECK(reader.Read().networks.at(network)->name == "front");
  const InstanceId id = store.MakeIn({network});
  const Instance made = *reader.Read().instances.at(id);
  CHECK(made.state == InstanceState::kInitial);
  REQUIRE(made.interfaces.size() == 1);
  CHECK(made.disks.size() == 1);
  CHECK(reader.picture.nodes.at(0).used.cpus == made.spec.cpus);
  CHECK(reader.Read().nodes.at(0).used.cpus == made.spec.cpus);  // Nothing has changed.
  REQUIRE(store.nodes.Register({.name = NodeId("n2"),
                                .ip = "10.0.0.2",
                                .fqdn = "n2",
                                .zone = "z",
                                .release = "1",
                                .limit = {},
                                .used = {}}));
  REQUIRE(reader.Read().nodes.size() == 2);
  CHECK(reader.picture.nodes.at(0).used.cpus == made.spec.cpus);
  CHECK(reader.picture.nodes.at(1).used.cpus == 0);

  REQUIRE(store.instances.Claim(id));
  CHECK(reader.Read().instances.at(id)->state == InstanceState::kCreating);
  REQUIRE(store.instances.SetMetadata(id, "colour", "blue"));
  CHECK(reader.Read().instances.at(id)->metadata["colour"] == "blue");
  REQUIRE(store.interfaces.Float(made.interfaces[0].uuid));
  CHECK_FALSE(reader.Read().instances.at(id)->interfaces.at(0).floating.empty());
  REQUIRE(store.instances.ReplacePorts(id));
  CHECK(reader.Read().instances.at(id)->console_port == store.Get(id).console_port);
  REQUIRE(store.networks.Delete(network, true));
  CHECK(reader.Read().networks.at(network)->state == NetworkState::kDeleteWait);

  store.Delete(id);
  CHECK_FALSE(reader.Read().instances.contains(id));
  CHECK(reader.picture.nodes.at(0).used.cpus == 0);
  CHECK_FALSE(reader.picture.networks.contains(network));
  const Picture before = reader.picture;
  CHECK(Same(before, reader.Read()));
}

TEST_CASE("PictureReader: keys come and go with their namespace", "[host]") {
  NetworkTestStore store;
  Reader reader(store);
  reader.Read();
  REQUIRE(store.namespaces.PutKey(store.web, {"deploy", "hash", "nonce-1"}));
  REQUIRE(reader.Read().FindKey(store.web, "deploy") != nullptr);
  CHECK(reader.picture.FindKey(store.web, "deploy")->nonce == "nonce-1");
  REQUIRE(store.namespaces.PutKey(store.web, {"deploy", "hash", "nonce-2"}));
  CHECK(reader.Read().FindKey(store.web, "deploy")->nonce == "nonce-2");
  REQUIRE(store.namespaces.DeleteKey(store.web, "deploy"));
  CHECK(reader.Read().FindKey(store.web, "deploy") == nullptr);
  REQUIRE(store.namespaces.Delete(store.web));
  CHECK_FALSE(reader.Read().keys.contains(store.web));
}

TEST_CASE("PictureReader: trust comes and goes with both namespaces", "[host]") {
  NetworkTestStore store;
  const NamespaceId ops("ops");
  REQUIRE(store.namespaces.Create(ops, std::nullopt));
  Reader reader(store);
  CHECK(reader.Read().trusted_by.empty());
  const auto trusted = [&] {
    const auto& trusted_by = reader.Read().trusted_by;
    const auto found = trusted_by.find(ops);
    return found != trusted_by.end() && found->second.contains(store.web);
  };
  REQUIRE(store.namespaces.Trust(store.web, ops));
  CHECK(trusted());
  REQUIRE(store.namespaces.EndTrust(store.web, ops));
  CHECK_FALSE(trusted());
  REQUIRE(store.namespaces.Trust(store.web, ops));
  CHECK(trusted());
  REQUIRE(store.namespaces.Delete(ops));
  CHECK_FALSE(trusted());
}

// Its rows bear the times of their statements, before those of what was read meanwhile.
TEST_CASE("PictureReader: what a long transaction did is seen when it ends", "[host]") {
  NetworkTestStore store;
  Reader reader(store);
  const InstanceId slow = store.Make();
  const InstanceId quick = store.Make();
  reader.Read();
  const auto rename = "UPDATE instances SET error_message = 'changed' WHERE uuid = ?";
  REQUIRE(store.database.Transaction<void>([&](Session& session) -> Result<void> {
    TRY(session.Execute(rename, slow));
    std::this_thread::sleep_for(20ms);
    TRY(store.database.Execute(rename, quick));
    CHECK(reader.Read().instances.at(quick)->error_message == "changed");
    CHECK(reader.picture.instances.at(slow)->error_message.empty());
    return {};
  }));
  CHECK(reader.Read().instances.at(slow)->error_message == "changed");
}

TEST_CASE("PictureReader: what was remembered and is gone goes at the first reading", "[host]") {
  NetworkTestStore store;
  Reader reader(store);
  Instance old = store.Wanted();
  old.uuid = InstanceId(MakeUuid());
  reader.picture.instances[old.uuid] = std::make_shared<const Kept<Instance>>(old);
  reader.picture.keys[NamespaceId("gone")] = {{"k", "h", "n"}};
  CHECK(reader.Read().instances.empty());
  CHECK(reader.picture.keys.size() == 2);
}

TEST_CASE("PictureReader: reading hundreds costs a few statements, and reading them again two",
          "[host]") {
  sf::test::TestStore store;
  constexpr int kInstances = 300;
  for (int i = 0; i < kInstances; ++i) store.Make();
  Reader reader(store);
  const auto cost = [&] {
    const auto before = store.database.statements();
    reader.Read();
    return store.database.statements() - before;
  };
  CHECK(cost() < 20);
  CHECK(reader.picture.instances.size() == kInstances);
  CHECK(cost() == 2);
}

TEST_CASE("Picture: lists as the stores do", "[host]") {
  NetworkTestStore store;
  REQUIRE(store.namespaces.Create(NamespaceId("db"), std::nullopt));
  const NetworkId network = store.MakeNetwork();
  for (int i = 0; i < 3; ++i) store.MakeIn({network});
  Reader reader(store);
  const Picture& picture = reader.Read();
  const auto uuids = [](const auto& list) {
    std::vector<std::string> found;
    for (const auto& one : list) found.push_back(one.uuid.value);
    return found;
  };
  const InstanceId one = picture.instances.begin()->first;
  for (const InstanceFilter& filter : {InstanceFilter{},
                                       {.name_space = store.web},
                                       {.name_space = NamespaceId("db")},
                                       {.name = "box"},
                                       {.uuid = one},
                                       {.node = NodeId("n2")}}) {
    CHECK(uuids(Records(picture.List(filter))) == uuids(store.instances.List(filter).value()));
  }
  for (const NetworkFilter& filter : {NetworkFilter{}, {.name = "front"}, {.uuid = network}}) {
    CHECK(uuids(Records(picture.List(filter))) == uuids(store.networks.List(filter).value()));
  }
  for (const InterfaceFilter& filter :
       {InterfaceFilter{.network = network},
        {.instance = one},
        {.uuid = picture.instances.at(one)->interfaces.at(0).uuid}}) {
    CHECK(uuids(Records(picture.List(filter))) == uuids(store.interfaces.List(filter).value()));
  }
}

TEST_CASE("CurrentPicture: who reads after a change sees it, and many readers read once",
          "[host]") {
  NetworkTestStore store;
  CurrentPicture current(store, {});
  REQUIRE_FALSE(current.Read().stale);
  for (int i = 0; i < 20; ++i) {
    const InstanceId id = store.Make();
    current.NoteChange();
    const Reading reading = current.Read();
    CHECK_FALSE(reading.stale);
    REQUIRE(reading.picture->instances.contains(id));
  }
  const auto before = store.database.statements();
  (void)sf::test::Race(16, [&](int) { return current.Read().stale; });
  CHECK(store.database.statements() - before <= 2 * 5);
}

TEST_CASE("CurrentPicture: the last picture is there while the database is not", "[host]") {
  NetworkTestStore store;
  const InstanceId id = store.Make();
  CurrentPicture current(store, {});
  REQUIRE_FALSE(current.Read().stale);
  const bool frozen = GENERATE(false, true);
  CAPTURE(frozen);
  frozen ? SharedMariaDb().Freeze() : SharedMariaDb().Kill();
  std::this_thread::sleep_for(CurrentPicture::kMaxAge);
  const auto timed = [&] {
    const auto begun = Clock::now();
    const Reading reading = current.Read();
    CHECK(reading.stale);
    CHECK(reading.picture->instances.contains(id));
    return Clock::now() - begun;
  };
  CHECK(timed() < 1500ms);
  for (int i = 0; i < 3; ++i) CHECK(timed() < 100ms);
  frozen ? SharedMariaDb().Thaw() : SharedMariaDb().Start();
  const auto end = Clock::now() + 10s;
  while (current.Read().stale && Clock::now() < end) {
    current.Tick();
    std::this_thread::sleep_for(20ms);
  }
  CHECK_FALSE(current.Read().stale);
}

}  // namespace
