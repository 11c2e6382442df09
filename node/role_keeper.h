// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <map>

#include "gossip/election.h"
#include "node/base/event_loop.h"
#include "node/base/worker_pool.h"
#include "node/store/store.h"

namespace sf {

/// Runs this node's Election: carries its questions to the row in the database, what it learned to
/// the disk, and time to it.
///
/// Thread: loop; the database and the disk are asked on a worker.
class RoleKeeper {
 public:
  struct Outside {
    std::function<void(const gossip::Address&)> greet;
    std::function<void()> on_change;  ///< role() or Serving()
  };

  RoleKeeper(EventLoop& loop, WorkerPool& workers, store::Store& store, NodeId self,
             const gossip::Members& members, const gossip::Directory& directory,
             std::filesystem::path memory, Outside outside);

  /// The members or what they say have changed.
  void Wake() { Carry(election_.Tick(Now())); }
  void SetCapable(bool capable) { Carry(election_.SetCapable(capable, Now())); }
  void NoteContact() { election_.NoteContact(Now()); }
  /// Hands the role over if it is this node's; `done` is called when nothing is left to do.
  void Leave(std::function<void()> done);

  bool Serving() const { return election_.Serving(); }
  bool Unsure() const { return election_.Unsure(); }
  gossip::Role role() const { return election_.role(); }

 private:
  static gossip::Time Now();

  void Carry(const gossip::Wishes& wishes);
  void AskRow(const gossip::RowRequest& request);
  Result<gossip::Tenure> Ask(const gossip::RowRequest& request, bool serving) const;  // worker
  void OnAnswer(const Result<gossip::Tenure>& row);

  WorkerPool& workers_;
  EventLoop& loop_;
  store::Store& store_;
  const NodeId self_;
  const std::filesystem::path memory_;
  const Outside outside_;
  gossip::Election election_;
  gossip::Role told_;
  bool served_ = false;
  std::function<void()> on_left_;
  EventLoop::Alarm alarm_;
};

/// What was remembered of the role at the last start; nothing if that cannot be read.
gossip::Tenure ReadRoleMemory(const std::filesystem::path& path);
Result<void> WriteRoleMemory(const std::filesystem::path& path, const gossip::Tenure& tenure);

}  // namespace sf
