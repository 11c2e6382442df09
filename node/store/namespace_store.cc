// SPDX-License-Identifier: Apache-2.0
#include "node/store/namespace_store.h"

#include <algorithm>

#include "node/store/artifact_store.h"
#include "node/store/metadata.h"

namespace sf::store {
namespace {

using nlohmann::json;

// Names are joined by a byte that no name may hold.
constexpr std::string_view kSelect =
    "SELECT n.name, n.state, n.metadata, n.version,"
    " GROUP_CONCAT(k.name ORDER BY k.name SEPARATOR ' '),"
    " (SELECT GROUP_CONCAT(t.trusted ORDER BY t.trusted SEPARATOR ' ')"
    " FROM namespace_trust t WHERE t.namespace = n.name)"
    " FROM namespaces n LEFT JOIN namespace_keys k ON k.namespace = n.name";

/// Seconds. Who waits for the end of one reads in them that it is there; an ansible task that comes
/// later has to be told that there is none, or it takes it for a live one.
constexpr double kDeletedIsShown = 10;

template <class Name>
std::vector<Name> SplitNames(const std::string& joined) {
  std::vector<Name> names;
  for (std::size_t at = 0; at < joined.size();) {
    const std::size_t end = std::min(joined.find(' ', at), joined.size());
    names.emplace_back(joined.substr(at, end - at));
    at = end + 1;
  }
  return names;
}

Namespace ToNamespace(const Row& row) {
  Namespace space;
  space.name = NamespaceId(row.Text(0));
  space.state = row.Text(1);
  space.metadata = json::parse(row.Text(2), nullptr, /*allow_exceptions=*/false);
  space.version = row.Integer(3);
  space.key_names = SplitNames<std::string>(row.Text(4));
  space.trusted = SplitNames<NamespaceId>(row.Text(5));
  return space;
}

Result<void> InsertKey(Session& session, const NamespaceId& name, const NamespaceKey& key) {
  TRY(
      session.Execute("REPLACE INTO namespace_keys (namespace, name, hash, nonce)"
                      " VALUES (?, ?, ?, ?)",
                      name, key.name, key.hash, key.nonce));
  return {};
}

/// Its row changes with its keys and its trust: that is how other nodes come to know.
Result<void> NoteChange(Session& session, const NamespaceId& name) {
  TRY(session.Execute("UPDATE namespaces SET version = version + 1 WHERE name = ?", name));
  return {};
}

/// Takes the row's lock, so that no key is added to a namespace while it is deleted.
Result<void> LockLive(Session& session, const NamespaceId& name) {
  const auto rows = TRY(session.Query(
      "SELECT 1 FROM namespaces WHERE name = ? AND state = 'created' FOR UPDATE", name));
  if (rows.empty()) return Fail(Code::kNotFound, "namespace {:.63} not found", name);
  return {};
}

/// Whoever takes the name later is not who was trusted, and has trusted nobody.
Result<void> EndAllTrust(Session& session, const NamespaceId& name) {
  for (const Row& row : TRY(session.Query(
           "SELECT namespace FROM namespace_trust WHERE trusted = ? ORDER BY namespace", name))) {
    TRY(NoteChange(session, NamespaceId(row.Text(0))));
  }
  TRY(session.Execute("DELETE FROM namespace_trust WHERE namespace = ? OR trusted = ?", name,
                      name));
  return {};
}

}  // namespace

Result<void> NamespaceStore::Create(const NamespaceId& name,
                                    const std::optional<NamespaceKey>& key) {
  return database_.Transaction<void>([&](Session& session) -> Result<void> {
    TRY(session.Execute("DELETE FROM namespaces WHERE name = ? AND state = 'deleted'", name));
    const auto inserted = session.Execute(
        "INSERT INTO namespaces (name, state, metadata, updated_at)"
        " VALUES (?, 'created', '{}', UNIX_TIMESTAMP(NOW(6)))",
        name);
    if (!inserted && inserted.error().code == Code::kConflict) {
      return Fail(Code::kConflict, "namespace {} exists already", name);
    }
    if (!inserted) return tl::unexpected(inserted.error());
    if (key) TRY(InsertKey(session, name, *key));
    return {};
  });
}

Result<Namespace> NamespaceStore::Find(const NamespaceId& name) const {
  static const std::string kSql =
      std::string(kSelect) +
      " WHERE n.name = ? AND (n.state = 'created' OR n.updated_at > UNIX_TIMESTAMP(NOW(6)) - ?)"
      " GROUP BY n.name";
  const auto rows = TRY(database_.Query(kSql, name, kDeletedIsShown));
  if (rows.empty()) return Fail(Code::kNotFound, "namespace {} not found", name);
  return ToNamespace(rows.front());
}

Result<std::vector<Namespace>> NamespaceStore::List(const std::vector<NamespaceId>& among) const {
  std::vector<Parameter> values;
  std::string where = " WHERE n.state = 'created'";
  if (!among.empty()) where += " AND " + AnyOf("n.name", among, values);
  const auto rows = TRY(database_.OnOneConnection<std::vector<Row>>([&](Session& session) {
    return session.QueryBound(std::string(kSelect) + where + " GROUP BY n.name ORDER BY n.name",
                              values);
  }));
  std::vector<Namespace> spaces;
  spaces.reserve(rows.size());
  for (const Row& row : rows) spaces.push_back(ToNamespace(row));
  return spaces;
}

Result<void> NamespaceStore::Delete(const NamespaceId& name) {
  return database_.Transaction<void>([&](Session& session) -> Result<void> {
    TRY(LockLive(session, name));
    const auto live = TRY(session.Query(
        "SELECT COUNT(*) FROM instances WHERE namespace = ? AND state NOT IN ('deleted', 'error')",
        name));
    if (const auto count = live.at(0).Integer(0); count > 0) {
      return Fail(Code::kConflict, "namespace {} still has {} instances", name, count);
    }
    const auto networks = TRY(session.Query(
        "SELECT COUNT(*) FROM networks WHERE namespace = ? AND state <> 'deleted'", name));
    if (const auto count = networks.at(0).Integer(0); count > 0) {
      return Fail(Code::kConflict, "namespace {} still has {} networks", name, count);
    }
    TRY(session.Execute("DELETE FROM namespace_keys WHERE namespace = ?", name));
    TRY(EndAllTrust(session, name));
    // What is left has failed; nobody could ask for its removal any more.
    TRY(
        session.Execute("UPDATE instances SET state = 'delete-wait', version = version + 1,"
                        " updated_at = UNIX_TIMESTAMP(NOW(6))"
                        " WHERE namespace = ? AND state = 'error'",
                        name));
    for (const Row& row : TRY(session.Query(
             "SELECT uuid FROM artifacts WHERE namespace = ? AND live = 1 ORDER BY uuid", name))) {
      TRY(DeleteArtifact(session, ArtifactId(row.Text(0))));
    }
    TRY(
        session.Execute("UPDATE namespaces SET state = 'deleted', version = version + 1,"
                        " updated_at = UNIX_TIMESTAMP(NOW(6)) WHERE name = ?",
                        name));
    return {};
  });
}

Result<void> NamespaceStore::PutKey(const NamespaceId& name, const NamespaceKey& key) {
  return database_.Transaction<void>([&](Session& session) -> Result<void> {
    TRY(LockLive(session, name));
    TRY(InsertKey(session, name, key));
    return NoteChange(session, name);
  });
}

Result<void> NamespaceStore::DeleteKey(const NamespaceId& name, const std::string& key) {
  return database_.Transaction<void>([&](Session& session) -> Result<void> {
    const auto deleted = TRY(
        session.Execute("DELETE FROM namespace_keys WHERE namespace = ? AND name = ?", name, key));
    if (deleted == 0) return Fail(Code::kNotFound, "key {} of namespace {} not found", key, name);
    return NoteChange(session, name);
  });
}

Result<std::vector<NamespaceKey>> NamespaceStore::Keys(const NamespaceId& name) const {
  const auto rows =
      TRY(database_.Query("SELECT k.name, k.hash, k.nonce FROM namespaces n"
                          " LEFT JOIN namespace_keys k ON k.namespace = n.name"
                          " WHERE n.name = ? AND n.state = 'created' ORDER BY k.name",
                          name));
  if (rows.empty()) return Fail(Code::kNotFound, "namespace {} not found", name);
  std::vector<NamespaceKey> keys;
  for (const Row& row : rows) {
    if (!row.IsNull(0)) keys.push_back({row.Text(0), row.Text(1), row.Text(2)});
  }
  return keys;
}

// Both rows are locked, so that neither namespace is deleted and made anew meanwhile.
Result<void> NamespaceStore::Trust(const NamespaceId& name, const NamespaceId& other) {
  return database_.Transaction<void>([&](Session& session) -> Result<void> {
    TRY(LockLive(session, std::min(name, other)));
    TRY(LockLive(session, std::max(name, other)));
    const auto known = TRY(session.Query(
        "SELECT 1 FROM namespace_trust WHERE namespace = ? AND trusted = ?", name, other));
    if (!known.empty()) return {};
    TRY(session.Execute("INSERT INTO namespace_trust (namespace, trusted) VALUES (?, ?)", name,
                        other));
    return NoteChange(session, name);
  });
}

Result<void> NamespaceStore::EndTrust(const NamespaceId& name, const NamespaceId& other) {
  return database_.Transaction<void>([&](Session& session) -> Result<void> {
    TRY(LockLive(session, name));
    const auto ended = TRY(session.Execute(
        "DELETE FROM namespace_trust WHERE namespace = ? AND trusted = ?", name, other));
    if (ended == 0) {
      return Fail(Code::kNotFound, "namespace {:.63} not found among those that {} trusts", other,
                  name);
    }
    return NoteChange(session, name);
  });
}

Result<std::map<NamespaceId, std::set<NamespaceId>>> NamespaceStore::TrustedBy() const {
  std::map<NamespaceId, std::set<NamespaceId>> trusted_by;
  for (const Row& row : TRY(database_.Query("SELECT trusted, namespace FROM namespace_trust"))) {
    trusted_by[NamespaceId(row.Text(0))].emplace(row.Text(1));
  }
  return trusted_by;
}

Result<void> NamespaceStore::SetMetadata(const NamespaceId& name, const std::string& key,
                                         const std::optional<json>& value) {
  return UpdateMetadata(database_, {"namespaces", "name", "namespace"}, name.value, key, value);
}

Result<std::int64_t> NamespaceStore::Reap(double age_s) {
  return database_.Execute(
      "DELETE FROM namespaces WHERE state = 'deleted' AND updated_at < UNIX_TIMESTAMP(NOW(6)) - ?",
      age_s);
}

}  // namespace sf::store
