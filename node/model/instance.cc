// SPDX-License-Identifier: Apache-2.0
#include "node/model/instance.h"

#include <array>
#include <utility>

namespace sf {
namespace {

using nlohmann::json;

constexpr std::array kStates = {
    std::pair{InstanceState::kInitial, "initial"},
    std::pair{InstanceState::kCreating, "creating"},
    std::pair{InstanceState::kCreated, "created"},
    std::pair{InstanceState::kDeleteWait, "delete-wait"},
    std::pair{InstanceState::kDeleted, "deleted"},
    std::pair{InstanceState::kError, "error"},
};

template <class T>
json OrNull(const std::optional<T>& value) {
  return value ? json(*value) : json(nullptr);
}

template <class T>
std::optional<T> Optional(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return std::nullopt;
  return found->get<T>();
}

InstanceSpec FromJson(const json& object) {
  InstanceSpec spec;
  spec.cpus = object.at("cpus").get<std::int64_t>();
  spec.memory_mb = object.at("memory").get<std::int64_t>();
  for (const json& disk : object.at("disks")) {
    spec.disks.push_back({Optional<std::string>(disk, "base"), Optional<std::string>(disk, "bus"),
                          Optional<std::int64_t>(disk, "size"),
                          Optional<std::string>(disk, "type")});
  }
  spec.ssh_key = Optional<std::string>(object, "ssh_key");
  spec.user_data = Optional<std::string>(object, "user_data");
  const json& video = object.at("video");
  spec.video = {video.at("model").get<std::string>(), video.at("memory").get<std::int64_t>(),
                video.at("vdi").get<std::string>()};
  spec.uefi = object.at("uefi").get<bool>();
  spec.secure_boot = object.at("secure_boot").get<bool>();
  spec.nvram_template = Optional<std::string>(object, "nvram_template");
  spec.config_drive = object.at("config_drive").get<bool>();
  spec.side_channels = object.at("side_channels").get<std::vector<std::string>>();
  if (auto node = Optional<std::string>(object, "placed_on")) spec.placed_on = NodeId(*node);
  return spec;
}

}  // namespace

std::string_view ToString(InstanceState state) {
  for (const auto& [value, text] : kStates) {
    if (value == state) return text;
  }
  return "unknown";
}

Result<InstanceState> ParseInstanceState(std::string_view text) {
  for (const auto& [value, name] : kStates) {
    if (name == text) return value;
  }
  return Fail(Code::kInternal, "no such instance state: {}", text);
}

bool CanMove(InstanceState from, InstanceState to) {
  using enum InstanceState;
  switch (to) {
    case kInitial: return false;
    case kCreating: return from == kInitial;
    case kCreated: return from == kCreating;
    case kError: return from == kInitial || from == kCreating || from == kCreated;
    case kDeleteWait: return from != kDeleteWait && from != kDeleted;
    case kDeleted: return from == kDeleteWait;
  }
  return false;
}

json ToJson(const DiskSpec& disk) {
  return {{"base", OrNull(disk.base)},
          {"bus", OrNull(disk.bus)},
          {"size", OrNull(disk.size_gb)},
          {"type", OrNull(disk.type)}};
}

json ToJson(const InstanceSpec& spec) {
  json disks = json::array();
  for (const DiskSpec& disk : spec.disks) disks.push_back(ToJson(disk));
  return {
      {"cpus", spec.cpus},
      {"memory", spec.memory_mb},
      {"disks", std::move(disks)},
      {"ssh_key", OrNull(spec.ssh_key)},
      {"user_data", OrNull(spec.user_data)},
      {"video",
       {{"model", spec.video.model}, {"memory", spec.video.memory_kib}, {"vdi", spec.video.vdi}}},
      {"uefi", spec.uefi},
      {"secure_boot", spec.secure_boot},
      {"nvram_template", OrNull(spec.nvram_template)},
      {"config_drive", spec.config_drive},
      {"side_channels", spec.side_channels},
      {"placed_on", spec.placed_on ? json(spec.placed_on->value) : json(nullptr)}};
}

Result<InstanceSpec> ParseInstanceSpecJson(std::string_view text) {
  try {
    return FromJson(json::parse(text));
  } catch (const json::exception& e) {
    return Fail(Code::kInternal, "the stored description of an instance is damaged: {}", e.what());
  }
}

std::int64_t DiskTotalGb(const InstanceSpec& spec) {
  std::int64_t total = 0;
  for (const DiskSpec& disk : spec.disks) total += disk.size_gb.value_or(0);
  return total;
}

}  // namespace sf
