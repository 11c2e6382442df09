// SPDX-License-Identifier: Apache-2.0
#include "node/api/views.h"

#include "node/base/netblock.h"

#include <string>

namespace sf::api {
namespace {

using nlohmann::json;

template <class T>
json OrNull(const std::optional<T>& value) {
  return value ? json(*value) : json(nullptr);
}

json OrNull(const std::string& text) { return text.empty() ? json(nullptr) : json(text); }
json OrNull(double time) { return time == 0 ? json(nullptr) : json(time); }
json OrNull(int port) { return port == 0 ? json(nullptr) : json(port); }

/// Of Capacity or of gossip::Amounts, which say the same.
template <class Room>
json RoomView(const Room& room) {
  return {{"cpus", room.cpus}, {"memory_mb", room.memory_mb}, {"disk_gb", room.disk_gb}};
}

/// What a witness saw, and by which ways it had tried.
json WitnessView(const gossip::Witness& witness) {
  const auto view = [&witness](const char* found, const char* paths) -> json {
    return {{"witness", witness.name.value}, {"found", found}, {"paths", paths}};
  };
  switch (witness.evidence) {
    case gossip::Evidence::kGone:
      return view("gone", "its kernel is there and refused the connection");
    case gossip::Evidence::kFrozen:
      return view("frozen", "UDP and its helpers' had no answer; its kernel took a TCP connection");
    case gossip::Evidence::kSilent: break;
  }
  return view("silent", "UDP, its helpers' and TCP had no answer");
}

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
      {"interfaces", ViewAll(instance.interfaces)},
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
      {"agent_state", instance.agent.state},
      {"agent_start_time", OrNull(instance.agent.start_time)},
      {"agent_system_boot_time", OrNull(instance.agent.system_boot_time)},
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

json View(const AgentOperation& operation) {
  return {{"uuid", operation.uuid.value},
          {"namespace", operation.name_space.value},
          {"instance_uuid", operation.instance.value},
          {"state", ToString(operation.state)},
          {"commands", operation.commands},
          {"results", operation.results},
          {"error_message", OrNull(operation.error_message)},
          {"metadata", json::object()},
          {"version", operation.version}};
}

json View(const Placement& placement) {
  json view = placement.reasons;
  view["node"] = placement.ranked.front().node.value;
  return view;
}

json View(const Network& network) {
  return {{"uuid", network.uuid.value},
          {"name", network.name},
          {"namespace", network.name_space.value},
          {"netblock", ToString(network.netblock)},
          {"provide_dhcp", network.provide_dhcp},
          {"provide_nat", network.provide_nat},
          {"provide_dns", network.provide_dns},
          {"floating_gateway", OrNull(network.floating_gateway)},
          {"vxid", network.vni},
          {"state", ToString(network.state)},
          {"metadata", network.metadata},
          {"version", network.version}};
}

json View(const Interface& interface) {
  return {{"uuid", interface.uuid.value},
          {"network_uuid", interface.network.value},
          {"instance_uuid", interface.instance.value},
          {"macaddr", interface.mac},
          {"ipv4", OrNull(interface.ipv4)},
          {"order", interface.order},
          {"model", interface.model},
          {"floating", OrNull(interface.floating)},
          {"state", interface.state},
          {"metadata", interface.metadata},
          {"version", interface.version}};
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
      // Clients look it up in `blobs`; the highest number ever given may have been deleted.
      {"index", artifact.versions.empty() ? artifact.index : artifact.versions.back().index},
      {"blob_uuid",
       artifact.versions.empty() ? json(nullptr) : json(artifact.versions.back().blob.uuid.value)},
      {"blobs", std::move(blobs)},
      {"progress", {{"bytes", artifact.fetched_bytes}, {"total_bytes", artifact.total_bytes}}},
      {"metadata", artifact.metadata},
      {"version", artifact.version},
  };
}

json VersionsOf(const Artifact& artifact) {
  json versions = json::array();
  for (const ArtifactVersion& version : artifact.versions) {
    versions.push_back(VersionView(version));
    versions.back()["index"] = version.index;
  }
  return versions;
}

json View(const StoredBlob& stored) {
  json locations = json::array();
  for (const BlobLocation& location : stored.locations) locations.push_back(location.node.value);
  const Blob& blob = stored.blob;
  return {{"uuid", blob.uuid.value},
          {"state", "created"},
          {"size", blob.size},
          {"modified", blob.fetched_at},
          {"fetched_at", blob.fetched_at},
          {"last_used", blob.last_used},
          {"depends_on", nullptr},
          {"transcodes", json::object()},
          {"locations", std::move(locations)},
          {"reference_count", stored.versions + static_cast<std::int64_t>(stored.instances.size())},
          {"sha256", blob.sha256},
          {"sha512", blob.sha512},
          {"instances", stored.instances},
          {"virtual size", blob.virtual_size},
          {"file format", blob.stored ? OrNull(blob.source_format) : json("qcow2")},
          {"mime type", "application/octet-stream"},
          {"metadata", stored.metadata}};
}

json View(const Snapshot& snapshot) {
  return {{"uuid", snapshot.artifact.value},
          {"blob_uuid", snapshot.blob.value},
          // That it has been begun already makes no difference to who waits for it.
          {"state", snapshot.state == "creating" ? "initial" : snapshot.state},
          {"error_message", OrNull(snapshot.error_message)},
          {"source_url", SnapshotUrl(snapshot.instance, snapshot.device)},
          {"device", snapshot.device},
          {"created", snapshot.created_at},
          {"progress", {{"bytes", snapshot.bytes}, {"total_bytes", snapshot.total_bytes}}}};
}

json View(const Namespace& space) {
  json trusted = json::array({kSystemNamespace.value});
  for (const NamespaceId& other : space.trusted) trusted.push_back(other.value);
  return {{"name", space.name.value},   {"state", space.state},
          {"keys", space.key_names},    {"trust", {{"full", std::move(trusted)}}},
          {"metadata", space.metadata}, {"version", space.version}};
}

json View(const NodeRecord& node, const ClusterView& cluster) {
  const MemberView* const member = cluster.Find(node.name);
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
          {"is_network_node", node.name == cluster.role.holder},
          {"is_etcd_master", false},
          {"is_eventlog_node", false},
          {"is_cluster_maintainer", false},
          {"limit", RoomView(node.limit)},
          {"used", RoomView(node.used)},
          {"gossip", member == nullptr ? json(nullptr) : View(*member, cluster)},
          {"drained", node.drained},
          {"metadata", node.metadata}};
}

json View(const MemberView& member, const ClusterView& cluster) {
  const auto& advert = member.advert;
  const bool told = advert && advert->capacity.limit != gossip::Amounts();
  json evidence = json::array();
  for (const gossip::Witness& witness : member.witnesses) evidence.push_back(WitnessView(witness));
  return {{"name", member.name.value},
          {"self", member.self},
          {"address", ToString(IpAddress{member.address.ip})},
          {"port", member.address.port},
          {"state", ToString(member.state)},
          {"since", member.since},
          {"incarnation", member.incarnation},
          {"role", member.name == cluster.role.holder ? json("network-services") : json(nullptr)},
          {"role_term", advert ? json(advert->role.highest.term) : json(nullptr)},
          {"ready_to_serve", advert && advert->role.ready},
          {"release", advert ? OrNull(advert->identity.version) : json(nullptr)},
          {"api_port", advert ? OrNull(int{advert->identity.api_port}) : json(nullptr)},
          {"round_trip_ms", OrNull(member.round_trip_ms)},
          {"limit", told ? RoomView(advert->capacity.limit) : json(nullptr)},
          {"used", told ? RoomView(advert->capacity.used) : json(nullptr)},
          {"instances", advert ? json(advert->instances.size()) : json(nullptr)},
          {"suspected_at", member.witnesses.empty() ? json(nullptr) : json(member.suspected_at)},
          {"evidence", std::move(evidence)}};
}

json View(const Event& event) {
  return {{"timestamp", event.timestamp}, {"type", event.type},
          {"fqdn", event.node},           {"duration", OrNull(event.duration_s)},
          {"message", event.message},     {"extra", event.extra}};
}

}  // namespace sf::api
