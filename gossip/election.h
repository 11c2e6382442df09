// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "gossip/advert.h"
#include "gossip/directory.h"
#include "gossip/election_config.h"
#include "gossip/members.h"

namespace sf::gossip {

/// What an Election asks of the row that decides who serves. Answered by exactly one of OnRow (the
/// row as it is afterwards, however the request went) and OnRowAway.
struct RowRequest {
  enum class Kind : std::uint8_t { kRead, kClaim, kHandOver };
  Kind kind = Kind::kRead;
  std::uint64_t term = 0;  ///< of kClaim and kHandOver: only if the row is still in this one
  NodeId to = {};          ///< of kHandOver
  bool operator==(const RowRequest&) const = default;
};

/// What the caller is to carry out after each call.
struct Wishes {
  std::optional<RowRequest> row;   ///< never a second one while one is unanswered
  std::optional<Tenure> remember;  ///< on disk, for the next start
  std::vector<Address> greet;      ///< see Gossip::Greet
};

/// Who serves the networks: one node's part in it. A row in the database decides, by
/// compare-and-set on its term; gossip says when to ask, and who it was decided to be. No votes are
/// counted.
///
/// A node asks for the row only if its holder has been dead or gone for a while in its own view and
/// it ranks first among the living that could serve. A holder goes on without the database, since
/// nobody can replace it then; it stops at once when it hears of a higher term.
///
/// Pure, like Gossip: see there. Reads the members and the directory that it was given, so call
/// Tick() when these have changed, too. After each call: carry out the wishes, put role() into this
/// node's advert, and compare Serving() with what runs.
///
/// Thread: loop. Invariant: known() never goes back to a lower term.
class Election {
 public:
  /// `remembered` is what was last remembered on disk, or nothing.
  Election(ElectionConfig config, NodeId self, const Members& members, const Directory& directory,
           Tenure remembered, Time now);
  Election(const Election&) = delete;
  Election& operator=(const Election&) = delete;

  [[nodiscard]] Wishes Tick(Time now);
  /// Whether this host could serve: Docker answers, the mesh NIC is up. False at first.
  [[nodiscard]] Wishes SetCapable(bool capable, Time now);
  [[nodiscard]] Wishes OnRow(const Tenure& row, Time now);
  /// The database could not be reached, or did not answer in time.
  [[nodiscard]] Wishes OnRowAway(Time now);
  /// A datagram came from a member: this node is not cut off.
  void NoteContact(Time now);
  /// Hands the row over, if it is this node's. Go on as before until settled(), or as long as there
  /// is time; stop the services, then leave the cluster.
  [[nodiscard]] Wishes Leave(Time now);
  /// Leaving, and there is nothing left to hand over or nobody to take it.
  bool settled() const;

  /// When Tick() is next due. May move earlier after any call above, so re-read it each time.
  Time NextTick() const { return next_tick_; }
  /// Whether this node is to serve the networks now. While it is, it writes its heartbeat into the
  /// node table with each read of the row.
  bool Serving() const;
  /// Not serving, but perhaps it should be: it restarted or overslept, and has not read the row
  /// yet. Services that still run are then left to themselves, so that a restart does not stop
  /// them.
  bool Unsure() const;
  /// The highest that this node knows of.
  const Tenure& known() const { return known_; }
  /// What this node's advert is to say.
  Role role() const { return {known_, Ready()}; }

 private:
  enum class Row : std::uint8_t { kUnknown, kAnswers, kAway };

  bool Ready() const { return capable_ && row_state_ == Row::kAnswers && !leaving_; }
  bool Holds() const { return known_.holder == self_; }
  void Wake(Time now);
  void Doubt(Time now);
  bool Learn(const Tenure& tenure, Time now);
  Wishes Finish(Time now);
  void ConfirmByContact(Time now);

  std::optional<RowRequest> NextRequest(Time now);
  Time ReadDue() const;
  Time ClaimDue() const;
  Time HandOverDue() const;
  Time HolderGoneSince() const;
  bool FirstInRank() const;
  std::optional<NodeId> Successor() const;
  bool CouldServe(const Member& member) const;
  std::vector<Address> WhomToGreet() const;
  void PlanNextTick(Time now);

  const ElectionConfig config_;
  const NodeId self_;
  const Members& members_;
  const Directory& directory_;

  Tenure known_;
  Time known_since_;
  Tenure remembered_;
  NodeId previous_holder_;
  bool capable_ = false;
  Time capable_since_;  // or incapable
  bool leaving_ = false;

  // Whether what this node knows of its own tenure is still worth something: see Doubt().
  bool confirmed_ = false;
  Time doubted_;
  Time contact_began_ = Time::max();
  Time last_contact_ = Time::min();

  Tenure row_;  // as last read
  Row row_state_ = Row::kUnknown;
  std::optional<Time> asked_;  // if a request is unanswered
  Time last_read_ = Time::min();
  Time next_claim_ = Time::min();
  Time next_greeting_ = Time::min();
  Time last_call_;
  Time next_tick_;
};

/// The same on every node: the lower, the sooner it serves.
std::uint64_t RankOf(const NodeId& node);

}  // namespace sf::gossip
