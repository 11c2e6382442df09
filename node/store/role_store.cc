// SPDX-License-Identifier: Apache-2.0
#include "node/store/role_store.h"

namespace sf::store {
Result<RoleStore::Row> RoleStore::Read() const {
  const auto rows =
      TRY(database_.Query("SELECT r.holder, r.term, n.name IS NOT NULL,"
                          " COALESCE(UNIX_TIMESTAMP(NOW(6)) - n.heartbeat, 0)"
                          " FROM roles r LEFT JOIN nodes n ON n.name = r.holder WHERE r.role = ?",
                          kRole));
  if (rows.empty()) return Fail(Code::kNotFound, "role {} has no row", kRole);
  const store::Row& row = rows.front();
  Row read = {.holder = NodeId(row.Text(0)), .term = static_cast<std::uint64_t>(row.Integer(1))};
  if (row.Integer(2) != 0) read.heartbeat_age = row.Real(3);
  return read;
}

// A heartbeat ahead of the clock is no sign of life: the clock was set back after it.
Result<void> RoleStore::Claim(const NodeId& self, std::uint64_t term) {
  const auto claimed = TRY(database_.Execute(
      "UPDATE roles SET holder = ?, term = term + 1, changed_at = UNIX_TIMESTAMP(NOW(6))"
      " WHERE role = ? AND term = ? AND (holder IN ('', ?) OR NOT EXISTS ("
      "SELECT 1 FROM nodes WHERE name = roles.holder AND state NOT IN ('stopped', 'deleted')"
      " AND heartbeat BETWEEN UNIX_TIMESTAMP(NOW(6)) - ? AND UNIX_TIMESTAMP(NOW(6)) + ?))",
      self, kRole, term, self, kHolderSilence, kHolderSilence));
  if (claimed == 0) {
    return Fail(Code::kConflict, "role {} has moved on from term {}, or its holder lives", kRole,
                term);
  }
  return {};
}

Result<void> RoleStore::HandOver(const NodeId& self, const NodeId& to, std::uint64_t term) {
  const auto moved = TRY(database_.Execute(
      "UPDATE roles SET holder = ?, term = term + 1, changed_at = UNIX_TIMESTAMP(NOW(6))"
      " WHERE role = ? AND term = ? AND holder = ?",
      to, kRole, term, self));
  if (moved == 0) {
    return Fail(Code::kConflict, "role {} is no longer held by {} in term {}", kRole, self, term);
  }
  return {};
}

}  // namespace sf::store
