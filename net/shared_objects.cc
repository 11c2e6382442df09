// SPDX-License-Identifier: Apache-2.0
#include "net/shared_objects.h"

#include <elf.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string_view>
#include <system_error>

namespace sf::net {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxEntries = 1 << 16;

/// The bytes of an ELF file, read within their bounds.
class Elf {
 public:
  explicit Elf(std::string_view bytes) : bytes_(bytes) {}

  template <class T>
  Result<T> At(std::uint64_t offset) const {
    T value;
    if (offset > bytes_.size() || bytes_.size() - offset < sizeof(T)) return Outside();
    std::memcpy(&value, bytes_.data() + offset, sizeof(T));
    return value;
  }

  Result<std::string> TextAt(std::uint64_t offset) const {
    const auto end = offset < bytes_.size() ? bytes_.find('\0', offset) : bytes_.npos;
    if (end == bytes_.npos) return Outside();
    return std::string(bytes_.substr(offset, end - offset));
  }

 private:
  static tl::unexpected<Error> Outside() {
    return Fail(Code::kCorrupt, "an ELF table leads outside the file");
  }

  std::string_view bytes_;
};

Result<std::vector<Elf64_Phdr>> ReadSegments(const Elf& elf) {
  const auto header = TRY(elf.At<Elf64_Ehdr>(0));
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64) {
    return Fail(Code::kCorrupt, "not a 64-bit ELF file");
  }
  std::vector<Elf64_Phdr> segments;
  for (std::uint64_t i = 0; i < header.e_phnum; ++i) {
    segments.push_back(TRY(elf.At<Elf64_Phdr>(header.e_phoff + i * sizeof(Elf64_Phdr))));
  }
  return segments;
}

/// Where in the file the memory at `address` comes from.
std::optional<std::uint64_t> ToOffset(const std::vector<Elf64_Phdr>& segments,
                                      std::uint64_t address) {
  for (const Elf64_Phdr& each : segments) {
    if (each.p_type == PT_LOAD && address - each.p_vaddr < each.p_filesz) {
      return address - each.p_vaddr + each.p_offset;
    }
  }
  return {};
}

Result<std::string> ReadFile(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string bytes(std::istreambuf_iterator<char>(file), {});
  if (!file) {
    return Fail(Code::kNotFound, "cannot read {}: {}", path.string(),
                std::generic_category().message(errno));
  }
  return bytes;
}

/// Where the loader looks, and finds it in a container as well, which has no cache of other places.
std::vector<fs::path> Folders(const std::string& interpreter) {
  std::error_code failure;
  const fs::path own = fs::canonical(interpreter, failure).parent_path();
  std::vector<fs::path> folders = {"/lib64", "/usr/lib64", "/lib", "/usr/lib"};
  if (!failure) {
    // A distribution's folder for this kind of machine has the loader itself, too.
    folders.insert(folders.begin(),
                   {fs::path("/lib") / own.filename(), fs::path("/usr/lib") / own.filename(), own});
  }
  return folders;
}

Result<std::string> Find(const std::string& library, const std::vector<fs::path>& folders) {
  for (const fs::path& folder : folders) {
    if (fs::exists(folder / library)) return (folder / library).string();
  }
  return Fail(Code::kNotFound, "the shared object {} is not where the loader looks", library);
}

}  // namespace

Result<ElfNeeds> ReadElfNeeds(const std::string& bytes) {
  const Elf elf(bytes);
  const auto segments = TRY(ReadSegments(elf));
  ElfNeeds needs;
  std::vector<std::uint64_t> names;
  std::optional<std::uint64_t> strings;
  for (const Elf64_Phdr& segment : segments) {
    if (segment.p_type == PT_INTERP) needs.interpreter = TRY(elf.TextAt(segment.p_offset));
    if (segment.p_type != PT_DYNAMIC) continue;
    for (std::uint64_t i = 0; i < kMaxEntries; ++i) {
      const auto entry = TRY(elf.At<Elf64_Dyn>(segment.p_offset + i * sizeof(Elf64_Dyn)));
      if (entry.d_tag == DT_NULL) break;
      if (entry.d_tag == DT_NEEDED) names.push_back(entry.d_un.d_val);
      if (entry.d_tag == DT_STRTAB) strings = ToOffset(segments, entry.d_un.d_ptr);
    }
  }
  if (!names.empty() && !strings) return Fail(Code::kCorrupt, "an ELF file without its strings");
  for (const std::uint64_t name : names) {
    needs.libraries.push_back(TRY(elf.TextAt(*strings + name)));
  }
  return needs;
}

Result<std::map<std::string, std::string>> WithSharedObjects(
    const std::vector<std::string>& programs) try {
  std::map<std::string, std::string> files;
  for (const std::string& program : programs) {
    std::vector<std::string> left = {program};
    std::vector<fs::path> folders;
    while (!left.empty()) {
      const std::string path = std::move(left.back());
      left.pop_back();
      if (files.contains(path)) continue;
      std::string bytes = TRY(ReadFile(path));
      const auto needs = ReadElfNeeds(bytes);
      if (!needs) return Fail(needs.error().code, "{}: {}", path, needs.error().message);
      if (!needs->interpreter.empty()) {
        folders = Folders(needs->interpreter);
        left.push_back(needs->interpreter);
      }
      for (const std::string& each : needs->libraries) left.push_back(TRY(Find(each, folders)));
      files[path] = std::move(bytes);
    }
  }
  return files;
} catch (const std::exception& exception) {
  return Fail(Code::kInternal, "shared objects: {}", exception.what());
}

}  // namespace sf::net
