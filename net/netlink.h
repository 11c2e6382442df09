// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "net/link.h"
#include "net/netlink_message.h"
#include "node/base/result.h"

struct nl_sock;
struct nlmsghdr;

namespace sf::net {

/// A netlink socket to the kernel: reads links and their entries, and changes them. It speaks to
/// the network namespace that it was opened in, for good.
///
/// Changes may be repeated: to add an address, a route or an entry that is there, or to remove
/// anything that is not, is fine. To add a link whose name or index is taken is not (kConflict):
/// whose it is must be decided by who asks.
///
/// Thread: worker (blocks); one at a time.
class Netlink {
 public:
  static Result<Netlink> Open();

  Result<std::vector<Link>> Links();
  Result<Link> FindLink(const std::string& name);  ///< kNotFound
  /// The entries of VXLAN devices: what floods and what was learned.
  Result<std::vector<FdbEntry>> FdbEntries();
  Result<std::vector<LinkAddress>> Addresses();
  /// What the kernel answers ARP for on behalf of others.
  Result<std::vector<AddProxyNeighbour>> ProxyNeighbours();

  Result<void> Do(const Change& change) { return Do({&change, 1}); }
  /// All of them, in order, also past one that fails; the first error. Up to kBatch at the front
  /// are one message to the kernel: it has done all of them or, if this process dies, none.
  Result<void> Do(std::span<const Change> changes);

  static constexpr std::size_t kBatch = 64;

 private:
  struct Close {
    void operator()(nl_sock* socket) const;
  };
  explicit Netlink(nl_sock* socket) : socket_(socket) {}

  using TakeMessage = std::function<void(nlmsghdr*)>;

  Result<void> DoBatch(std::span<const Change> changes);
  /// Hands what answers `question` to `take`, after `again`, which forgets what came before.
  Result<void> Read(
      const Question& question, const TakeMessage& take,
      const std::function<void()>& again = [] {});
  /// Hands all that comes back to `take`, up to the end of the answer to message `sequence_`.
  Result<void> Exchange(std::span<const char> request, const TakeMessage& take);

  std::unique_ptr<nl_sock, Close> socket_;
  std::uint32_t sequence_ = 0;
};

}  // namespace sf::net
