// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "node/base/id.h"
#include "node/base/result.h"
#include "node/model/interface.h"

namespace sf {

/// initial -> creating -> created -> delete-wait -> deleted; error from any of the first three.
/// An instance in error stays until its owner deletes it, unless that was because its node was
/// lost: when the node is back, the instance is where it was before.
enum class InstanceState { kInitial, kCreating, kCreated, kDeleteWait, kDeleted, kError };

std::string_view ToString(InstanceState state);
Result<InstanceState> ParseInstanceState(std::string_view text);
/// Whether the state machine above has this arrow, but for the way back of an instance that was
/// lost.
bool CanMove(InstanceState from, InstanceState to);

/// A disk as its owner asked for it. An unset field was null in the request and is null again in
/// the answer: clients compare the two to decide whether an instance has changed.
struct DiskSpec {
  std::optional<std::string> base;  ///< URL or reference of the image; unset for a blank disk
  std::optional<std::string> bus;
  std::optional<std::int64_t> size_gb;
  std::optional<std::string> type;
};

struct VideoSpec {
  std::string model = "cirrus";
  std::int64_t memory_kib = 16384;
  std::string vdi = "spice";
};

/// What an owner asked for, as checked by the API.
struct InstanceSpec {
  std::string name;
  NamespaceId name_space;
  std::int64_t cpus = 1;
  std::int64_t memory_mb = 0;
  std::vector<DiskSpec> disks;
  std::optional<std::string> ssh_key;
  std::optional<std::string> user_data;  ///< base64, echoed as it came
  VideoSpec video;
  bool uefi = false;
  bool secure_boot = false;
  std::optional<std::string> nvram_template;
  bool config_drive = true;
  std::vector<std::string> side_channels;
  std::optional<NodeId> placed_on;             ///< only if the owner insisted
  std::vector<InterfaceSpec> interfaces = {};  ///< not kept: what was made says it all
};

/// Exactly four keys, base, bus, size and type, null where unset.
nlohmann::json ToJson(const DiskSpec& disk);

/// Everything of a spec but its name, namespace and interfaces, as the store keeps it.
nlohmann::json ToJson(const InstanceSpec& spec);
Result<InstanceSpec> ParseInstanceSpecJson(std::string_view text);

/// The room that `spec` takes of its node.
std::int64_t DiskTotalGb(const InstanceSpec& spec);

/// A disk as it was made: what the guest calls it, and which image lies below it.
struct InstanceDisk {
  std::string device;
  std::string bus;
  std::string type;          ///< "disk" or "cdrom"
  std::int64_t size_gb = 0;  ///< 0: the size of its image
  std::string url;           ///< of its image, or sf://blob/...; empty for a blank disk
  ArtifactId artifact;       ///< of that URL; empty for any other disk
  BlobId blob;               ///< of an image by its URL empty until the instance is built
};

/// What is known of the agent inside. Times are seconds since the epoch, 0 when they are not known.
struct AgentFacts {
  static constexpr char kNoContact[] = "not ready (no contact)";

  std::string state = kNoContact;  ///< begins with "ready" when it takes operations
  double start_time = 0;
  double system_boot_time = 0;

  bool ready() const { return state.starts_with("ready"); }
  bool operator==(const AgentFacts&) const = default;
};

struct Instance {
  InstanceId uuid;
  InstanceSpec spec;
  nlohmann::json metadata = nlohmann::json::object();
  std::vector<InstanceDisk> disks;
  std::vector<Interface> interfaces = {};  ///< in order
  NodeId node;
  InstanceState state = InstanceState::kInitial;
  std::string error_message;
  std::optional<InstanceState> lost_from = {};  ///< in error because its node was lost; from there
  bool power_wanted = true;                     ///< false once its owner switched it off
  std::string power_state = "initial";          ///< as its node last saw it
  AgentFacts agent = {};
  int console_port = 0;
  int vdi_port = 0;
  double created_at = 0;  ///< seconds since the epoch, by the database's clock
  std::int64_t version = 0;
};

}  // namespace sf
