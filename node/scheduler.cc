// SPDX-License-Identifier: Apache-2.0
#include "node/scheduler.h"

#include <algorithm>
#include <functional>
#include <tuple>
#include <utility>

namespace sf {
namespace {

using nlohmann::json;

struct Filter {
  std::string name;
  std::string shortage;  ///< what is wrong when it leaves nobody over
  std::function<bool(const NodeRecord&)> passes;
};

std::vector<Filter> FiltersFor(const InstanceSpec& spec) {
  const std::int64_t disk = DiskTotalGb(spec);
  return {
      {"alive", "no node is up", [](const NodeRecord& node) { return node.state == "created"; }},
      {"cpus", fmt::format("no node has room for {} cpus", spec.cpus),
       [&spec](const NodeRecord& node) { return node.used.cpus + spec.cpus <= node.limit.cpus; }},
      {"memory", fmt::format("no node has room for {} MB of memory", spec.memory_mb),
       [&spec](const NodeRecord& node) {
         return node.used.memory_mb + spec.memory_mb <= node.limit.memory_mb;
       }},
      {"disk", fmt::format("no node has room for {} GB of disk", disk),
       [disk](const NodeRecord& node) { return node.used.disk_gb + disk <= node.limit.disk_gb; }},
  };
}

json Names(const std::vector<NodeRecord>& nodes) {
  json names = json::array();
  for (const NodeRecord& node : nodes) names.push_back(node.name.value);
  return names;
}

}  // namespace

Result<Placement> Place(const InstanceSpec& spec, const std::vector<NodeRecord>& nodes) {
  std::vector<NodeRecord> left = nodes;
  json reason = json::array();
  reason.push_back({{"filter", "all"}, {"nodes", Names(left)}});
  if (spec.placed_on) {
    std::erase_if(left, [&](const NodeRecord& node) {
      return node.name != *spec.placed_on || node.state != "created";
    });
    if (left.empty()) return Fail(Code::kNotFound, "node {} not found", *spec.placed_on);
    reason.push_back({{"filter", "placed_on"}, {"nodes", Names(left)}});
  }
  for (const Filter& filter : FiltersFor(spec)) {
    std::erase_if(left, [&](const NodeRecord& node) { return !filter.passes(node); });
    reason.push_back({{"filter", filter.name}, {"nodes", Names(left)}});
    if (left.empty()) return Fail(Code::kNoCapacity, "{}", filter.shortage);
  }
  // The name settles ties, so that every node ranks alike.
  std::sort(left.begin(), left.end(), [](const NodeRecord& a, const NodeRecord& b) {
    const auto free = [](const NodeRecord& node) {
      return node.limit.memory_mb - node.used.memory_mb;
    };
    return std::tuple(-free(a), a.name) < std::tuple(-free(b), b.name);
  });
  Placement placement;
  for (const NodeRecord& node : left) placement.ranked.push_back(node.name);
  placement.reason = {{"filters", std::move(reason)}, {"ranked", Names(left)}};
  return placement;
}

}  // namespace sf
