// SPDX-License-Identifier: Apache-2.0
#include "net/tar.h"

#include <cstring>
#include <filesystem>
#include <numeric>
#include <set>

namespace sf::net {
namespace {

constexpr std::size_t kBlock = 512;
constexpr char kFile = '0';
constexpr char kFolder = '5';

/// The header of POSIX.1-1988, "ustar Interchange Format".
struct Header {
  char name[100];
  char mode[8];
  char uid[8];
  char gid[8];
  char size[12];
  char mtime[12];
  char checksum[8];
  char type;
  char link[100];
  char magic[6];
  char version[2];
  char unused[247];
};
static_assert(sizeof(Header) == kBlock);

template <std::size_t size>
void Put(char (&field)[size], std::string_view text) {
  std::memcpy(field, text.data(), std::min(size, text.size()));
}

Result<void> Append(std::string& tar, std::string_view path, char type, std::string_view content) {
  Header header = {};
  // Without the slash in front, as it is unpacked below some root.
  std::string name(path.substr(1));
  if (type == kFolder) name += '/';
  if (name.size() > sizeof(header.name)) {
    return Fail(Code::kInvalid, "{}: longer than {} bytes", path, sizeof(header.name));
  }
  Put(header.name, name);
  Put(header.mode, "0000755");
  Put(header.uid, "0000000");
  Put(header.gid, "0000000");
  Put(header.size, fmt::format("{:011o}", content.size()));
  Put(header.mtime, "00000000000");
  Put(header.checksum, "        ");
  header.type = type;
  Put(header.magic, "ustar");
  Put(header.version, "00");
  const auto* const bytes = reinterpret_cast<const unsigned char*>(&header);
  Put(header.checksum, fmt::format("{:06o}", std::accumulate(bytes, bytes + kBlock, 0U)));
  header.checksum[6] = '\0';
  tar.append(reinterpret_cast<const char*>(&header), kBlock);
  tar += content;
  tar.resize((tar.size() + kBlock - 1) / kBlock * kBlock);
  return {};
}

}  // namespace

Result<std::string> Tar(const std::map<std::string, std::string>& files,
                        const std::vector<std::string>& folders) {
  std::set<std::string> all;
  const auto add = [&](std::filesystem::path folder) {
    for (; folder != folder.root_path(); folder = folder.parent_path()) all.insert(folder);
  };
  for (const std::string& folder : folders) add(folder);
  for (const auto& [path, content] : files) add(std::filesystem::path(path).parent_path());
  std::string tar;
  for (const std::string& folder : all) TRY(Append(tar, folder, kFolder, {}));
  for (const auto& [path, content] : files) TRY(Append(tar, path, kFile, content));
  tar.append(2 * kBlock, '\0');
  return tar;
}

}  // namespace sf::net
