// SPDX-License-Identifier: Apache-2.0
#include "node/reconcile/lost_nodes.h"

#include <catch2/catch.hpp>

namespace sf::reconcile {

using gossip::MemberState;

TEST_CASE("FindLost: who is dead to gossip and silent in the database, and has not stopped") {
  struct Example {
    std::string row;
    double silent_for;
    std::optional<MemberState> member;
    bool lost;
    int up = 500;
  };
  const auto example = GENERATE(values<Example>({
      {"created", 121, MemberState::kDead, true},
      {"created", 121, std::nullopt, true},         // gossip has forgotten it
      {"created", 9999, std::nullopt, false, 120},  // or it starts more slowly than this node
      {"stopping", 121, MemberState::kDead, true},
      {"created", 120, MemberState::kDead, false},  // not yet
      {"created", 5, MemberState::kDead, false},    // cut off from gossip alone
      {"created", 9999, MemberState::kAlive, false},
      {"created", 9999, MemberState::kUnreachable, false},  // in a moment
      {"created", 9999, MemberState::kLeft, false},  // its goodbye came, its row was not told
      {"stopped", 9999, MemberState::kDead, false},
      {"stopped", 9999, std::nullopt, false},
  }));
  NodeRecord row;
  row.name = NodeId("n1");
  row.state = example.row;
  row.silent_for = example.silent_for;
  ClusterView view;
  if (example.member) {
    view.members.emplace_back();
    view.members.back().name = row.name;
    view.members.back().state = *example.member;
  }
  CAPTURE(example.row, example.silent_for);
  const Watch watch = {.grace = std::chrono::seconds(120),
                       .since_start = std::chrono::seconds(example.up)};
  CHECK(FindLost(view, {row}, watch).size() == (example.lost ? 1 : 0));
}

}  // namespace sf::reconcile
