// SPDX-License-Identifier: Apache-2.0
#include "gossip/sync.h"

#include <algorithm>
#include <bit>

#include "gossip/codec.h"

namespace sf::gossip {
namespace {

constexpr std::size_t kMembersPerBucket = 8;
constexpr std::size_t kMinBuckets = 4;
// Bounds above what one entry or item takes beside its strings, and what a packet takes beside it.
constexpr std::size_t kEnvelope = 128;
constexpr std::size_t kPerEntry = 48;
constexpr std::size_t kPerItem = 20;
// Covered buckets are numbers up to 255, two bytes each.
constexpr std::size_t kPerBucket = 2;
constexpr std::size_t kMaxPerPart = 400;

bool IsShared(const Member& member) { return member.said.state < MemberState::kDead; }

std::size_t SizeOf(const Member& member) {
  std::size_t size = kPerEntry + member.said.name.value.size();
  for (const Witness& witness : member.said.witnesses) size += 4 + witness.name.value.size();
  return size;
}

std::size_t BucketsFor(const Membership& membership) {
  const std::size_t wanted = membership.ring().size() / kMembersPerBucket;
  return std::bit_ceil(std::clamp(wanted, kMinBuckets, kMaxBuckets));
}

Entries::Entry EntryOf(const Member& member) { return {member.said, member.complete}; }

std::vector<std::uint32_t> HashBuckets(const Membership& membership, std::size_t buckets) {
  std::vector<std::uint32_t> hashes(buckets);
  for (std::size_t i = 0; i < kMaxBuckets; ++i) {
    hashes[i * buckets / kMaxBuckets] += membership.slices()[i];
  }
  return hashes;
}

/// `Visit` sees those in one bucket that may still answer.
template <class Visit>
void ForEachIn(const Membership& membership, std::size_t bucket, std::size_t buckets,
               const Visit& visit) {
  const Ring& ring = membership.ring();
  const Ring::Arc slice = ring.Slice(bucket, buckets);
  for (std::size_t i = 0; i < slice.size; ++i) {
    const Member& member = ring.at(slice.first + i);
    if (IsShared(member)) visit(member);
  }
}

/// Entries until the limit is reached, then the next part.
class EntryPacker {
 public:
  EntryPacker(std::uint32_t buckets, std::size_t limit) : limit_(limit - kEnvelope) {
    current_.buckets = buckets;
  }

  /// One bucket in one part, if it fits: only then may the receiver conclude that what is not there
  /// is not known.
  void AddBucket(std::uint32_t bucket, const std::vector<const Member*>& members) {
    std::size_t size = kPerBucket;
    for (const Member* member : members) size += SizeOf(*member);
    if (size_ + size > limit_) Flush();
    if (size_ + size <= limit_ && members.size() <= kMaxPerPart) {
      current_.covered.push_back(bucket);
      size_ += kPerBucket;
    }
    for (const Member* member : members) Add(*member);
  }
  void Add(const Member& member) {
    if (size_ + SizeOf(member) > limit_) Flush();
    current_.entries.push_back(EntryOf(member));
    size_ += SizeOf(member);
  }
  std::vector<Part> Take() {
    Flush();
    return std::move(parts_);
  }

 private:
  void Flush() {
    if (current_.covered.empty() && current_.entries.empty()) return;
    const std::uint32_t buckets = current_.buckets;
    parts_.emplace_back(std::move(current_));
    current_ = {};
    current_.buckets = buckets;
    size_ = 0;
  }

  const std::size_t limit_;
  std::size_t size_ = 0;
  Entries current_;
  std::vector<Part> parts_;
};

}  // namespace

Buckets Summarise(const Membership& membership) {
  return {HashBuckets(membership, BucketsFor(membership))};
}

std::vector<Part> Answer(const Membership& membership, const Buckets& theirs, std::size_t limit) {
  const std::size_t buckets = theirs.hashes.size();
  const std::vector<std::uint32_t> ours = HashBuckets(membership, buckets);
  // Who knows few has cut coarsely. A bucket must fit in a part, so it is cut as who knows more
  // would.
  const std::size_t fine = std::max(BucketsFor(membership), buckets);
  EntryPacker packer(static_cast<std::uint32_t>(fine), limit);
  for (std::size_t i = 0; i < fine; ++i) {
    const std::size_t coarse = i * buckets / fine;
    if (ours[coarse] == theirs.hashes[coarse]) continue;
    std::vector<const Member*> members;
    ForEachIn(membership, i, fine, [&](const Member& member) { members.push_back(&member); });
    packer.AddBucket(static_cast<std::uint32_t>(i), members);
  }
  std::vector<Part> parts = packer.Take();
  if (parts.empty()) parts.emplace_back(Entries{.buckets = static_cast<std::uint32_t>(fine)});
  return parts;
}

std::vector<Part> Reconcile(const Membership& membership, const Entries& theirs,
                            std::size_t limit) {
  std::vector<Part> parts;
  EntryPacker lacking(theirs.buckets, limit);
  std::set<NodeId> mentioned;
  for (const Entries::Entry& entry : theirs.entries) {
    mentioned.insert(entry.statement.name);
    const Member* const member = membership.Find(entry.statement.name);
    if (member == nullptr) continue;
    const Statement& said = member->said;
    const auto order = Compare(said, entry.statement);
    const bool more_witnesses = said.witnesses.size() > entry.statement.witnesses.size();
    if (order > 0 || (order == 0 && more_witnesses)) lacking.Add(*member);
    if (said.boot != entry.statement.boot) continue;
    if (member->complete < entry.complete) {
      parts.emplace_back(Want{said.name, said.boot, member->complete});
    } else if (member->complete > entry.complete) {
      for (Part& delta : ItemsSince(*member, entry.complete, limit)) {
        parts.push_back(std::move(delta));
      }
    }
  }
  // A stranger's list may name a bucket often, or one that there is not.
  for (const std::uint32_t bucket : std::set(theirs.covered.begin(), theirs.covered.end())) {
    if (bucket >= theirs.buckets) continue;
    ForEachIn(membership, bucket, theirs.buckets, [&](const Member& member) {
      if (!mentioned.contains(member.said.name)) lacking.Add(member);
    });
  }
  for (Part& part : lacking.Take()) parts.push_back(std::move(part));
  return parts;
}

std::vector<Part> ItemsSince(const Member& owner, std::uint64_t since, std::size_t limit) {
  std::vector<const Item*> items;
  for (const auto& [key, item] : owner.items()) {
    if (item.version > since && item.version <= owner.complete) items.push_back(&item);
  }
  std::ranges::sort(items, {}, &Item::version);
  std::vector<Part> parts;
  Delta delta = {owner.said.name, owner.said.boot, since, since, {}};
  std::size_t size = kEnvelope + kMaxName;
  for (const Item* item : items) {
    if (size + kPerItem + item->payload.size() > limit || delta.items.size() >= kMaxPerPart) {
      const std::uint64_t through = delta.through;
      parts.emplace_back(std::move(delta));
      delta = {owner.said.name, owner.said.boot, through, through, {}};
      size = kEnvelope + kMaxName;
    }
    delta.items.push_back(*item);
    delta.through = item->version;
    size += kPerItem + item->payload.size();
  }
  delta.through = owner.complete;
  parts.emplace_back(std::move(delta));
  return parts;
}

}  // namespace sf::gossip
