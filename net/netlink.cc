// SPDX-License-Identifier: Apache-2.0
#include "net/netlink.h"

#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <utility>

#include "net/netlink_message.h"

namespace sf::net {
namespace {

constexpr int kSocketBuffer = 1 << 20;
constexpr std::size_t kReadSize = 1 << 16;  // The kernel fills at most half of it in a dump.
constexpr int kReadAttempts = 10;

Code ToCode(int error) {
  switch (error) {
    case EEXIST:
    case EBUSY: return Code::kConflict;
    case ENODEV:
    case ENOENT: return Code::kNotFound;
    default: return Code::kInternal;
  }
}

/// What the kernel says of an error beside its number, if anything.
std::string Reason(nlmsghdr* answer) {
  if ((answer->nlmsg_flags & NLM_F_ACK_TLVS) == 0) return {};
  nlattr* attributes[NLMSGERR_ATTR_MAX + 1] = {};
  if (nlmsg_parse(answer, sizeof(nlmsgerr), attributes, NLMSGERR_ATTR_MAX, nullptr) != 0) return {};
  const nlattr* const text = attributes[NLMSGERR_ATTR_MSG];
  return text == nullptr ? std::string() : fmt::format(" ({})", nla_get_string(text));
}

/// The error that a message tells of, as errno, or 0.
int ErrorOf(const nlmsghdr* message) {
  const bool tells = message->nlmsg_type == NLMSG_ERROR || message->nlmsg_type == NLMSG_DONE;
  if (!tells || nlmsg_datalen(message) < static_cast<int>(sizeof(int))) return 0;
  int error = 0;
  std::memcpy(&error, nlmsg_data(message), sizeof(error));
  return -error;
}

tl::unexpected<Error> Refused(const std::string& what, int error, const std::string& reason = {}) {
  return Fail(ToCode(error), "cannot {}: {}{}", what, std::generic_category().message(error),
              reason);
}

template <class Integer>
Integer Get(const nlattr* attribute, Integer otherwise = {}) {
  if (attribute == nullptr || nla_len(attribute) < static_cast<int>(sizeof(Integer))) {
    return otherwise;
  }
  Integer value;
  std::memcpy(&value, nla_data(attribute), sizeof(value));
  return value;
}

std::string Text(const nlattr* attribute) {
  return attribute == nullptr ? std::string() : nla_get_string(attribute);
}

std::optional<Vxlan> ToVxlan(nlattr* data) {
  nlattr* attributes[IFLA_VXLAN_MAX + 1] = {};
  if (data == nullptr || nla_parse_nested(attributes, IFLA_VXLAN_MAX, data, nullptr) != 0)
    return {};
  return Vxlan{.vni = Get<std::uint32_t>(attributes[IFLA_VXLAN_ID]),
               .local = {ntohl(Get<std::uint32_t>(attributes[IFLA_VXLAN_LOCAL]))},
               .nic = Get<int>(attributes[IFLA_VXLAN_LINK]),
               .port = ntohs(Get<std::uint16_t>(attributes[IFLA_VXLAN_PORT]))};
}

bool HasLinkLocal(nlattr* families) {
  nlattr* family[AF_INET6 + 1] = {};
  nlattr* ipv6[IFLA_INET6_MAX + 1] = {};
  if (families == nullptr || nla_parse_nested(family, AF_INET6, families, nullptr) != 0 ||
      family[AF_INET6] == nullptr ||
      nla_parse_nested(ipv6, IFLA_INET6_MAX, family[AF_INET6], nullptr) != 0) {
    return false;  // A kernel without IPv6.
  }
  const auto none = static_cast<std::uint8_t>(IN6_ADDR_GEN_MODE_NONE);
  return Get(ipv6[IFLA_INET6_ADDR_GEN_MODE], none) != none;
}

std::optional<Link> ToLink(nlmsghdr* message) {
  nlattr* attributes[IFLA_MAX + 1] = {};
  if (message->nlmsg_type != RTM_NEWLINK ||
      nlmsg_parse(message, sizeof(ifinfomsg), attributes, IFLA_MAX, nullptr) != 0) {
    return {};
  }
  const auto* const header = static_cast<const ifinfomsg*>(nlmsg_data(message));
  Link link;
  link.index = header->ifi_index;
  link.name = Text(attributes[IFLA_IFNAME]);
  link.alias = Text(attributes[IFLA_IFALIAS]);
  link.mtu = Get<int>(attributes[IFLA_MTU]);
  link.master = Get<int>(attributes[IFLA_MASTER]);
  link.group = Get<std::uint32_t>(attributes[IFLA_GROUP]);
  link.mac = Get<Mac>(attributes[IFLA_ADDRESS]);
  link.up = (header->ifi_flags & IFF_UP) != 0;
  link.link_local = HasLinkLocal(attributes[IFLA_AF_SPEC]);
  nlattr* kind[IFLA_INFO_MAX + 1] = {};
  if (attributes[IFLA_LINKINFO] != nullptr &&
      nla_parse_nested(kind, IFLA_INFO_MAX, attributes[IFLA_LINKINFO], nullptr) == 0) {
    link.kind = Text(kind[IFLA_INFO_KIND]);
    if (link.kind == "vxlan") link.vxlan = ToVxlan(kind[IFLA_INFO_DATA]);
  }
  return link;
}

/// None for what is no entry of a VXLAN device, as the entries of bridges.
std::optional<FdbEntry> ToFdbEntry(nlmsghdr* message) {
  nlattr* attributes[NDA_MAX + 1] = {};
  if (message->nlmsg_type != RTM_NEWNEIGH ||
      nlmsg_parse(message, sizeof(ndmsg), attributes, NDA_MAX, nullptr) != 0) {
    return {};
  }
  const nlattr* const vtep = attributes[NDA_DST];
  const nlattr* const mac = attributes[NDA_LLADDR];
  if (vtep == nullptr || mac == nullptr || nla_len(vtep) != sizeof(in_addr)) return {};
  return FdbEntry{.link = static_cast<const ndmsg*>(nlmsg_data(message))->ndm_ifindex,
                  .mac = Get<Mac>(mac),
                  .vtep = {ntohl(Get<std::uint32_t>(vtep))}};
}

std::optional<LinkAddress> ToLinkAddress(nlmsghdr* message) {
  nlattr* attributes[IFA_MAX + 1] = {};
  if (message->nlmsg_type != RTM_NEWADDR ||
      nlmsg_parse(message, sizeof(ifaddrmsg), attributes, IFA_MAX, nullptr) != 0) {
    return {};
  }
  const auto* const header = static_cast<const ifaddrmsg*>(nlmsg_data(message));
  return LinkAddress{.link = static_cast<int>(header->ifa_index),
                     .address = {ntohl(Get<std::uint32_t>(attributes[IFA_LOCAL]))},
                     .prefix_length = header->ifa_prefixlen};
}

std::optional<AddProxyNeighbour> ToProxyNeighbour(nlmsghdr* message) {
  nlattr* attributes[NDA_MAX + 1] = {};
  if (message->nlmsg_type != RTM_NEWNEIGH ||
      nlmsg_parse(message, sizeof(ndmsg), attributes, NDA_MAX, nullptr) != 0) {
    return {};
  }
  const auto* const header = static_cast<const ndmsg*>(nlmsg_data(message));
  if (header->ndm_family != AF_INET || (header->ndm_flags & NTF_PROXY) == 0) return {};
  return AddProxyNeighbour{.link = header->ndm_ifindex,
                           .address = {ntohl(Get<std::uint32_t>(attributes[NDA_DST]))}};
}

}  // namespace

void Netlink::Close::operator()(nl_sock* socket) const { nl_socket_free(socket); }

Result<Netlink> Netlink::Open() {
  Netlink netlink(nl_socket_alloc());
  nl_sock* const socket = netlink.socket_.get();
  if (socket == nullptr) return Fail(Code::kInternal, "netlink: no memory");
  if (const int error = nl_connect(socket, NETLINK_ROUTE); error < 0) {
    return Fail(Code::kInternal, "netlink: {}", nl_geterror(error));
  }
  nl_socket_disable_msg_peek(socket);
  nl_socket_set_msg_buf_size(socket, kReadSize);
  nl_socket_set_buffer_size(socket, kSocketBuffer, kSocketBuffer);
  // Answers carry the kernel's own words, and not the request again. Older kernels do neither.
  const int on = 1;
  ::setsockopt(nl_socket_get_fd(socket), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
  ::setsockopt(nl_socket_get_fd(socket), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
  return netlink;
}

Result<void> Netlink::Exchange(std::span<const char> request, const TakeMessage& take) {
  sockaddr_nl from = {};
  nl_sock* const socket = socket_.get();
  // The library's type says that it might write to what it sends.
  if (nl_sendto(socket, const_cast<char*>(request.data()), request.size()) < 0) {
    return Fail(Code::kInternal, "netlink: cannot send: {}",
                std::generic_category().message(errno));
  }
  for (;;) {
    unsigned char* bytes = nullptr;
    int size = nl_recv(socket, &from, &bytes, nullptr);
    if (size <= 0) return Fail(Code::kInternal, "netlink: cannot read: {}", nl_geterror(size));
    const std::unique_ptr<unsigned char, decltype(&std::free)> owner(bytes, &std::free);
    for (auto* message = reinterpret_cast<nlmsghdr*>(bytes); nlmsg_ok(message, size);
         message = nlmsg_next(message, &size)) {
      take(message);
      const bool end = message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR;
      if (end && message->nlmsg_seq == sequence_) return {};
    }
  }
}

// A table that changed while it was read may lack what was in it all the time: it is read anew.
Result<void> Netlink::Read(const Question& question, const TakeMessage& take,
                           const std::function<void()>& again) {
  for (int attempt = 0; attempt < kReadAttempts; ++attempt) {
    again();
    const MessageHandle request = ToMessage(question);
    nlmsghdr* const header = nlmsg_hdr(request.get());
    header->nlmsg_seq = ++sequence_;
    bool torn = false;
    Result<void> answer;
    TRY(Exchange({reinterpret_cast<const char*>(header), header->nlmsg_len},
                 [&](nlmsghdr* message) {
                   if (message->nlmsg_seq != sequence_) return;
                   torn |= (message->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
                   if (const int error = ErrorOf(message); error != 0) {
                     answer = Refused(Describe(question), error, Reason(message));
                   }
                   take(message);
                 }));
    if (!torn) return answer;
  }
  return Fail(Code::kUnavailable, "cannot {}: it changes all the time", Describe(question));
}

Result<std::vector<Link>> Netlink::Links() {
  std::vector<Link> links;
  const auto take = [&](nlmsghdr* message) {
    if (auto link = ToLink(message)) links.push_back(*std::move(link));
  };
  TRY(Read(AllLinks{}, take, [&] { links.clear(); }));
  return links;
}

Result<Link> Netlink::FindLink(const std::string& name) {
  std::optional<Link> link;
  TRY(Read(LinkNamed{name}, [&](nlmsghdr* message) {
    if (auto found = ToLink(message)) link = std::move(found);
  }));
  if (!link) return Fail(Code::kNotFound, "there is no link {}", name);
  return *std::move(link);
}

Result<std::vector<FdbEntry>> Netlink::FdbEntries() {
  std::vector<FdbEntry> entries;
  const auto take = [&](nlmsghdr* message) {
    if (const auto entry = ToFdbEntry(message)) entries.push_back(*entry);
  };
  TRY(Read(AllFdbEntries{}, take, [&] { entries.clear(); }));
  return entries;
}

Result<std::vector<LinkAddress>> Netlink::Addresses() {
  std::vector<LinkAddress> addresses;
  const auto take = [&](nlmsghdr* message) {
    if (const auto address = ToLinkAddress(message)) addresses.push_back(*address);
  };
  TRY(Read(AllAddresses{}, take, [&] { addresses.clear(); }));
  return addresses;
}

Result<std::vector<AddProxyNeighbour>> Netlink::ProxyNeighbours() {
  std::vector<AddProxyNeighbour> proxies;
  const auto take = [&](nlmsghdr* message) {
    if (const auto proxy = ToProxyNeighbour(message)) proxies.push_back(*proxy);
  };
  TRY(Read(AllProxyNeighbours{}, take, [&] { proxies.clear(); }));
  return proxies;
}

Result<void> Netlink::Do(std::span<const Change> changes) {
  Result<void> result;
  while (!changes.empty()) {
    const auto batch = changes.first(std::min(changes.size(), kBatch));
    auto done = DoBatch(batch);
    if (!done && result) result = std::move(done);
    changes = changes.subspan(batch.size());
  }
  return result;
}

// The kernel goes through a batch in order before the call that sends it returns, and always tells
// of errors: so it is enough that the last message asks for an answer.
Result<void> Netlink::DoBatch(std::span<const Change> changes) {
  std::vector<char> batch;
  const std::uint32_t first = sequence_ + 1;
  for (const Change& change : changes) {
    const MessageHandle message = ToMessage(change);
    nlmsghdr* const header = nlmsg_hdr(message.get());
    header->nlmsg_seq = ++sequence_;
    if (&change == &changes.back()) header->nlmsg_flags |= NLM_F_ACK;
    const auto* const bytes = reinterpret_cast<const char*>(header);
    batch.insert(batch.end(), bytes, bytes + NLMSG_ALIGN(header->nlmsg_len));
  }
  Result<void> result;
  TRY(Exchange(batch, [&](nlmsghdr* message) {
    const std::uint32_t number = message->nlmsg_seq - first;
    const int error = ErrorOf(message);
    if (number >= changes.size() || IsDone(changes[number], error) || !result) return;
    result = Refused(Describe(changes[number]), error, Reason(message));
  }));
  return result;
}

}  // namespace sf::net
