// SPDX-License-Identifier: Apache-2.0
#include "node/store/dump.h"

#include <algorithm>
#include <vector>

#include "node/store/schema.h"

namespace sf::store {
namespace {

constexpr std::size_t kRowsAtOnce = 100;
constexpr std::size_t kBytesAtOnce = 1 << 20;  // beyond which no row is added to a statement
// A node whose last heartbeat is older is not there any more: it has missed three.
constexpr int kNodeSilence = 30;

enum class Kind { kText, kInteger, kPrinted, kBytes };

struct Column {
  std::string name;
  Kind kind = Kind::kText;
};

struct Table {
  std::string name;
  std::vector<Column> columns;
  std::vector<std::size_t> key;  ///< which of them are its primary key
};

Kind KindOf(const std::string& type) {
  if (type.ends_with("int")) return Kind::kInteger;
  // As the server prints them when it is asked to: with all digits that it takes to be read back.
  if (type == "double" || type == "timestamp") return Kind::kPrinted;
  if (type.ends_with("binary") || type.ends_with("blob")) return Kind::kBytes;
  return Kind::kText;
}

std::string Quoted(const std::string& name) { return "`" + name + "`"; }

template <class Names, class Text>
std::string Joined(const Names& names, const Text& text) {
  std::string all;
  for (const auto& name : names) all += (all.empty() ? "" : ",") + text(name);
  return all;
}

Result<std::vector<std::string>> ReadTableNames(Session& session) {
  std::vector<std::string> names;
  for (const Row& row :
       TRY(session.Query("SELECT table_name FROM information_schema.tables"
                         " WHERE table_schema = DATABASE() ORDER BY table_name"))) {
    names.push_back(row.Text(0));
  }
  return names;
}

Result<Table> ReadTable(Session& session, const std::string& name) {
  Table table{name, {}, {}};
  for (const Row& row :
       TRY(session.Query("SELECT column_name, data_type FROM information_schema.columns"
                         " WHERE table_schema = DATABASE() AND table_name = ?"
                         " ORDER BY ordinal_position",
                         name))) {
    table.columns.push_back({row.Text(0), KindOf(row.Text(1))});
  }
  for (const Row& row :
       TRY(session.Query("SELECT column_name FROM information_schema.key_column_usage"
                         " WHERE table_schema = DATABASE() AND table_name = ?"
                         " AND constraint_name = 'PRIMARY' ORDER BY ordinal_position",
                         name))) {
    const auto found = std::ranges::find(table.columns, row.Text(0), &Column::name);
    table.key.push_back(static_cast<std::size_t>(found - table.columns.begin()));
  }
  if (table.key.empty()) return Fail(Code::kInternal, "table {} has no primary key", name);
  return table;
}

// ---- out -------------------------------------------------------------------------------------

Result<DumpHead> ReadHead(Session& session, const std::vector<std::string>& tables) {
  const auto there = [&](const char* table) { return std::ranges::count(tables, table) > 0; };
  DumpHead head;
  if (there("schema_version") && there("cluster")) {
    const auto rows = TRY(
        session.Query("SELECT MAX(version), (SELECT value FROM cluster WHERE name = 'id'),"
                      " DATE_FORMAT(UTC_TIMESTAMP(), '%Y-%m-%dT%H:%i:%sZ') FROM schema_version"));
    head = {static_cast<int>(rows.at(0).Integer(0)), rows[0].Text(1), rows[0].Text(2)};
  }
  if (head.cluster_id.empty()) return Fail(Code::kNotFound, "the database has no cluster");
  return head;
}

/// The next rows by the primary key, after those that end with `last`.
Result<std::vector<Row>> ReadRows(Session& session, const Table& table, const Row* last) {
  const auto shown = [](const Column& column) {
    if (column.kind == Kind::kPrinted) return "CAST(" + Quoted(column.name) + " AS CHAR)";
    if (column.kind == Kind::kBytes) return "HEX(" + Quoted(column.name) + ")";
    return Quoted(column.name);
  };
  const std::string key =
      Joined(table.key, [&](std::size_t i) { return Quoted(table.columns[i].name); });
  std::vector<Parameter> values;
  std::string after;
  if (last != nullptr) {
    for (const std::size_t i : table.key) {
      if (table.columns[i].kind == Kind::kInteger) {
        values.emplace_back(last->Integer(i));
      } else {
        values.emplace_back(last->Text(i));
      }
    }
    after = fmt::format("WHERE ({}) > ({})", key,
                        Joined(table.key, [](std::size_t) { return std::string("?"); }));
  }
  return session.QueryBound(
      fmt::format("SELECT {} FROM {} {} ORDER BY {} LIMIT {}", Joined(table.columns, shown),
                  Quoted(table.name), after, key, kRowsAtOnce),
      values);
}

Result<void> DumpTable(Session& session, const Table& table,
                       const std::function<Result<void>(const DumpPart&)>& take) {
  DumpPart columns = DumpPart::array();
  for (const Column& column : table.columns) columns.push_back(column.name);
  TRY(take({{"table", table.name}, {"columns", std::move(columns)}}));
  std::vector<Row> rows;
  do {
    rows = TRY(ReadRows(session, table, rows.empty() ? nullptr : &rows.back()));
    for (const Row& row : rows) {
      DumpPart values = DumpPart::array();
      for (std::size_t i = 0; i < table.columns.size(); ++i) {
        values.push_back(row.IsNull(i) ? DumpPart() : DumpPart(row.Text(i)));
      }
      TRY(take(values));
    }
  } while (rows.size() == kRowsAtOnce);
  return {};
}

// ---- in --------------------------------------------------------------------------------------

/// A daemon that finds tables without rows, or others than it knew, would close the difference.
Result<void> CheckUnused(Session& session, const std::vector<std::string>& tables) {
  const auto others = TRY(session.Query(
      "SELECT DISTINCT SUBSTRING_INDEX(host, ':', 1) FROM information_schema.processlist"
      " WHERE db = DATABASE() AND id <> CONNECTION_ID() ORDER BY 1"));
  if (!others.empty()) {
    return Fail(Code::kConflict,
                "the database is in use from {}: stop sf-node on all nodes, and whatever else is"
                " connected to it",
                Joined(others, [](const Row& row) { return row.Text(0); }));
  }
  if (std::ranges::count(tables, "nodes") == 0) return {};
  const auto alive =
      TRY(session.Query("SELECT name FROM nodes WHERE state IN ('created', 'stopping')"
                        " AND heartbeat > UNIX_TIMESTAMP(NOW(6)) - ? ORDER BY name",
                        kNodeSilence));
  if (alive.empty()) return {};
  return Fail(Code::kConflict,
              "these nodes were heard of within the last {} s: {}. Stop sf-node there; of one that"
              " has died, wait until that is over",
              kNodeSilence, Joined(alive, [](const Row& row) { return row.Text(0); }));
}

Result<void> DropTables(Session& session) {
  for (const std::string& name : TRY(ReadTableNames(session))) {
    TRY(session.ExecuteScript("DROP TABLE " + Quoted(name)));
  }
  return {};
}

/// Inserts rows into one table after the other, some at a time.
class Filler {
 public:
  explicit Filler(Session& session) : session_(session) {}

  Result<void> Take(DumpPart part) {
    if (part.is_object()) return Begin(part);
    for (const DumpPart& value : part) {
      if (value.is_null()) {
        values_.emplace_back(nullptr);
        continue;
      }
      bytes_ += value.get_ref<const std::string&>().size();
      values_.emplace_back(value.get<std::string>());
    }
    if (++rows_ < kRowsAtOnce && bytes_ < kBytesAtOnce) return {};
    return Flush();
  }

  Result<void> Flush() {
    if (rows_ == 0) return {};
    const std::vector<std::size_t> all(rows_);
    const std::string sql = insert_ + Joined(all, [this](std::size_t) { return row_; });
    TRY(session_.ExecuteBound(sql, values_));
    values_.clear();
    rows_ = bytes_ = 0;
    return {};
  }

 private:
  Result<void> Begin(const DumpPart& part) {
    TRY(Flush());
    const auto name = part.at("table").get<std::string>();
    const Table table = TRY(ReadTable(session_, name));
    std::vector<Column> columns;
    for (const auto& column : part.at("columns")) {
      const auto found =
          std::ranges::find(table.columns, column.get_ref<const std::string&>(), &Column::name);
      if (found == table.columns.end()) {
        return Fail(Code::kCorrupt, "table {} has no column {}", name, column.dump());
      }
      columns.push_back(*found);
    }
    // What the schema itself has put there.
    TRY(session_.ExecuteScript("DELETE FROM " + Quoted(name)));
    insert_ =
        fmt::format("INSERT INTO {} ({}) VALUES ", Quoted(name),
                    Joined(columns, [](const Column& column) { return Quoted(column.name); }));
    row_ = "(" +
           Joined(columns,
                  [](const Column& column) {
                    return std::string(column.kind == Kind::kBytes ? "UNHEX(?)" : "?");
                  }) +
           ")";
    return {};
  }

  Session& session_;
  std::string insert_;
  std::string row_;
  std::vector<Parameter> values_;
  std::size_t rows_ = 0;
  std::size_t bytes_ = 0;
};

Result<void> Fill(Session& session, int schema, const DumpSource& next) {
  TRY(MakeTables(session, schema));
  TRY(session.ExecuteScript("START TRANSACTION"));
  Filler filler(session);
  for (auto part = TRY(next()); part; part = TRY(next())) TRY(filler.Take(*std::move(part)));
  TRY(filler.Flush());
  return session.ExecuteScript("COMMIT");
}

}  // namespace

Result<void> Dump(Database& database, const std::function<Result<void>(const DumpHead&)>& begin,
                  const std::function<Result<void>(const DumpPart&)>& take) {
  // A migration that had to wait for tables that are being read would be given up half way.
  return WithSchemaLocked<void>(database, [&](Session& session) -> Result<void> {
    // Whoever takes the parts may be slow.
    TRY(session.ExecuteScript(
        "SET SESSION wait_timeout = 3600 /*M!100300 , idle_transaction_timeout = 3600 */"));
    TRY(session.ExecuteScript("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ"));
    TRY(session.ExecuteScript("START TRANSACTION WITH CONSISTENT SNAPSHOT"));
    const auto names = TRY(ReadTableNames(session));
    TRY(begin(TRY(ReadHead(session, names))));
    for (const std::string& name : names) {
      TRY(DumpTable(session, TRY(ReadTable(session, name)), take));
    }
    return session.ExecuteScript("ROLLBACK");
  });
}

Result<void> Load(Database& database, int schema, bool drop_tables, const DumpSource& next) {
  return WithSchemaLocked<void>(database, [&](Session& session) -> Result<void> {
    const auto tables = TRY(ReadTableNames(session));
    TRY(CheckUnused(session, tables));
    if (!tables.empty() && !drop_tables) {
      return Fail(
          Code::kConflict,
          "the database is not empty: it has {} tables. Name an empty one in SQL_URL, or add"
          " --replace to have all of them dropped",
          tables.size());
    }
    TRY(DropTables(session));
    const auto filled = Fill(session, schema, next);
    if (filled) return {};
    (void)session.ExecuteScript("ROLLBACK");
    (void)DropTables(session);
    return filled;
  });
}

}  // namespace sf::store
