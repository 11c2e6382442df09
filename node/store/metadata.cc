// SPDX-License-Identifier: Apache-2.0
#include "node/store/metadata.h"

namespace sf::store {
namespace {

// One object's metadata is small by intent: it is sent with every listing.
constexpr std::size_t kMaxMetadataBytes = std::size_t{1} << 20;

}  // namespace

using nlohmann::json;

Result<void> UpdateMetadata(Database& database, const MetadataTable& where,
                            const std::string& object, const std::string& key,
                            const std::optional<json>& value) {
  const std::string select =
      fmt::format("SELECT metadata FROM {} WHERE {} = ? FOR UPDATE", where.table, where.key_column);
  const std::string update =
      fmt::format("UPDATE {} SET metadata = ?, version = version + 1 WHERE {} = ?", where.table,
                  where.key_column);
  return database.Transaction<void>([&](Session& session) -> Result<void> {
    const auto rows = TRY(session.Query(select, object));
    if (rows.empty()) return Fail(Code::kNotFound, "{} {} not found", where.noun, object);
    json metadata = json::parse(rows.front().Text(0), nullptr, /*allow_exceptions=*/false);
    if (!metadata.is_object()) {
      return Fail(Code::kInternal, "the metadata of {} {} is damaged", where.noun, object);
    }
    if (value) {
      metadata[key] = *value;
    } else {
      metadata.erase(key);
    }
    const std::string text = metadata.dump();
    if (text.size() > kMaxMetadataBytes) {
      return Fail(Code::kInvalid, "the metadata of {} {} would take {} bytes; {} are allowed",
                  where.noun, object, text.size(), kMaxMetadataBytes);
    }
    TRY(session.Execute(update, text, object));
    return {};
  });
}

}  // namespace sf::store
