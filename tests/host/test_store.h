// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <catch2/catch.hpp>
#include <latch>
#include <thread>
#include <vector>

#include "node/base/uuid.h"
#include "node/store/schema.h"
#include "node/store/store.h"
#include "tests/host/private_mariadb.h"

namespace sf::test {

/// What `body(0)` ... `body(threads - 1)` gave, all begun at the same moment.
template <class Body>
auto Race(int threads, Body body) {
  std::vector<std::optional<decltype(body(0))>> results(static_cast<std::size_t>(threads));
  std::latch ready(threads);
  {
    std::vector<std::jthread> runners;
    for (int i = 0; i < threads; ++i) {
      runners.emplace_back([&, i] {
        ready.arrive_and_wait();
        results[static_cast<std::size_t>(i)].emplace(body(i));
      });
    }
  }
  std::vector<decltype(body(0))> taken;
  for (auto& result : results) taken.push_back(*std::move(result));
  return taken;
}

template <class T>
auto Succeeded(const std::vector<Result<T>>& results) {
  return std::count_if(results.begin(), results.end(), [](const auto& r) { return r.has_value(); });
}

/// A blob whose digests are made of one letter.
inline Blob BlobOf(char letter) {
  Blob blob;
  blob.sha256 = std::string(64, letter);
  blob.sha512 = std::string(128, letter);
  blob.size = 100;
  blob.fetched_size = 200;
  blob.virtual_size = 300;
  blob.source_format = "raw";
  return blob;
}

/// A store in a database of its own, with the namespace `web` and the node `n1`.
struct TestStore : store::Store {
  static constexpr char kUrl[] = "http://images.example/a.qcow2";
  const NamespaceId web{"web"};
  const NodeId n1{"n1"};

  explicit TestStore(Capacity room = {1000, 1'000'000, 1'000'000}, store::PortRange ports = {})
      : Store(SharedMariaDb().FreshDatabase(), NodeId("n1"), ports) {
    REQUIRE(store::Migrate(database));
    REQUIRE(namespaces.Create(web, std::nullopt));
    REQUIRE(nodes.Register({.name = n1,
                            .ip = "10.0.0.1",
                            .fqdn = "n1",
                            .zone = "z",
                            .release = "1",
                            .limit = room,
                            .used = {}}));
  }

  /// Not stored yet: 1 cpu, 64 MB, one disk of 2 GB on `url`.
  Instance Wanted(const std::string& url = kUrl) const {
    Instance wanted;
    wanted.uuid = InstanceId(MakeUuid());
    wanted.node = n1;
    wanted.spec.name = "box";
    wanted.spec.name_space = web;
    wanted.spec.memory_mb = 64;
    wanted.spec.disks = {{url, std::nullopt, 2, std::nullopt}};
    wanted.disks = {{"vda", "virtio", "disk", 2, url, {}, {}}};
    return wanted;
  }
  void AddNode(const char* name, Capacity room) {
    REQUIRE(nodes.Register({.name = NodeId(name),
                            .ip = "10.0.0.9",
                            .fqdn = name,
                            .zone = "z",
                            .release = "1",
                            .limit = room,
                            .used = {}}));
  }
  static Placement Ranked(const std::vector<std::string>& names) {
    Placement placement;
    for (const std::string& name : names) placement.ranked.push_back({NodeId(name), "because"});
    return placement;
  }
  /// On the node that it names.
  Result<Instance> Record(const Instance& wanted) {
    return instances.Create(wanted, {.ranked = {{wanted.node, "the test says so"}}, .reasons = {}});
  }
  InstanceId Make(const std::string& url = kUrl) {
    const auto made = Record(Wanted(url));
    INFO((made ? "" : made.error().message));
    REQUIRE(made);
    return made->uuid;
  }
  /// Made and built, on an image of `sha256`.
  InstanceId MakeBuilt(const std::string& sha256 = "") {
    const InstanceId id = Make();
    REQUIRE(instances.Claim(id));
    REQUIRE(instances.Built(instances.Find(id).value(), {sha256}, Created(id)));
    return id;
  }
  static Event Created(const InstanceId& id) {
    return {.object_type = "instance", .object = id.value, .message = "instance created"};
  }

  Instance Get(const InstanceId& id) { return instances.Find(id).value(); }
  InstanceState State(const InstanceId& id) { return Get(id).state; }
  /// The one number that `sql` selects.
  template <class... Values>
  std::int64_t Count(std::string_view sql, Values&&... values) {
    const auto rows = database.Query(sql, values...);
    INFO((rows ? "" : rows.error().message));
    REQUIRE(rows);
    return rows->at(0).Integer(0);
  }
  /// The rows of an object grow older than they are.
  void Age(const std::string& table, const std::string& column, double seconds) {
    REQUIRE(database.Execute(fmt::format("UPDATE {0} SET {1} = {1} - ?", table, column), seconds));
  }
};

}  // namespace sf::test
