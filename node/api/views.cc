// SPDX-License-Identifier: Apache-2.0
#include "node/api/views.h"

#include <string>

namespace sf::api {
namespace {

using nlohmann::json;

template <class T>
json OrNull(const std::optional<T>& value) {
  return value ? json(*value) : json(nullptr);
}

json OrNull(const std::string& text) { return text.empty() ? json(nullptr) : json(text); }
json OrNull(int port) { return port == 0 ? json(nullptr) : json(port); }

json DiskView(const InstanceDisk& disk) {
  return {{"device", disk.device},
          {"bus", disk.bus},
          {"type", disk.type},
          {"size", disk.size_gb},
          {"blob_uuid", OrNull(disk.blob.value)},
          {"snapshot_ignores", disk.type == "cdrom"}};
}

json VersionView(const ArtifactVersion& version) {
  return {{"uuid", version.blob.uuid.value},
          {"size", version.blob.size},
          {"sha256", version.blob.sha256},
          {"sha512", version.blob.sha512},
          {"virtual size", version.blob.virtual_size},
          {"reference_count", 1 + version.instances.size()},
          {"depends_on", nullptr},
          {"instances", version.instances}};
}

}  // namespace

json View(const Instance& instance) {
  const InstanceSpec& spec = instance.spec;
  json disk_specs = json::array();
  // As they were asked for: an ansible task compares them, and makes the instance anew if they
  // differ.
  for (const DiskSpec& disk : spec.disks) disk_specs.push_back(ToJson(disk));
  json disks = json::array();
  for (const InstanceDisk& disk : instance.disks) disks.push_back(DiskView(disk));
  json view = {
      {"uuid", instance.uuid.value},
      {"name", spec.name},
      {"namespace", spec.name_space.value},
      {"cpus", spec.cpus},
      {"memory", spec.memory_mb},
      {"disk_spec", std::move(disk_specs)},
      {"disks", std::move(disks)},
      {"interfaces", json::array()},
      {"ssh_key", OrNull(spec.ssh_key)},
      {"user_data", OrNull(spec.user_data)},
      {"video",
       {{"model", spec.video.model}, {"memory", spec.video.memory_kib}, {"vdi", spec.video.vdi}}},
      {"uefi", spec.uefi},
      {"secure_boot", spec.secure_boot},
      {"nvram_template", OrNull(spec.nvram_template)},
      {"machine_type", spec.secure_boot ? "q35" : "pc"},
      {"configdrive", spec.config_drive ? "openstack-disk" : "none"},
      {"side_channels", spec.side_channels},
      // Text, never null: a waiting client takes its first letters.
      {"agent_state", "not ready (no contact)"},
      {"agent_start_time", nullptr},
      {"agent_system_boot_time", nullptr},
      {"node", instance.node.value},
      {"power_state", instance.power_state},
      {"state", ToString(instance.state)},
      {"error_message", OrNull(instance.error_message)},
      {"console_port", OrNull(instance.console_port)},
      {"vdi_port", OrNull(instance.vdi_port)},
      {"vdi_tls_port", nullptr},
      {"metadata", instance.metadata},
      {"version", instance.version},
  };
  if (spec.placed_on) view["requested_placement"] = spec.placed_on->value;
  return view;
}

json View(const Artifact& artifact) {
  json blobs = json::object();
  for (const ArtifactVersion& version : artifact.versions) {
    blobs[std::to_string(version.index)] = VersionView(version);
  }
  return {
      {"uuid", artifact.uuid.value},
      {"artifact_type", artifact.type},
      {"source_url", artifact.source_url},
      {"namespace", artifact.name_space.value},
      {"state", artifact.state},
      {"error_message", OrNull(artifact.error_message)},
      {"shared", artifact.shared},
      {"max_versions", artifact.max_versions},
      {"index", artifact.index},
      {"blob_uuid",
       artifact.versions.empty() ? json(nullptr) : json(artifact.versions.back().blob.uuid.value)},
      {"blobs", std::move(blobs)},
      {"progress", {{"bytes", artifact.fetched_bytes}, {"total_bytes", artifact.total_bytes}}},
      {"metadata", artifact.metadata},
      {"version", artifact.version},
  };
}

json View(const Namespace& space) {
  return {{"name", space.name.value},   {"state", space.state},
          {"keys", space.key_names},    {"trust", {{"full", {kSystemNamespace.value}}}},
          {"metadata", space.metadata}, {"version", space.version}};
}

json View(const NodeRecord& node) {
  const auto room = [](const Capacity& capacity) -> json {
    return {
        {"cpus", capacity.cpus}, {"memory_mb", capacity.memory_mb}, {"disk_gb", capacity.disk_gb}};
  };
  return {{"name", node.name.value},
          {"ip", node.ip},
          {"fqdn", node.fqdn},
          {"zone", node.zone},
          {"state", node.state},
          {"lastseen", node.last_seen},
          {"version", "1"},
          {"release", node.release},
          {"is_hypervisor", true},
          // Names of roles are fixed by the client; those without a meaning here are false.
          {"is_network_node", false},
          {"is_etcd_master", false},
          {"is_eventlog_node", false},
          {"is_cluster_maintainer", false},
          {"limit", room(node.limit)},
          {"used", room(node.used)},
          {"metadata", json::object()}};
}

json View(const Event& event) {
  return {{"timestamp", event.timestamp}, {"type", event.type},
          {"fqdn", event.node},           {"duration", OrNull(event.duration_s)},
          {"message", event.message},     {"extra", event.extra}};
}

}  // namespace sf::api
