// SPDX-License-Identifier: Apache-2.0
#include "node/api/instance_request.h"

#include <algorithm>
#include <cmath>
#include <variant>

#include "compute/device_names.h"
#include "compute/domain_spec.h"
#include "images/config_drive.h"
#include "images/image_ref.h"
#include "node/api/body.h"
#include "node/api/network_request.h"

namespace sf::api {
namespace {

using nlohmann::json;

constexpr std::int64_t kMaxCpus = 1024;
constexpr std::int64_t kMaxMemoryMb = std::int64_t{16} << 20;
constexpr std::int64_t kMaxDiskGb = 64 * 1024;
constexpr std::int64_t kMaxVideoKib = 1 << 20;
constexpr std::size_t kMaxDisks = 24;
constexpr std::size_t kMaxSideChannels = 8;
constexpr std::size_t kMaxMetadataKey = 255;
constexpr std::size_t kMaxHostName = 63;
constexpr int kMaxWeight = 1'000'000;

/// Also the guest's host name, hence no dots and no underscores.
bool IsInstanceName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxHostName &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                  c == '-';
         });
}

/// "Falsy", as the contract has it: what a client would send to say nothing.
bool IsFalsy(const json& value) {
  return value.is_null() || value == false || value == json("") || value == 0 ||
         (value.is_structured() && value.empty());
}

Result<DiskSpec> ParseDisk(const json& entry, const std::string& where) {
  if (!entry.is_object()) return Fail(Code::kInvalid, "{} is not an object", where);
  const Fields fields(entry, where + ".");
  DiskSpec disk;
  disk.base = TRY(fields.Text("base"));
  disk.bus = TRY(fields.Text("bus"));
  disk.size_gb = TRY(fields.Integer("size", 0, kMaxDiskGb));
  disk.type = TRY(fields.Text("type"));
  return disk;
}

/// What `spec` becomes in the guest. `url` is empty for a blank disk, and for an image that the
/// cloud itself keeps until ResolveBases() has found it.
Result<InstanceDisk> ResolveDisk(const DiskSpec& spec, const std::string& where) {
  InstanceDisk disk;
  disk.type = spec.type.value_or("disk");
  if (disk.type.empty()) disk.type = "disk";
  if (disk.type != "disk" && disk.type != "cdrom") {
    return Fail(Code::kInvalid, "{}.type is neither disk nor cdrom", where);
  }
  disk.size_gb = spec.size_gb.value_or(0);
  const auto ref = images::ParseImageRef(spec.base.value_or(""));
  if (!ref) return Fail(ref.error().code, "{}.base: {}", where, ref.error().message);
  if (const auto* url = std::get_if<images::ImageUrl>(&*ref)) {
    disk.url = ToString(*url);
  } else if (std::holds_alternative<images::BlankDisk>(*ref) && disk.size_gb == 0) {
    return Fail(Code::kInvalid, "{} is blank and has no size", where);
  }
  return disk;
}

Result<void> ParseDisks(const json& body, Instance& instance) {
  const json* disks = Fields(body).Any("disk");
  if (disks == nullptr || !disks->is_array() || disks->empty()) {
    return Fail(Code::kInvalid, "disk must be a list of at least one disk");
  }
  if (disks->size() > kMaxDisks) {
    return Fail(Code::kInvalid, "disk has {} entries; {} are possible", disks->size(), kMaxDisks);
  }
  std::vector<compute::DiskRequest> requests;
  for (std::size_t i = 0; i < disks->size(); ++i) {
    const std::string where = fmt::format("disk[{}]", i);
    instance.spec.disks.push_back(TRY(ParseDisk((*disks)[i], where)));
    const DiskSpec& spec = instance.spec.disks.back();
    instance.disks.push_back(TRY(ResolveDisk(spec, where)));
    const auto bus = compute::ParseBus(spec.bus.value_or(""));
    if (!bus) return Fail(Code::kInvalid, "{}.bus: {}", where, bus.error().message);
    requests.push_back({*bus, instance.disks.back().type == "cdrom" ? compute::DiskType::kCdrom
                                                                    : compute::DiskType::kDisk});
  }
  const auto machine = instance.spec.secure_boot ? compute::Machine::kQ35 : compute::Machine::kPc;
  const auto layout = TRY(compute::AssignDevices(requests, machine, instance.spec.config_drive));
  for (std::size_t i = 0; i < layout.disks.size(); ++i) {
    instance.disks[i].device = layout.disks[i].name;
    instance.disks[i].bus = ToString(layout.disks[i].bus);
  }
  return {};
}

Result<VideoSpec> ParseVideo(const json& body) {
  const json* value = Fields(body).Any("video");
  if (value == nullptr) return VideoSpec{};
  if (!value->is_object()) return Fail(Code::kInvalid, "video is not an object");
  const Fields fields(*value, "video.");
  VideoSpec video;
  video.model = TRY(fields.Required("model"));
  if (!compute::IsVideoModel(video.model)) {
    return Fail(Code::kInvalid, "video.model {:.40} is not a known model", video.model);
  }
  const auto memory = TRY(fields.Integer("memory", 1, kMaxVideoKib));
  if (!memory) return Fail(Code::kInvalid, "video.memory is missing");
  video.memory_kib = *memory;
  video.vdi = TRY(fields.NonEmpty("vdi")).value_or("spice");
  if (video.vdi != "spice" && video.vdi != "vnc" && video.vdi != "spiceconcurrent") {
    return Fail(Code::kInvalid, "video.vdi is none of spice, vnc and spiceconcurrent");
  }
  return video;
}

Result<std::vector<std::string>> ParseSideChannels(const json& body) {
  const json* value = Fields(body).Any("side_channels");
  if (value == nullptr) return std::vector<std::string>{"sf-agent"};
  if (!value->is_array() || value->size() > kMaxSideChannels) {
    return Fail(Code::kInvalid, "side_channels is not a list of at most {} names",
                kMaxSideChannels);
  }
  std::vector<std::string> names;
  for (const json& name : *value) {
    if (!name.is_string() || !IsName(name.get_ref<const std::string&>())) {
      return Fail(Code::kInvalid, "side_channels has an entry that is not a name");
    }
    names.push_back(name.get<std::string>());
  }
  return names;
}

Result<bool> ParseConfigDrive(const json& body) {
  const std::string kind = TRY(Fields(body).NonEmpty("configdrive")).value_or("openstack-disk");
  if (kind != "openstack-disk" && kind != "none") {
    return Fail(Code::kInvalid, "configdrive is neither openstack-disk nor none");
  }
  return kind == "openstack-disk";
}

Result<void> ParseFirmware(const json& body, InstanceSpec& spec) {
  const Fields fields(body);
  spec.uefi = TRY(fields.Flag("uefi", false));
  spec.secure_boot = TRY(fields.Flag("secure_boot", false));
  spec.nvram_template = TRY(fields.NonEmpty("nvram_template"));
  if (spec.secure_boot && !spec.uefi) {
    return Fail(Code::kInvalid, "secure_boot needs uefi");
  }
  if (!spec.nvram_template) return {};
  if (!spec.uefi) return Fail(Code::kInvalid, "nvram_template needs uefi");
  const auto ref = images::ParseImageRef(*spec.nvram_template);
  if (!ref) return Fail(Code::kInvalid, "nvram_template: {}", ref.error().message);
  const auto* const image = std::get_if<images::StoredImage>(&*ref);
  if (image == nullptr || (image->kind != images::StoredImage::Kind::kLabel &&
                           image->kind != images::StoredImage::Kind::kBlob)) {
    return Fail(Code::kInvalid, "nvram_template is neither a label nor sf://blob/UUID");
  }
  return {};
}

Result<json> ParseMetadata(const json& body) {
  const json* value = Fields(body).Any("metadata");
  if (value == nullptr) return json::object();
  if (!value->is_object()) return Fail(Code::kInvalid, "metadata is not an object");
  for (const auto& [key, entry] : value->items()) TRY(CheckInstanceMetadata(key, entry));
  return *value;
}

}  // namespace

Result<void> CheckMetadata(const std::string& key, const json& value) {
  if (key.empty() || key.size() > kMaxMetadataKey) {
    return Fail(Code::kInvalid, "a metadata key has 1 to {} bytes", kMaxMetadataKey);
  }
  // No path can name such a key, so it could not be removed.
  if (std::any_of(key.begin(), key.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; })) {
    return Fail(Code::kInvalid, "a metadata key holds a control character");
  }
  if (IsFalsy(value)) return Fail(Code::kInvalid, "metadata {:.60} has no value", key);
  return {};
}

Result<void> CheckInstanceMetadata(const std::string& key, const json& value) {
  TRY(CheckMetadata(key, value));
  if (key == "tags") {
    const auto is_text = [](const json& tag) { return tag.is_string(); };
    if (!value.is_array() || !std::all_of(value.begin(), value.end(), is_text)) {
      return Fail(Code::kInvalid, "metadata tags is not a list of strings");
    }
  }
  if (key == "affinity") {
    if (!value.is_object()) return Fail(Code::kInvalid, "metadata affinity is not an object");
    for (const auto& [tag, weight] : value.items()) {
      // Within these bounds they can be summed up without care.
      if (!weight.is_number_integer() || std::abs(weight.get<double>()) > kMaxWeight) {
        return Fail(Code::kInvalid, "metadata affinity {:.60} is not a whole number from {} to {}",
                    tag, -kMaxWeight, kMaxWeight);
      }
    }
  }
  return {};
}

Result<Instance> ParseInstanceRequest(const json& body, const Caller& caller) {
  const Fields fields(body);
  Instance instance;
  InstanceSpec& spec = instance.spec;
  spec.name = TRY(fields.Required("name"));
  if (!IsInstanceName(spec.name)) {
    return Fail(Code::kInvalid, "name must be 1 to {} letters, digits and hyphens", kMaxHostName);
  }
  spec.name_space =
      NamespaceId(TRY(fields.NonEmpty("namespace")).value_or(caller.name_space.value));
  if (!caller.Manages(spec.name_space)) {
    return Fail(Code::kNotFound, "namespace {:.63} not found", spec.name_space);
  }
  const auto cpus = TRY(fields.Integer("cpus", 1, kMaxCpus));
  if (!cpus) return Fail(Code::kInvalid, "cpus is missing");
  const auto memory = TRY(fields.Integer("memory", 1, kMaxMemoryMb));
  if (!memory) return Fail(Code::kInvalid, "memory is missing");
  spec.cpus = *cpus;
  spec.memory_mb = *memory;
  spec.ssh_key = TRY(fields.NonEmpty("ssh_key"));
  spec.user_data = TRY(fields.NonEmpty("user_data"));
  if (spec.user_data && !images::DecodeBase64(*spec.user_data)) {
    return Fail(Code::kInvalid, "user_data is not base64");
  }
  spec.video = TRY(ParseVideo(body));
  TRY(ParseFirmware(body, spec));
  spec.config_drive = TRY(ParseConfigDrive(body));
  spec.side_channels = TRY(ParseSideChannels(body));
  if (const auto node = TRY(fields.NonEmpty("placed_on"))) spec.placed_on = NodeId(*node);
  instance.metadata = TRY(ParseMetadata(body));
  TRY(ParseDisks(body, instance));
  spec.interfaces = TRY(ParseInterfaceSpecs(body));
  return instance;
}

}  // namespace sf::api
