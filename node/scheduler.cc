// SPDX-License-Identifier: Apache-2.0
#include "node/scheduler.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "node/model/lot.h"

namespace sf {
namespace {

using nlohmann::json;

/// All images in the cache count as much as so many percent of room. More would fill one node
/// before another fetches the image, less would make every node fetch every image.
constexpr std::int64_t kCacheWorth = 10;
// Of a large cluster, the event of each instance tells no more than this, nor does an error.
constexpr std::size_t kMaxNodesTold = 100;
constexpr std::size_t kMaxNodesInError = 10;

/// A node on its way through the filters, and what it is ranked by.
struct Candidate {
  const NodeRecord* node = nullptr;
  const MemberView* member = nullptr;  ///< none: gossip does not know of it
  std::int64_t affinity = 0;
  std::int64_t images_cached = 0;
  std::int64_t room_percent = 0;  ///< that would be left of what is scarcest
  std::string_view scarcest;
  std::uint64_t chance = 0;
};

struct Filter {
  std::string_view name;
  /// Why the node cannot take the instance; empty if it can.
  std::string (*objection)(const Instance& wanted, const Candidate& candidate);
};

std::string Lacks(std::int64_t wanted, std::int64_t used, std::int64_t limit,
                  std::string_view noun) {
  if (used + wanted <= limit) return "";
  return fmt::format("has {} {} free", std::max<std::int64_t>(limit - used, 0), noun);
}

constexpr std::array<Filter, 5> kFilters = {{
    {"state",
     [](const Instance&, const Candidate& candidate) -> std::string {
       if (candidate.node->state == "created") return "";
       // Gossip has the better word for a node that it misses.
       const bool gone =
           candidate.member && candidate.member->state >= gossip::MemberState::kUnreachable;
       return fmt::format("is {}", gone ? ToString(candidate.member->state)
                                        : std::string_view(candidate.node->state));
     }},
    {"drained",
     [](const Instance&, const Candidate& candidate) -> std::string {
       return candidate.node->drained ? "is drained" : "";
     }},
    {"cpus",
     [](const Instance& wanted, const Candidate& candidate) {
       const NodeRecord& node = *candidate.node;
       return Lacks(wanted.spec.cpus, node.used.cpus, node.limit.cpus, "cpus");
     }},
    {"memory",
     [](const Instance& wanted, const Candidate& candidate) {
       const NodeRecord& node = *candidate.node;
       return Lacks(wanted.spec.memory_mb, node.used.memory_mb, node.limit.memory_mb,
                    "MB of memory");
     }},
    {"disk",
     [](const Instance& wanted, const Candidate& candidate) {
       const NodeRecord& node = *candidate.node;
       return Lacks(DiskTotalGb(wanted.spec), node.used.disk_gb, node.limit.disk_gb, "GB of disk");
     }},
}};

std::vector<Candidate> Candidates(const Instance& wanted, const PlacementPicture& picture) {
  std::vector<Candidate> candidates;
  for (const NodeRecord& node : picture.nodes) {
    if (wanted.spec.placed_on && node.name != *wanted.spec.placed_on) continue;
    Candidate& candidate = candidates.emplace_back();
    candidate.node = &node;
    candidate.member = picture.cluster.Find(node.name);
    candidate.chance = Lot(node.name, wanted.uuid.value);
  }
  return candidates;
}

/// By node, the sum of the weights that `wanted` gives to the tags of each instance there.
std::map<NodeId, std::int64_t> Affinities(const Instance& wanted,
                                          const std::vector<Neighbour>& neighbours) {
  std::map<NodeId, std::int64_t> sums;
  const auto weights = wanted.metadata.find("affinity");
  if (weights == wanted.metadata.end()) return sums;
  for (const Neighbour& neighbour : neighbours) {
    for (const std::string& tag : neighbour.tags) {
      const auto weight = weights->find(tag);
      if (weight != weights->end()) sums[neighbour.node] += weight->get<std::int64_t>();
    }
  }
  return sums;
}

std::vector<std::uint32_t> ImageMarks(const Instance& wanted) {
  std::vector<std::uint32_t> marks;
  for (const InstanceDisk& disk : wanted.disks) {
    if (!disk.url.empty()) marks.push_back(gossip::ImageMark(disk.url));
  }
  return marks;
}

void Rate(const Instance& wanted, const std::vector<std::uint32_t>& images, Candidate& candidate) {
  const Capacity& limit = candidate.node->limit;
  const Capacity& used = candidate.node->used;
  candidate.room_percent = 100;
  const auto rate = [&](std::int64_t take, std::int64_t taken, std::int64_t all,
                        std::string_view noun) {
    if (take == 0) return;
    const std::int64_t percent = (all - taken - take) * 100 / all;  // it passed: all >= take
    if (!candidate.scarcest.empty() && percent >= candidate.room_percent) return;
    candidate.room_percent = percent;
    candidate.scarcest = noun;
  };
  rate(wanted.spec.cpus, used.cpus, limit.cpus, "cpus");
  rate(wanted.spec.memory_mb, used.memory_mb, limit.memory_mb, "memory");
  rate(DiskTotalGb(wanted.spec), used.disk_gb, limit.disk_gb, "disk");
  if (!candidate.member || !candidate.member->advert) return;
  const auto& cached = candidate.member->advert->images;
  candidate.images_cached = std::ranges::count_if(
      images, [&cached](std::uint32_t mark) { return cached.contains(mark); });
}

/// Less is better.
auto Rank(const Candidate& candidate, std::size_t images) {
  const bool in_doubt =
      candidate.member && candidate.member->state == gossip::MemberState::kSuspect;
  const std::int64_t cached =
      images == 0 ? 0 : kCacheWorth * candidate.images_cached / static_cast<std::int64_t>(images);
  return std::tuple(in_doubt, -candidate.affinity, -(candidate.room_percent + cached),
                    candidate.chance, std::string_view(candidate.node->name.value));
}

std::string Why(const Instance& wanted, const Candidate& candidate, std::size_t images) {
  std::string why = fmt::format("{} % of its {} left", candidate.room_percent, candidate.scarcest);
  if (images > 0) {
    why += fmt::format(", {} of {} images cached there", candidate.images_cached, images);
  }
  if (wanted.metadata.contains("affinity")) {
    why += fmt::format(", affinity {}", candidate.affinity);
  }
  return why;
}

json Names(const std::vector<Candidate>& candidates) {
  json names = json::array();
  for (const Candidate& candidate : candidates) {
    if (names.size() == kMaxNodesTold) break;
    names.push_back(candidate.node->name.value);
  }
  return names;
}

/// What the filters left over, and of whom they had left out, why.
struct Filtered {
  std::vector<Candidate> left;
  json filters = json::array();
  json left_out = json::array();
  std::string objections;
};

Filtered ApplyFilters(const Instance& wanted, std::vector<Candidate> candidates) {
  Filtered result;
  std::size_t out = 0;
  for (const Filter& filter : kFilters) {
    std::erase_if(candidates, [&](const Candidate& candidate) {
      const std::string why = filter.objection(wanted, candidate);
      if (why.empty()) return false;
      const std::string& name = candidate.node->name.value;
      if (++out <= kMaxNodesInError) {
        result.objections += fmt::format("{}{} {}", out == 1 ? "" : ", ", name, why);
      }
      if (out <= kMaxNodesTold) {
        result.left_out.push_back({{"node", name}, {"filter", filter.name}, {"why", why}});
      }
      return true;
    });
    result.filters.push_back(
        {{"filter", filter.name}, {"left_over", candidates.size()}, {"nodes", Names(candidates)}});
  }
  if (out > kMaxNodesInError) {
    result.objections += fmt::format(" and {} more", out - kMaxNodesInError);
  }
  result.left = std::move(candidates);
  return result;
}

}  // namespace

Result<Placement> Place(const Instance& wanted, const PlacementPicture& picture) {
  std::vector<Candidate> candidates = Candidates(wanted, picture);
  if (const auto& node = wanted.spec.placed_on) {
    if (candidates.empty()) return Fail(Code::kNotFound, "node {} not found", *node);
    if (const std::string down = kFilters[0].objection(wanted, candidates[0]); !down.empty()) {
      return Fail(Code::kNotFound, "node {} not found among those that are up: it {}", *node, down);
    }
    if (candidates[0].node->drained) {
      return Fail(Code::kConflict, "node {} is drained: it takes no new instances", *node);
    }
  }
  auto [left, filters, left_out, objections] = ApplyFilters(wanted, std::move(candidates));
  if (left.empty()) {
    return Fail(Code::kNoCapacity,
                "no node has room for {} cpus, {} MB of memory and {} GB of disk{}{}",
                wanted.spec.cpus, wanted.spec.memory_mb, DiskTotalGb(wanted.spec),
                objections.empty() ? "" : ": ", objections);
  }
  const auto images = ImageMarks(wanted);
  const auto affinities = Affinities(wanted, picture.neighbours);
  for (Candidate& candidate : left) {
    Rate(wanted, images, candidate);
    const auto affinity = affinities.find(candidate.node->name);
    if (affinity != affinities.end()) candidate.affinity = affinity->second;
  }
  std::ranges::sort(left, {}, [&](const Candidate& one) { return Rank(one, images.size()); });

  Placement placement;
  json ranked = json::array();
  for (const Candidate& candidate : left) {
    placement.ranked.push_back({candidate.node->name, Why(wanted, candidate, images.size())});
    if (ranked.size() == kMaxNodesTold) continue;
    ranked.push_back({{"node", candidate.node->name.value},
                      {"why", placement.ranked.back().why},
                      {"affinity", candidate.affinity},
                      {"images_cached", candidate.images_cached},
                      {"room_percent", candidate.room_percent}});
  }
  placement.reasons = {{"filters", std::move(filters)},
                       {"left_out", std::move(left_out)},
                       {"ranked", std::move(ranked)}};
  return placement;
}

}  // namespace sf
