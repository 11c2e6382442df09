// SPDX-License-Identifier: Apache-2.0
#include "images/image_file.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <system_error>

#include "images/archive.h"
#include "images/file.h"
#include "images/qcow2.h"

namespace sf::images {
namespace {

using namespace std::string_view_literals;

/// A mark by which a format is known.
struct Magic {
  std::string_view name;
  std::size_t offset;
  std::string_view bytes;
};

/// Formats that others understand and we do not. Some would pass for a raw disk otherwise.
constexpr std::array kForeign = {
    Magic{"VMDK", 0, "KDMV"sv},
    Magic{"VMDK", 0, "COWD"sv},
    Magic{"VMDK", 0, "# Disk DescriptorFile"sv},
    Magic{"VDI", 64, "\x7f\x10\xda\xbe"sv},
    Magic{"VHDX", 0, "vhdxfile"sv},
    Magic{"VHD (vpc)", 0, "conectix"sv},
    Magic{"QED", 0, "QED\0"sv},
    Magic{"LUKS", 0, "LUKS\xba\xbe"sv},
    Magic{"Parallels", 0, "WithoutFreeSpace"sv},
    Magic{"Parallels", 0, "WithouFreSpacExt"sv},
};

/// A fixed VHD is a raw disk with a footer.
constexpr std::string_view kVhdFooter = "conectix";
constexpr std::size_t kVhdFooterBytes = 512;

constexpr std::array kRawDisk = {
    Magic{"partition table or boot sector", 510, "\x55\xaa"sv},
    Magic{"ISO9660", 32769, "CD001"sv},
    Magic{"ext", 1080, "\x53\xef"sv},
};

bool Has(std::string_view head, const Magic& magic) {
  return head.size() >= magic.offset + magic.bytes.size() &&
         head.substr(magic.offset, magic.bytes.size()) == magic.bytes;
}

Result<void> CheckForeign(const File& file, std::string_view head, std::uint64_t file_bytes) {
  constexpr auto kAdvice =
      "it is a {} image; convert it to qcow2 first (qemu-img convert -O qcow2)";
  for (const Magic& magic : kForeign) {
    if (Has(head, magic)) return Fail(Code::kInvalid, kAdvice, magic.name);
  }
  if (file_bytes >= kVhdFooterBytes) {
    const std::string footer = TRY(file.ReadAt(file_bytes - kVhdFooterBytes, kVhdFooter.size()));
    if (footer == kVhdFooter) return Fail(Code::kInvalid, kAdvice, "VHD (vpc)");
  }
  return {};
}

Result<void> CheckVirtualSize(std::uint64_t bytes, const DiskLimits& limits) {
  if (bytes > limits.max_virtual_bytes) {
    return Fail(Code::kTooLarge, "its virtual size of {} bytes exceeds the limit of {}", bytes,
                limits.max_virtual_bytes);
  }
  if (bytes == 0) return Fail(Code::kInvalid, "its virtual size is zero");
  return {};
}

Result<void> CheckQcow2(std::string_view head, std::uint64_t file_bytes, const DiskLimits& limits) {
  const Qcow2Header header = TRY(ParseQcow2Header(head, file_bytes));
  if (header.has_backing_file) {
    return Fail(Code::kInvalid, "it names a backing file; an image must stand alone");
  }
  if (header.has_data_file) {
    return Fail(Code::kInvalid, "it names an external data file; an image must stand alone");
  }
  if (header.encrypted) return Fail(Code::kInvalid, "it is encrypted");
  return CheckVirtualSize(header.virtual_bytes, limits);
}

}  // namespace

Result<DiskImage> IdentifyDiskImage(const std::filesystem::path& path, const DiskLimits& limits) {
  const File file = TRY(File::OpenForReading(path));
  const std::uint64_t file_bytes = TRY(file.Size());
  const std::string head = TRY(file.ReadAt(0, kQcow2HeadBytes));
  DiskImage image;
  if (IsQcow2(head)) {
    image.format = DiskFormat::kQcow2;
    TRY(CheckQcow2(head, file_bytes, limits));
  } else {
    TRY(CheckForeign(file, head, file_bytes));
    const auto is_disk = [&](const Magic& magic) { return Has(head, magic); };
    if (std::none_of(kRawDisk.begin(), kRawDisk.end(), is_disk)) {
      return Fail(Code::kInvalid,
                  "not a disk image: it is neither qcow2 nor a raw disk with a partition table, an "
                  "ISO9660 or an ext file system");
    }
  }
  image.virtual_bytes = TRY(QemuImgVirtualSize(path, image.format));
  TRY(CheckVirtualSize(image.virtual_bytes, limits));
  return image;
}

Result<DiskImage> MakeQcow2(const std::filesystem::path& source,
                            const std::filesystem::path& destination, const DiskLimits& limits,
                            const std::stop_token& stop) {
  std::filesystem::path unpacked = destination;
  unpacked += ".unpacked";
  std::filesystem::path disk = source;
  if (TRY(Decompress(source, unpacked, limits.max_unpacked_bytes, stop))) {
    disk = unpacked;
    std::error_code ignored;
    std::filesystem::remove(source, ignored);  // Half the disk space of what follows.
  }
  DiskImage image = TRY(IdentifyDiskImage(disk, limits));
  image.changed = disk != source || image.format != DiskFormat::kQcow2;
  if (image.format == DiskFormat::kQcow2) {
    TRY(Replace(disk, destination));
    return image;
  }
  TRY(QemuImgConvert(disk, image.format, destination, limits.convert_deadline, stop));
  std::error_code ignored;
  std::filesystem::remove(disk, ignored);
  return image;
}

}  // namespace sf::images
