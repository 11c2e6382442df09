// SPDX-License-Identifier: Apache-2.0
// The header of a stranger's disk image, as it came and as the beginning of a file of any size.
#include "images/qcow2.h"

#include "node/base/check.h"
#include "tests/fuzz/target.h"

namespace sf::fuzz {
namespace {

void Put(std::string& bytes, std::size_t offset, std::size_t width, std::uint64_t value) {
  for (std::size_t i = width; i-- > 0; value >>= 8) bytes[offset + i] = static_cast<char>(value);
}

std::string Header(std::uint64_t version) {
  std::string header(version == 3 ? 136 : 80, '\0');
  header.replace(0, 4, "QFI\xfb");
  Put(header, 4, 4, version);
  Put(header, 20, 4, 9);        // clusters of 512 bytes
  Put(header, 24, 8, 1 << 16);  // virtual size
  Put(header, 36, 4, 2);        // L1 entries
  Put(header, 40, 8, 3 * 512);  // L1 table
  Put(header, 48, 8, 512);      // refcount table
  Put(header, 56, 4, 1);        // its clusters
  if (version != 3) return header;
  Put(header, 96, 4, 4);            // refcounts of 2^4 bits
  Put(header, 100, 4, 104);         // header length
  Put(header, 104, 4, 0x6803f857);  // an extension: feature names
  Put(header, 108, 4, 8);
  return header;
}

}  // namespace

void Try(std::string_view input) {
  Cutter cut(input);
  const std::uint64_t beyond = cut.Number(4);
  const std::string_view head = cut.Take(images::kQcow2HeadBytes);
  for (const std::uint64_t file_bytes : {head.size(), head.size() + beyond}) {
    const auto header = images::ParseQcow2Header(head, file_bytes);
    if (!header) continue;
    SF_CHECK(images::IsQcow2(head) && header->cluster_bits >= 9 && header->cluster_bits <= 21);
    SF_CHECK(header->version == 2 || header->version == 3);
  }
}

std::vector<std::string> Seeds() {
  const std::string beyond("\0\1\0\0", 4);
  return {beyond + Header(2), beyond + Header(3)};
}

}  // namespace sf::fuzz
