// SPDX-License-Identifier: Apache-2.0
#include "gossip/election.h"

#include <catch2/catch.hpp>
#include <string>

#include "gossip/advert_codec.h"

namespace sf::gossip {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Kind = RowRequest::Kind;

const NodeId kNobody;

/// Names in the order of their rank, so that the tests can say who is first.
std::vector<NodeId> Ranked() {
  std::vector<NodeId> names = {NodeId("a"), NodeId("b"), NodeId("c"), NodeId("d")};
  std::ranges::sort(names, {}, RankOf);
  return names;
}

/// One election, its view of three others, and a row that it can reach or not.
struct Bench {
  std::vector<NodeId> names = Ranked();
  NodeId self;
  Members members;
  Directory directory;
  Time now = Time(seconds(1000));
  Tenure row;
  bool row_there = true;
  std::optional<Election> election;
  std::vector<RowRequest> asked;
  std::vector<Address> greeted;
  Tenure remembered;

  explicit Bench(std::size_t rank, Tenure on_row = {}, Tenure on_disk = {})
      : self(names[rank]), row(std::move(on_row)), remembered(std::move(on_disk)) {
    for (std::size_t i = 0; i < names.size(); ++i) {
      Member& member = members[names[i]];
      member.said = {.name = names[i], .address = {.ip = static_cast<std::uint32_t>(i), .port = 1}};
      member.since = now - seconds(100);
      if (i != rank) Say(names[i], {.ready = true});
    }
    election.emplace(ElectionConfig{}, self, members, directory, remembered, now);
    Carry(election->SetCapable(true, now));
  }

  void Say(const NodeId& node, const Role& role) {
    (void)directory.On({.kind = Event::Kind::kAnnounced,
                        .said = {.name = node, .address = {}},
                        .item = {.key = kRoleKey, .version = 1, .payload = EncodeItem(role)}});
  }
  void Turn(const NodeId& node, MemberState state) {
    members[node].said.state = state;
    members[node].since = now;
    Tick();
  }
  void Tick() { Carry(election->Tick(now)); }
  void Run(Duration length) {
    const Time end = now + length;
    while (election->NextTick() <= end) {
      REQUIRE(election->NextTick() >= now);
      now = std::max(election->NextTick(), now + Duration(1));
      Tick();
    }
    now = end;
  }

  /// Carries out what was wished, with a row as the database would keep it.
  void Carry(Wishes wishes) {
    for (int steps = 0; steps < 10; ++steps) {
      if (wishes.remember) remembered = *wishes.remember;
      greeted.insert(greeted.end(), wishes.greet.begin(), wishes.greet.end());
      if (!wishes.row) return;
      asked.push_back(*wishes.row);
      if (!row_there) {
        wishes = election->OnRowAway(now);
        continue;
      }
      const bool same = wishes.row->term == row.term;
      if (wishes.row->kind == Kind::kClaim && same && !refuses) row = {row.term + 1, self};
      if (wishes.row->kind == Kind::kHandOver && same) row = {row.term + 1, wishes.row->to};
      wishes = election->OnRow(row, now);
    }
    FAIL("asks again and again at one moment");
  }
  std::size_t Claims() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(asked, [](const auto& r) { return r.kind == Kind::kClaim; }));
  }

  bool refuses = false;  // as while the holder's heartbeat is fresh
};

TEST_CASE("Election: an empty row is taken by the first in rank, and by nobody else") {
  Bench first(0);
  CHECK(first.election->Serving());
  CHECK(first.row == Tenure{1, first.self});
  CHECK(first.remembered == first.row);
  Bench second(1);
  second.Run(seconds(60));
  CHECK(second.Claims() == 0);

  // Unless the first could not serve, or is not there.
  second.Say(second.names[0], {.ready = false});
  second.Tick();
  CHECK(second.election->Serving());
  Bench third(1);
  third.Turn(third.names[0], MemberState::kUnreachable);
  CHECK(third.election->Serving());
}

TEST_CASE("Election: a dead holder is replaced after the delay, an unreachable one is not") {
  Bench bench(1, {4, Ranked()[0]});
  bench.Run(seconds(20));
  bench.Turn(bench.names[0], MemberState::kUnreachable);
  bench.Run(seconds(20));
  CHECK(bench.Claims() == 0);

  bench.Turn(bench.names[0], MemberState::kDead);
  bench.Run(milliseconds(1990));
  CHECK(bench.Claims() == 0);
  bench.Run(milliseconds(20));
  CHECK(bench.election->Serving());
  CHECK(bench.row == Tenure{5, bench.self});
}

TEST_CASE("Election: a holder that left is replaced like a dead one, one never seen later") {
  Bench bench(1, {4, Ranked()[0]});
  bench.Turn(bench.names[0], MemberState::kLeft);
  bench.Run(milliseconds(2010));
  CHECK(bench.election->Serving());

  Bench unknown(0, {4, NodeId("stranger")});
  unknown.Run(milliseconds(7900));
  CHECK(unknown.Claims() == 0);
  unknown.Run(milliseconds(200));
  CHECK(unknown.election->Serving());
}

TEST_CASE("Election: who is not first in rank leaves it to who is, as long as that one is ready") {
  Bench bench(2, {4, Ranked()[3]});
  bench.Turn(bench.names[3], MemberState::kDead);
  bench.Run(seconds(60));
  CHECK(bench.Claims() == 0);
  bench.Say(bench.names[0], {.ready = false});
  bench.Turn(bench.names[1], MemberState::kDead);
  bench.Run(milliseconds(10));
  CHECK(bench.election->Serving());
}

TEST_CASE("Election: a refused claim is repeated, once a second") {
  Bench bench(0, {4, Ranked()[1]});
  bench.refuses = true;
  bench.Turn(bench.names[1], MemberState::kDead);
  bench.Run(milliseconds(4900));
  CHECK(bench.Claims() == 3);
  CHECK_FALSE(bench.election->Serving());
  bench.Turn(bench.names[1], MemberState::kAlive);
  bench.Run(seconds(30));
  CHECK(bench.Claims() == 3);
}

TEST_CASE("Election: while the row is away nobody claims, nobody is ready, and the holder serves") {
  Bench holder(0);
  holder.row_there = false;
  holder.Run(seconds(60));
  CHECK(holder.election->Serving());
  CHECK_FALSE(holder.election->role().ready);

  Bench other(0, {4, Ranked()[1]});
  other.row_there = false;
  other.Turn(other.names[1], MemberState::kDead);
  other.Run(seconds(30));
  CHECK(other.Claims() == 0);
  other.row_there = true;
  other.Run(milliseconds(2100));
  CHECK(other.election->Serving());
}

TEST_CASE(
    "Election: a row that does not answer makes this node not ready, so that others go ahead") {
  Bench bench(0, {4, Ranked()[1]});
  bench.Run(milliseconds(9990));
  Wishes wishes;
  while (!wishes.row) {
    bench.now = bench.election->NextTick();
    wishes = bench.election->Tick(bench.now);
  }
  CHECK(bench.election->role().ready);
  while (bench.election->role().ready) {
    const Time due = bench.election->NextTick();
    REQUIRE(due <= bench.now + seconds(3));
    CHECK_FALSE(bench.election->Tick(due).row);
    if (due > bench.now + milliseconds(2100)) break;
  }
  CHECK_FALSE(bench.election->role().ready);
}

TEST_CASE("Election: a holder that hears of a higher term stops at once") {
  Bench bench(0);
  bench.row_there = false;
  bench.Say(bench.names[2], {.highest = {2, bench.names[1]}, .ready = true});
  bench.Tick();
  CHECK_FALSE(bench.election->Serving());
  CHECK(bench.election->role().highest == Tenure{2, bench.names[1]});
  CHECK(bench.remembered == Tenure{2, bench.names[1]});

  // And an older one is not believed again, whoever says so.
  bench.Say(bench.names[2], {.highest = {1, bench.self}, .ready = true});
  bench.row = {1, bench.self};
  bench.row_there = true;
  bench.Run(seconds(5));
  CHECK_FALSE(bench.election->Serving());
}

TEST_CASE("Election: the holder reads the row every second, the others every ten") {
  Bench holder(0);
  holder.asked.clear();
  holder.Run(seconds(60));
  CHECK(holder.asked.size() == 60);
  Bench other(1, {4, Ranked()[0]});
  other.asked.clear();
  other.Run(seconds(60));
  CHECK(other.asked.size() == 6);
}

TEST_CASE("Election: a holder that overslept serves again only when it has read the row") {
  Bench bench(0);
  bench.now += milliseconds(3900);
  Wishes wishes = bench.election->Tick(bench.now);
  CHECK(bench.election->Serving());
  bench.Carry(wishes);

  bench.now += milliseconds(4100);
  wishes = bench.election->Tick(bench.now);
  CHECK_FALSE(bench.election->Serving());
  REQUIRE(wishes.row);
  SECTION("and finds itself in it") {
    bench.Carry(wishes);
    CHECK(bench.election->Serving());
  }
  SECTION("and finds another in it") {
    bench.row = {2, bench.names[1]};
    bench.Carry(wishes);
    bench.Run(seconds(60));
    CHECK_FALSE(bench.election->Serving());
  }
}

TEST_CASE("Election: an answer from before the sleep proves nothing") {
  Bench bench(0);
  Wishes wishes;
  while (!wishes.row) {
    bench.now = bench.election->NextTick();
    wishes = bench.election->Tick(bench.now);
  }
  bench.now += seconds(10);
  wishes = bench.election->OnRow(bench.row, bench.now);
  CHECK_FALSE(bench.election->Serving());
  bench.Carry(wishes);
  CHECK(bench.election->Serving());
}

TEST_CASE(
    "Election: without the row, two seconds among others are enough to go on; alone, nothing") {
  Bench away(0, {7, Ranked()[0]}, {7, Ranked()[0]});
  CHECK(away.election->Serving());
  away.row_there = false;
  away.now += seconds(5);
  away.Tick();
  away.Run(seconds(30));
  CHECK_FALSE(away.election->Serving());
  for (int i = 0; i < 25; ++i) {
    CHECK_FALSE(away.election->Serving());
    away.election->NoteContact(away.now);
    away.Run(milliseconds(100));
    if (i * milliseconds(100) >= milliseconds(1900)) break;
  }
  away.election->NoteContact(away.now);
  away.Run(milliseconds(200));
  CHECK(away.election->Serving());
}

TEST_CASE("Election: what the disk remembers is not served before it is confirmed") {
  Bench bench(0);
  Directory directory;
  Election restarted(ElectionConfig{}, bench.self, bench.members, directory, {1, bench.self},
                     bench.now);
  const Wishes wishes = restarted.SetCapable(true, bench.now);
  CHECK_FALSE(restarted.Serving());
  CHECK(restarted.Unsure());
  CHECK(wishes.row == RowRequest{});
  (void)restarted.OnRow({1, bench.self}, bench.now);
  CHECK(restarted.Serving());
  CHECK_FALSE(restarted.Unsure());
}

TEST_CASE("Election: a holder that leaves hands over to the first in rank that is ready") {
  Bench bench(1);
  bench.row = {1, bench.self};
  bench.Run(seconds(15));
  REQUIRE(bench.election->Serving());
  bench.Say(bench.names[0], {.ready = false});
  CHECK_FALSE(bench.election->settled());
  bench.Carry(bench.election->Leave(bench.now));
  CHECK(bench.row == Tenure{2, bench.names[2]});
  CHECK_FALSE(bench.election->Serving());
  CHECK_FALSE(bench.election->role().ready);
  CHECK(bench.election->settled());
}

TEST_CASE("Election: who is handed the role serves as soon as it hears of that") {
  Bench bench(1, {1, Ranked()[0]});
  bench.row = {2, bench.self};
  bench.Say(bench.names[0], {.highest = {2, bench.self}, .ready = false});
  bench.Tick();
  CHECK(bench.election->Serving());
}

TEST_CASE("Election: a holder whose host cannot serve hands over, if anybody else can") {
  Bench bench(0);
  bench.Carry(bench.election->SetCapable(false, bench.now));
  bench.Run(milliseconds(4900));
  CHECK(bench.election->Serving());
  bench.Run(milliseconds(200));
  CHECK(bench.row == Tenure{2, bench.names[1]});

  Bench alone(0);
  for (std::size_t i = 1; i < 4; ++i) alone.Say(alone.names[i], {.ready = false});
  alone.Carry(alone.election->SetCapable(false, alone.now));
  alone.Run(seconds(60));
  CHECK(alone.election->Serving());
}

TEST_CASE("Election: a new holder greets the one it replaced, twice a second, while that is dead") {
  Bench bench(1, {4, Ranked()[0]});
  bench.Turn(bench.names[0], MemberState::kDead);
  bench.Run(milliseconds(2010));
  REQUIRE(bench.election->Serving());
  bench.greeted.clear();
  bench.Run(seconds(10));
  CHECK(bench.greeted.size() == 20);
  CHECK(bench.greeted[0] == bench.members[bench.names[0]].said.address);
  bench.Turn(bench.names[0], MemberState::kAlive);
  bench.greeted.clear();
  bench.Run(seconds(10));
  CHECK(bench.greeted.empty());
}

// A holder that was cut off and restarted there was known to nobody as one, and served beside its
// second successor until somebody tried it by chance.
TEST_CASE("Election: a holder greets all that are dead, the likeliest rivals first if many") {
  Bench bench(0);
  for (std::size_t i = 1; i < 4; ++i) bench.Turn(bench.names[i], MemberState::kDead);
  bench.greeted.clear();
  bench.Run(seconds(10));
  CHECK(bench.greeted.size() == 60);

  for (std::uint32_t i = 100; i < 200; ++i) {
    const NodeId name("x" + std::to_string(i));
    bench.members[name].said = {.name = name, .address = {.ip = i, .port = 1}};
    bench.members[name].said.state = MemberState::kDead;
  }
  bench.Say(NodeId("x177"), {.highest = {1, NodeId("x177")}, .ready = false});
  bench.greeted.clear();
  bench.Run(milliseconds(500));
  REQUIRE(bench.greeted.size() == 8);
  CHECK(bench.greeted[0].ip == 177);
  for (std::uint32_t i = 1; i < 4; ++i) CHECK(bench.greeted[i].ip == i);
}

TEST_CASE("Election: a row set back with its database is brought up to the terms that nodes know") {
  Bench bench(0);
  for (int i = 0; i < 4; ++i) {
    bench.row = {bench.row.term + 1, bench.names[1]};
    bench.Run(seconds(2));
    bench.Turn(bench.names[1], MemberState::kDead);
    bench.Run(seconds(3));
    bench.Turn(bench.names[1], MemberState::kAlive);
  }
  const std::uint64_t term = bench.election->known().term;
  REQUIRE(bench.election->Serving());
  REQUIRE(term > 3);
  bench.row = {};
  bench.Run(seconds(60));
  CHECK(bench.election->Serving());
  CHECK(bench.row == bench.election->known());
  CHECK(bench.row.term >= term);
}

}  // namespace
}  // namespace sf::gossip
