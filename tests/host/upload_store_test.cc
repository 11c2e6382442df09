// SPDX-License-Identifier: Apache-2.0
#include "node/store/upload_store.h"

#include <catch2/catch.hpp>

#include "images/upload_files.h"
#include "node/reconcile/upload_reaper.h"
#include "tests/host/test_store.h"
#include "tests/images/test_directory.h"

namespace {

using namespace sf;
using namespace sf::test;

TEST_CASE("UploadStore: a namespace has so many and no more, however many ask", "[host]") {
  TestStore store;
  const auto made = Race(8, [&](int) { return store.uploads.Create(store.web, store.n1, 3); });
  CHECK(Succeeded(made) == 3);
  for (const auto& upload : made) {
    if (!upload) CHECK(upload.error().code == Code::kNoCapacity);
  }
  const auto here = store.uploads.On(store.n1).value();
  REQUIRE(here.size() == 3);
  CHECK(store.uploads.On(NodeId("n2"))->empty());
  CHECK(store.uploads.Find(here[0].uuid)->name_space == store.web);
  REQUIRE(store.uploads.Delete(here[0].uuid));
  REQUIRE(store.uploads.Delete(here[0].uuid));
  CHECK(store.uploads.Find(here[0].uuid).error().code == Code::kNotFound);
  CHECK(store.uploads.Create(store.web, store.n1, 3));
  CHECK(store.uploads.Create(NamespaceId("none"), store.n1, 3).error().code == Code::kNotFound);
}

TEST_CASE("ReapUploads: what was left alone for a day goes, with its row", "[host]") {
  TestStore store;
  TestDirectory directory;
  images::UploadFiles files(directory / "uploads", {}, [](std::uint64_t) {});
  REQUIRE(files.Recover());
  const auto reap = [&] { REQUIRE(reconcile::ReapUploads(store.n1, store.uploads, files)); };
  const auto age = [&](const std::string& uuid, std::chrono::hours hours) {
    const auto then = std::filesystem::file_time_type::clock::now() - hours;
    std::filesystem::last_write_time(directory / ("uploads/" + uuid), then);
  };
  const auto begin = [&] {
    const UploadId id = store.uploads.Create(store.web, store.n1, 9)->uuid;
    REQUIRE(files.Begin(id.value));
    return id;
  };
  const UploadId left = begin(), active = begin();
  REQUIRE(files.Begin("old-without-row"));
  REQUIRE(files.Begin("new-without-row"));
  const UploadId elsewhere = store.uploads.Create(store.web, NodeId("n2"), 9)->uuid;
  age(left.value, std::chrono::hours(25));
  age(active.value, std::chrono::hours(23));
  age("old-without-row", std::chrono::hours(2));
  reap();
  CHECK(store.uploads.Find(left).error().code == Code::kNotFound);
  CHECK(store.uploads.Find(active));
  CHECK(store.uploads.Find(elsewhere));
  const auto idle = files.Idle();
  CHECK(idle.size() == 2);
  CHECK(idle.contains(active.value));
  CHECK(idle.contains("new-without-row"));
}

}  // namespace
