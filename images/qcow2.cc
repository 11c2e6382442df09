// SPDX-License-Identifier: Apache-2.0
#include "images/qcow2.h"

#include <algorithm>
#include <string>

#include "images/file.h"

namespace sf::images {
namespace {

constexpr std::string_view kMagic = "QFI\xfb";
constexpr std::size_t kHeaderV2Bytes = 72;
constexpr std::size_t kHeaderV3Bytes = 104;
constexpr std::uint64_t kMaxL1Bytes = 32 << 20;  // QEMU's own limits
constexpr std::uint64_t kMaxRefcountTableBytes = 8 << 20;
constexpr std::size_t kMaxBackingNameBytes = 1023;

constexpr std::uint32_t kExtensionEnd = 0;
constexpr std::uint32_t kExtensionBackingFormat = 0xe2792aca;
constexpr std::uint32_t kExtensionDataFile = 0x44415441;

// Incompatible features: a reader that does not know one must not go on.
constexpr std::uint64_t kDirty = 1;  // refcounts may be stale: harmless to a reader
constexpr std::uint64_t kDataFile = 1 << 2;
constexpr std::uint64_t kCompressionType = 1 << 3;
constexpr std::uint64_t kExtendedL2 = 1 << 4;
constexpr std::uint64_t kKnown = kDirty | kDataFile | kCompressionType | kExtendedL2;

/// Big-endian numbers at fixed places. The caller has checked that they lie within `bytes`.
std::uint64_t Get(std::string_view bytes, std::size_t offset, std::size_t width) {
  std::uint64_t value = 0;
  for (const char byte : bytes.substr(offset, width)) {
    value = value << 8 | static_cast<unsigned char>(byte);
  }
  return value;
}
std::uint32_t Get32(std::string_view bytes, std::size_t offset) {
  return static_cast<std::uint32_t>(Get(bytes, offset, 4));
}
std::uint64_t Get64(std::string_view bytes, std::size_t offset) { return Get(bytes, offset, 8); }

void Put(std::string& bytes, std::size_t offset, std::size_t width, std::uint64_t value) {
  for (std::size_t i = width; i-- > 0; value >>= 8) bytes[offset + i] = static_cast<char>(value);
}

/// A table of `bytes` at `offset` begins on a cluster and ends within the file.
bool Fits(std::uint64_t offset, std::uint64_t bytes, std::uint64_t cluster,
          std::uint64_t file_bytes) {
  return offset % cluster == 0 && offset >= cluster && offset <= file_bytes &&
         bytes <= file_bytes - offset;
}

/// Walks the extensions that follow the header, and notes the one that names a data file. They end
/// with a mark, with the name of the backing file, or with the first cluster.
Result<void> ReadExtensions(std::string_view head, std::size_t offset, Qcow2Header& header) {
  const std::uint64_t name = Get64(head, 8);
  const std::uint64_t end = name != 0 ? name : std::uint64_t{1} << header.cluster_bits;
  while (offset < end) {
    if (offset + 8 > head.size()) return Fail(Code::kCorrupt, "its header extensions have no end");
    const std::uint32_t type = Get32(head, offset);
    const std::uint64_t length = Get32(head, offset + 4);
    if (type == kExtensionEnd) return {};
    offset += 8;
    if (length > head.size() - offset) {
      return Fail(Code::kCorrupt, "a header extension reaches beyond the header");
    }
    if (type == kExtensionDataFile) header.has_data_file = true;
    offset += (length + 7) / 8 * 8;
  }
  return {};
}

Result<void> CheckTables(std::string_view head, const Qcow2Header& header,
                         std::uint64_t file_bytes) {
  const std::uint64_t cluster = std::uint64_t{1} << header.cluster_bits;
  const bool extended =
      header.version >= 3 && (Get64(head, 72) & kExtendedL2) != 0;  // 16-byte entries
  const std::uint64_t bytes_per_l1_entry = cluster * (cluster / (extended ? 16 : 8));
  const std::uint64_t l1_bytes = std::uint64_t{Get32(head, 36)} * 8;
  const std::uint64_t l1_needed = header.virtual_bytes / bytes_per_l1_entry +
                                  (header.virtual_bytes % bytes_per_l1_entry != 0 ? 1 : 0);
  if (l1_bytes > kMaxL1Bytes || l1_needed > l1_bytes / 8) {
    return Fail(Code::kCorrupt, "its L1 table does not match its virtual size");
  }
  if (l1_bytes > 0 && !Fits(Get64(head, 40), l1_bytes, cluster, file_bytes)) {
    return Fail(Code::kCorrupt, "its L1 table lies outside of the file");
  }
  const std::uint64_t refcount_clusters = Get32(head, 56);
  if (refcount_clusters == 0 || refcount_clusters > kMaxRefcountTableBytes / cluster ||
      !Fits(Get64(head, 48), refcount_clusters * cluster, cluster, file_bytes)) {
    return Fail(Code::kCorrupt, "its refcount table lies outside of the file");
  }
  const std::uint32_t snapshots = Get32(head, 60);
  if (snapshots > 0 && !Fits(Get64(head, 64), 0, cluster, file_bytes)) {
    return Fail(Code::kCorrupt, "its snapshot table lies outside of the file");
  }
  return {};
}

}  // namespace

bool IsQcow2(std::string_view head) { return head.starts_with(kMagic); }

Result<Qcow2Header> ParseQcow2Header(std::string_view head, std::uint64_t file_bytes) {
  if (!IsQcow2(head) || head.size() < kHeaderV2Bytes) {
    return Fail(Code::kCorrupt, "it has no qcow2 header");
  }
  Qcow2Header header;
  header.version = Get32(head, 4);
  if (header.version != 2 && header.version != 3) {
    return Fail(Code::kCorrupt, "its qcow2 version is {}; 2 and 3 are known", header.version);
  }
  header.cluster_bits = Get32(head, 20);
  if (header.cluster_bits < 9 || header.cluster_bits > 21) {
    return Fail(Code::kCorrupt, "its cluster size is 2^{} bytes; 2^9 to 2^21 are allowed",
                header.cluster_bits);
  }
  header.virtual_bytes = Get64(head, 24);
  header.has_backing_file = Get64(head, 8) != 0 || Get32(head, 16) != 0;
  header.encrypted = Get32(head, 32) != 0;

  std::size_t header_bytes = kHeaderV2Bytes;
  if (header.version == 3) {
    if (head.size() < kHeaderV3Bytes) return Fail(Code::kCorrupt, "its header is cut off");
    const std::uint64_t features = Get64(head, 72);
    header.has_data_file = (features & kDataFile) != 0;
    if ((features & ~kKnown) != 0) {
      return Fail(Code::kCorrupt, "it is marked corrupt or uses unknown features (0x{:x})",
                  features & ~kKnown);
    }
    header_bytes = Get32(head, 100);
    if (Get32(head, 96) > 6 || header_bytes < kHeaderV3Bytes || header_bytes % 8 != 0 ||
        header_bytes > head.size()) {
      return Fail(Code::kCorrupt, "its header contradicts itself");
    }
  }
  TRY(ReadExtensions(head, header_bytes, header));
  TRY(CheckTables(head, header, file_bytes));
  return header;
}

Result<std::optional<std::filesystem::path>> ReadBackingFile(const std::filesystem::path& overlay) {
  const File file = TRY(File::OpenForReading(overlay));
  const std::string head = TRY(file.ReadAt(0, kQcow2HeadBytes));
  if (!IsQcow2(head) || head.size() < kHeaderV2Bytes) {
    return Fail(Code::kCorrupt, "{} has no qcow2 header", overlay.string());
  }
  const std::uint64_t offset = Get64(head, 8);
  const std::size_t length = Get32(head, 16);
  if (offset == 0) return std::optional<std::filesystem::path>{};
  if (length > kMaxBackingNameBytes || offset > head.size() || length > head.size() - offset) {
    return Fail(Code::kCorrupt, "{} names its base outside of its header", overlay.string());
  }
  return std::optional<std::filesystem::path>(head.substr(offset, length));
}

Result<void> WriteOverlay(const std::filesystem::path& path, std::uint64_t virtual_bytes,
                          const std::optional<std::filesystem::path>& backing) {
  // The file: header | refcount table | one refcount block | L1 table. Everything else is allocated
  // by QEMU. One block counts 32768 clusters, more than the largest L1 table that QEMU takes needs.
  constexpr std::uint64_t kClusterBits = 16;
  constexpr std::uint64_t kCluster = 1 << kClusterBits;
  constexpr std::uint64_t kBytesPerL1Entry = kCluster * (kCluster / 8);
  const std::string backing_name = backing.value_or("").string();
  if (backing && (!backing->is_absolute() || backing_name.size() > kMaxBackingNameBytes)) {
    return Fail(Code::kInvalid, "{} cannot be the base of a disk: its path is relative or too long",
                backing_name);
  }
  if (virtual_bytes == 0 || virtual_bytes > kMaxL1Bytes / 8 * kBytesPerL1Entry) {
    return Fail(Code::kInvalid, "a disk cannot have {} bytes", virtual_bytes);
  }
  const std::uint64_t sectors = (virtual_bytes + 511) / 512;
  const std::uint64_t l1_entries = (virtual_bytes + kBytesPerL1Entry - 1) / kBytesPerL1Entry;
  const std::uint64_t clusters = 3 + (l1_entries * 8 + kCluster - 1) / kCluster;

  std::string header(2048, '\0');
  header.replace(0, kMagic.size(), kMagic);
  Put(header, 4, 4, 3);  // version
  Put(header, 20, 4, kClusterBits);
  Put(header, 24, 8, sectors * 512);
  Put(header, 36, 4, l1_entries);
  Put(header, 40, 8, 3 * kCluster);  // L1 table
  Put(header, 48, 8, kCluster);      // refcount table
  Put(header, 56, 4, 1);             // its clusters
  Put(header, 96, 4, 4);             // refcounts of 2^4 bits
  Put(header, 100, 4, kHeaderV3Bytes);
  std::size_t offset = kHeaderV3Bytes;
  if (backing) {
    constexpr std::string_view kFormat = "qcow2";  // Never probed: a guest writes what it likes.
    Put(header, offset, 4, kExtensionBackingFormat);
    Put(header, offset + 4, 4, kFormat.size());
    header.replace(offset + 8, kFormat.size(), kFormat);
    offset += 16 + 8;  // and the end mark, which is zeros
    Put(header, 8, 8, offset);
    Put(header, 16, 4, backing_name.size());
    header.replace(offset, backing_name.size(), backing_name);
  }
  std::string refcount_table(8, '\0');
  Put(refcount_table, 0, 8, 2 * kCluster);
  std::string refcounts(2 * clusters, '\0');
  for (std::uint64_t i = 0; i < clusters; ++i) Put(refcounts, 2 * i, 2, 1);

  const auto fill = [&](File& file) -> Result<void> {
    TRY(file.WriteAt(0, header));
    TRY(file.WriteAt(kCluster, refcount_table));
    TRY(file.WriteAt(2 * kCluster, refcounts));
    return file.Resize(clusters * kCluster);
  };
  // Not synced: nobody relies on an overlay before its guest does, and the guest's own flushes
  // write it out.
  return WriteWhole(path, fill, Durability::kOrdinary);
}

}  // namespace sf::images
