// SPDX-License-Identifier: Apache-2.0
#include "net/term_socket.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <sodium.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "node/base/check.h"

namespace sf::net {
namespace {

// More than come in while nobody asks: what guests send of the kind ends at their taps (guest.nft).
constexpr int kMostAtOnce = 256;

}  // namespace

Result<TermSocket> TermSocket::Open() {
  SF_CHECK(sodium_init() >= 0);
  FileDescriptor socket(
      ::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(kTermNoticeType)));
  if (socket.get() < 0) {
    return Fail(Code::kInternal, "no socket for notices of the term: {}",
                std::generic_category().message(errno));
  }
  return TermSocket(std::move(socket));
}

void TermSocket::Tell(int bridge, std::uint64_t term, const TermKey& key) const {
  const std::string notice = TermNotice(term, key);
  sockaddr_ll to = {};
  to.sll_family = AF_PACKET;
  to.sll_protocol = htons(kTermNoticeType);
  to.sll_ifindex = bridge;
  to.sll_halen = ETH_ALEN;
  std::fill_n(to.sll_addr, ETH_ALEN, 0xff);
  (void)::sendto(socket_.get(), notice.data(), notice.size(), 0,
                 reinterpret_cast<const sockaddr*>(&to), sizeof(to));
}

std::uint64_t TermSocket::Heard(const TermKey& key) const {
  std::uint64_t highest = 0;
  std::array<char, 256> bytes;
  for (int i = 0; i < kMostAtOnce; ++i) {
    const ssize_t size = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
    if (size < 0) break;
    const std::string_view notice(bytes.data(), static_cast<std::size_t>(size));
    highest = std::max(highest, ReadTermNotice(notice, key).value_or(0));
  }
  return highest;
}

}  // namespace sf::net
