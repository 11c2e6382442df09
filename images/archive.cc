// SPDX-License-Identifier: Apache-2.0
#include "images/archive.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <set>
#include <string_view>

#include "images/file.h"
#include "node/base/check.h"

namespace sf::images {
namespace {

struct FreeArchive {
  void operator()(archive* handle) const { archive_free(handle); }
};
struct FreeEntry {
  void operator()(archive_entry* entry) const { archive_entry_free(entry); }
};
using Archive = std::unique_ptr<archive, FreeArchive>;
using Entry = std::unique_ptr<archive_entry, FreeEntry>;

constexpr std::size_t kBlock = 64 << 10;

std::string Reason(archive* handle) {
  const char* text = archive_error_string(handle);
  return text != nullptr ? text : "unknown error";
}

bool IsZero(std::string_view bytes) {
  return bytes.empty() ||
         (bytes[0] == 0 && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

/// A reader of the four compressions and of nothing else: no archive format, no external program.
Archive NewDecompressor() {
  Archive handle(archive_read_new());
  SF_CHECK(handle != nullptr);
  SF_CHECK(archive_read_support_filter_gzip(handle.get()) == ARCHIVE_OK);
  SF_CHECK(archive_read_support_filter_xz(handle.get()) == ARCHIVE_OK);
  SF_CHECK(archive_read_support_filter_bzip2(handle.get()) == ARCHIVE_OK);
  SF_CHECK(archive_read_support_filter_zstd(handle.get()) == ARCHIVE_OK);
  SF_CHECK(archive_read_support_format_raw(handle.get()) == ARCHIVE_OK);
  SF_CHECK(archive_read_support_format_empty(handle.get()) == ARCHIVE_OK);
  return handle;
}

Result<std::uint64_t> CopyUnpacked(archive* handle, File& destination, std::uint64_t limit,
                                   const std::stop_token& stop) {
  std::string block(kBlock, '\0');
  std::uint64_t done = 0;
  for (;;) {
    if (stop.stop_requested()) return Fail(Code::kUnavailable, "unpacking it was cancelled");
    const la_ssize_t got = archive_read_data(handle, block.data(), block.size());
    if (got < 0) return Fail(Code::kCorrupt, "its compression is broken: {}", Reason(handle));
    if (got == 0) break;
    const std::string_view bytes(block.data(), static_cast<std::size_t>(got));
    if (bytes.size() > limit - done) {
      return Fail(Code::kTooLarge, "it unpacks to more than the limit of {} bytes", limit);
    }
    if (!IsZero(bytes)) TRY(destination.WriteAt(done, bytes));
    done += bytes.size();
  }
  TRY(destination.Resize(done));
  return done;
}

la_ssize_t AppendToString(archive*, void* context, const void* bytes, std::size_t count) noexcept {
  static_cast<std::string*>(context)->append(static_cast<const char*>(bytes), count);
  return static_cast<la_ssize_t>(count);
}

Result<void> AddEntry(archive* iso, const std::string& path, unsigned type,
                      std::string_view bytes) {
  const Entry entry(archive_entry_new());
  SF_CHECK(entry != nullptr);
  archive_entry_set_pathname(entry.get(), path.c_str());
  archive_entry_set_filetype(entry.get(), type);
  archive_entry_set_perm(entry.get(), type == AE_IFDIR ? 0755 : 0444);
  archive_entry_set_size(entry.get(), static_cast<la_int64_t>(bytes.size()));
  archive_entry_set_mtime(entry.get(), 0, 0);
  if (archive_write_header(iso, entry.get()) != ARCHIVE_OK ||
      archive_write_data(iso, bytes.data(), bytes.size()) !=
          static_cast<la_ssize_t>(bytes.size())) {
    return Fail(Code::kInternal, "cannot put {} on the ISO volume: {}", path, Reason(iso));
  }
  return {};
}

std::set<std::string> Directories(const std::map<std::string, std::string>& files) {
  std::set<std::string> directories;
  for (const auto& [path, bytes] : files) {
    for (auto slash = path.find('/'); slash != std::string::npos;
         slash = path.find('/', slash + 1)) {
      directories.insert(path.substr(0, slash));
    }
  }
  return directories;
}

/// libarchive spells the primary volume id in upper case and '_' (strict ISO9660) and keeps it as
/// it is only in Joliet's descriptor; genisoimage and xorriso do not, and a reader that looks for
/// config-2 in the primary one alone would miss the drive.
void SetPrimaryVolumeId(std::string& image, const std::string& volume_id) {
  constexpr std::size_t kVolumeIdOffset = 32808;
  constexpr std::size_t kVolumeIdBytes = 32;
  SF_CHECK(image.size() > kVolumeIdOffset + kVolumeIdBytes && volume_id.size() <= kVolumeIdBytes);
  std::string padded = volume_id;
  padded.resize(kVolumeIdBytes, ' ');
  image.replace(kVolumeIdOffset, kVolumeIdBytes, padded);
}

}  // namespace

Result<std::optional<std::uint64_t>> Decompress(const std::filesystem::path& source,
                                                const std::filesystem::path& destination,
                                                std::uint64_t limit, const std::stop_token& stop) {
  const Archive handle = NewDecompressor();
  archive_entry* entry = nullptr;  // owned by the handle
  if (archive_read_open_filename(handle.get(), source.c_str(), kBlock) != ARCHIVE_OK) {
    return Fail(Code::kCorrupt, "it cannot be read: {}", Reason(handle.get()));
  }
  const int status = archive_read_next_header(handle.get(), &entry);
  if (archive_filter_count(handle.get()) <= 1) return std::nullopt;
  if (status != ARCHIVE_OK && status != ARCHIVE_EOF) {
    return Fail(Code::kCorrupt, "its compression is broken: {}", Reason(handle.get()));
  }
  // libarchive peels any number of layers; between them a bomb could hide from our limit.
  if (archive_filter_count(handle.get()) > 2) {
    return Fail(Code::kCorrupt, "it is compressed more than once");
  }
  File unpacked = TRY(File::Create(destination));
  if (status == ARCHIVE_EOF) return 0;  // It unpacks to nothing.
  return TRY(CopyUnpacked(handle.get(), unpacked, limit, stop));
}

Result<void> WriteIso(const std::filesystem::path& path, const std::string& volume_id,
                      const std::map<std::string, std::string>& files) {
  std::string image;
  const Archive iso(archive_write_new());
  SF_CHECK(iso != nullptr);
  const std::string options =
      "iso9660:volume-id=" + volume_id + ",iso9660:rockridge=useful,iso9660:joliet";
  if (archive_write_set_format_iso9660(iso.get()) != ARCHIVE_OK ||
      archive_write_set_options(iso.get(), options.c_str()) != ARCHIVE_OK ||
      archive_write_set_bytes_in_last_block(iso.get(), 1) != ARCHIVE_OK ||
      archive_write_open(iso.get(), &image, nullptr, &AppendToString, nullptr) != ARCHIVE_OK) {
    return Fail(Code::kInternal, "cannot begin an ISO volume: {}", Reason(iso.get()));
  }
  for (const std::string& directory : Directories(files)) {
    TRY(AddEntry(iso.get(), directory, AE_IFDIR, {}));
  }
  for (const auto& [name, bytes] : files) TRY(AddEntry(iso.get(), name, AE_IFREG, bytes));
  if (archive_write_close(iso.get()) != ARCHIVE_OK) {
    return Fail(Code::kInternal, "cannot finish an ISO volume: {}", Reason(iso.get()));
  }
  SetPrimaryVolumeId(image, volume_id);
  return WriteWhole(path, image, Durability::kOrdinary);
}

}  // namespace sf::images
