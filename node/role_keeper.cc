// SPDX-License-Identifier: Apache-2.0
#include "node/role_keeper.h"

#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>

#include "node/base/log.h"
#include "node/private_file.h"

namespace sf {

using gossip::RowRequest;
using gossip::Tenure;
using nlohmann::json;

RoleKeeper::RoleKeeper(EventLoop& loop, WorkerPool& workers, store::Store& store, NodeId self,
                       const gossip::Members& members, const gossip::Directory& directory,
                       std::filesystem::path memory, Outside outside)
    : workers_(workers),
      loop_(loop),
      store_(store),
      self_(self),
      memory_(std::move(memory)),
      outside_(std::move(outside)),
      election_({}, std::move(self), members, directory, ReadRoleMemory(memory_), Now()),
      told_(election_.role()),
      alarm_(loop, [this] { Wake(); }) {
  alarm_.Set(election_.NextTick());
}

gossip::Time RoleKeeper::Now() {
  return std::chrono::time_point_cast<gossip::Duration>(std::chrono::steady_clock::now());
}

void RoleKeeper::Leave(std::function<void()> done) {
  on_left_ = std::move(done);
  Carry(election_.Leave(Now()));
}

void RoleKeeper::Carry(const gossip::Wishes& wishes) {
  alarm_.Set(election_.NextTick());
  for (const gossip::Address& address : wishes.greet) outside_.greet(address);
  if (wishes.remember) {
    const bool taken = workers_.Submit("role memory", [this, tenure = *wishes.remember] {
      if (const auto done = WriteRoleMemory(memory_, tenure); !done) {
        log::Warn("the role's term is not on the disk error={}", done.error().message);
      }
    });
    if (!taken) log::Warn("the role's term is not on the disk: too many jobs wait");
  }
  if (wishes.row) AskRow(*wishes.row);

  const bool serving = election_.Serving();
  const bool turned = serving != std::exchange(served_, serving);
  if (turned) {
    log::Info("{} network services term={}", serving ? "serving" : "no longer serving",
              election_.known().term);
  }
  const gossip::Role role = election_.role();
  if (role.highest != told_.highest) {
    log::Info("network services belong to node={} term={}", role.highest.holder, role.highest.term);
  }
  if (std::exchange(told_, role) != role || turned) outside_.on_change();
  if (on_left_ && election_.settled()) std::exchange(on_left_, nullptr)();
}

void RoleKeeper::AskRow(const RowRequest& request) {
  const bool taken = workers_.Submit("role", [this, request, serving = election_.Serving()] {
    loop_.Post([this, row = Ask(request, serving)] { OnAnswer(row); });
  });
  if (!taken) loop_.Post([this] { Carry(election_.OnRowAway(Now())); });
}

void RoleKeeper::OnAnswer(const Result<Tenure>& row) {
  Carry(row ? election_.OnRow(*row, Now()) : election_.OnRowAway(Now()));
}

Result<Tenure> RoleKeeper::Ask(const RowRequest& request, bool serving) const {
  Result<void> moved;
  if (request.kind == RowRequest::Kind::kClaim) {
    moved = store_.role.Claim(self_, request.term);
  } else if (request.kind == RowRequest::Kind::kHandOver) {
    moved = store_.role.HandOver(self_, request.to, request.term);
  }
  // Somebody else was sooner, or the holder lives: what the row says now is the answer.
  if (!moved && moved.error().code != Code::kConflict) return tl::unexpected(moved.error());
  if (serving) TRY(store_.nodes.Beat(self_));
  const store::RoleStore::Row row = TRY(store_.role.Read());
  return Tenure{row.term, row.holder};
}

Tenure ReadRoleMemory(const std::filesystem::path& path) {
  const auto text = ReadPrivateFile(path);
  if (!text) return {};
  const json memory = json::parse(*text, nullptr, false);
  if (!memory.is_object() || !memory.contains("term") || !memory.contains("holder") ||
      !memory["term"].is_number_unsigned() || !memory["holder"].is_string()) {
    log::Warn("what was remembered of the role cannot be read file={}", path.string());
    return {};
  }
  return {memory["term"].get<std::uint64_t>(), NodeId(memory["holder"].get<std::string>())};
}

Result<void> WriteRoleMemory(const std::filesystem::path& path, const Tenure& tenure) {
  return WritePrivateFile(
      path, json{{"term", tenure.term}, {"holder", tenure.holder.value}}.dump() + "\n");
}

}  // namespace sf
