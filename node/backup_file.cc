// SPDX-License-Identifier: Apache-2.0
#include "node/backup_file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace sf {
namespace {

using nlohmann::json;

constexpr std::string_view kFormat = "shakenfist backup";
constexpr int kVersion = 1;
// A row is what one request may hold, or one agent may answer, written as JSON.
constexpr std::size_t kMaxLine = 64 << 20;
constexpr std::size_t kMaxName = 64;

std::string Sum(crypto_hash_sha256_state sum) {
  std::array<unsigned char, crypto_hash_sha256_BYTES> digest;
  crypto_hash_sha256_final(&sum, digest.data());
  std::array<char, 2 * crypto_hash_sha256_BYTES + 1> text;
  return sodium_bin2hex(text.data(), text.size(), digest.data(), digest.size());
}

void Update(crypto_hash_sha256_state& sum, const std::string& line) {
  crypto_hash_sha256_update(&sum, reinterpret_cast<const unsigned char*>(line.data()), line.size());
}

tl::unexpected<Error> Broken(std::uint64_t line, std::string_view what) {
  return Fail(Code::kCorrupt, "the backup is broken: line {}: {}", line, what);
}

std::string TextAt(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

bool IsName(const json& name) {
  if (!name.is_string()) return false;
  const auto& text = name.get_ref<const std::string&>();
  return !text.empty() && text.size() <= kMaxName &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos;
}

bool IsTable(const json& part) {
  const auto columns = part.find("columns");
  return part.contains("table") && IsName(part["table"]) && columns != part.end() &&
         columns->is_array() && !columns->empty() &&
         std::all_of(columns->begin(), columns->end(), IsName);
}

}  // namespace

// ---- written ---------------------------------------------------------------------------------

BackupWriter::BackupWriter(std::FILE* file) : file_(file) { crypto_hash_sha256_init(&sum_); }

Result<void> BackupWriter::Begin(const BackupHead& head) {
  return Write({{"format", kFormat},
                {"version", kVersion},
                {"schema", head.schema},
                {"cluster", head.cluster_id},
                {"release", head.release},
                {"taken_at", head.taken_at}});
}

Result<void> BackupWriter::Add(const json& part) { return Write(part); }

Result<void> BackupWriter::End() {
  TRY(Write({{"lines", lines_}, {"sha256", Sum(sum_)}}));
  if (std::fflush(file_) != 0) {
    return Fail(Code::kInternal, "cannot write the backup: {}", std::strerror(errno));
  }
  return {};
}

Result<void> BackupWriter::Write(const json& line) {
  std::string text;
  try {
    text = line.dump() + "\n";
  } catch (const json::exception& e) {
    return Fail(Code::kInternal, "a row cannot be written down: {}", e.what());
  }
  Update(sum_, text);
  ++lines_;
  if (std::fwrite(text.data(), 1, text.size(), file_) == text.size()) return {};
  return Fail(Code::kInternal, "cannot write the backup: {}", std::strerror(errno));
}

// ---- read ------------------------------------------------------------------------------------

BackupReader::BackupReader(std::FILE* file) : file_(file) { crypto_hash_sha256_init(&sum_); }

Result<BackupHead> BackupReader::Begin() {
  const auto head = ReadLine();
  if (!head || TextAt(*head, "format") != kFormat) {
    return Fail(Code::kCorrupt, "this is no backup of Shaken Fist");
  }
  if (head->value("version", json()) != kVersion) {
    return Fail(Code::kCorrupt, "the backup's format has version {}, and this sf-node knows {}",
                head->value("version", json()).dump(), kVersion);
  }
  const json schema = head->value("schema", json());
  if (!schema.is_number_integer() || TextAt(*head, "cluster").empty()) {
    return Broken(1, "it has no schema or no cluster");
  }
  Update(sum_, line_);
  return BackupHead{schema.get<int>(), TextAt(*head, "cluster"), TextAt(*head, "release"),
                    TextAt(*head, "taken_at")};
}

Result<std::optional<json>> BackupReader::Next() {
  json part = TRY(ReadLine());
  if (part.is_object() && part.contains("sha256")) {
    TRY(CheckEnd(part));
    return std::nullopt;
  }
  if (part.is_object()) {
    if (!IsTable(part)) return Broken(lines_, "this is no table");
    columns_ = part["columns"].size();
  } else {
    const auto is_value = [](const json& value) { return value.is_null() || value.is_string(); };
    if (!part.is_array() || part.size() != columns_ ||
        !std::all_of(part.begin(), part.end(), is_value)) {
      return Broken(lines_, "this is no row of its table");
    }
  }
  Update(sum_, line_);
  return std::optional<json>(std::move(part));
}

Result<json> BackupReader::ReadLine() {
  ++lines_;
  line_.clear();
  std::array<char, 1 << 16> piece;
  while (!line_.ends_with('\n') && line_.size() <= kMaxLine &&
         std::fgets(piece.data(), static_cast<int>(piece.size()), file_) != nullptr) {
    line_ += piece.data();
  }
  if (std::ferror(file_) != 0) {
    return Fail(Code::kInternal, "cannot read the backup: {}", std::strerror(errno));
  }
  if (line_.empty()) return Broken(lines_, "its end is missing");
  if (!line_.ends_with('\n')) return Broken(lines_, "it is cut off, or too long");
  json line = json::parse(line_, nullptr, /*allow_exceptions=*/false);
  if (line.is_discarded()) return Broken(lines_, "this is no JSON");
  return line;
}

Result<void> BackupReader::CheckEnd(const json& end) {
  if (end.value("lines", json()) != lines_ - 1) return Broken(lines_, "lines are missing");
  if (TextAt(end, "sha256") != Sum(sum_)) {
    return Broken(lines_, "something in it is not as it was written");
  }
  if (std::fgetc(file_) != EOF) return Broken(lines_ + 1, "it goes on after its end");
  return {};
}

Result<BackupHead> CheckBackup(std::FILE* file) {
  BackupReader reader(file);
  BackupHead head = TRY(reader.Begin());
  while (TRY(reader.Next())) {
  }
  if (std::fseek(file, 0, SEEK_SET) != 0) {
    return Fail(Code::kInternal, "cannot read the backup again: {}", std::strerror(errno));
  }
  return head;
}

}  // namespace sf
