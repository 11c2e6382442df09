// SPDX-License-Identifier: Apache-2.0
#include "node/cli/instance_request.h"

#include <sodium.h>

#include <fstream>
#include <sstream>

namespace sf::cli {
namespace {

using nlohmann::json;

constexpr std::int64_t kSmallMemoryMb = 128;

/// The text before the first `separator`, and, if there is one, what follows it.
std::pair<std::string, json> Split(const std::string& text, char separator) {
  const std::size_t at = text.find(separator);
  if (at == std::string::npos) return {text, nullptr};
  return {text.substr(0, at), text.substr(at + 1)};
}

/// "size=8,bus=virtio" as an object of texts.
Result<json> ParsePairs(std::string_view flag, const std::string& text) {
  json pairs = json::object();
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');) {
    const auto [key, value] = Split(part, '=');
    if (key.empty() || value.is_null()) {
      return Fail(Code::kInvalid, "{} is a list like key=value,key=value, and not {}", flag, text);
    }
    pairs[key] = value;
  }
  return pairs;
}

Result<void> MakeNumber(json& pairs, const char* key) {
  if (pairs.contains(key)) pairs[key] = TRY(WholeNumber(key, pairs[key].get<std::string>()));
  return {};
}

const Parameter kFloated = {
    "-f,--floated", "NETWORK or NETWORK@ADDRESS, with a floating address as well", {}, Type::kMany};
const Parameter kNetwork = {"-n,--network",
                            "NETWORK or NETWORK@ADDRESS, by name or UUID; after all of -f",
                            {},
                            Type::kMany};
const Parameter kNetworkSpec = {
    "-N,--networkspec",
    "network_uuid=NETWORK,address=A,macaddress=M,model=M,float=true; after all of -n",
    {},
    Type::kMany};

/// "NET" or "NET@ADDRESS".
json Network(const std::string& text, bool floats) {
  const auto [network, address] = Split(text, '@');
  json spec = {{"network_uuid", network}, {"macaddress", nullptr}, {"model", "virtio"}};
  if (!address.is_null()) spec["address"] = address;
  if (floats) spec["float"] = true;
  return spec;
}

Result<json> Networks(const Arguments& given) {
  json networks = json::array();
  for (const std::string& text : All(given, "floated")) networks.push_back(Network(text, true));
  for (const std::string& text : All(given, "network")) networks.push_back(Network(text, false));
  for (const std::string& text : All(given, "networkspec")) {
    json spec = TRY(ParsePairs("--networkspec", text));
    if (spec.contains("float")) spec["float"] = spec["float"] == "true" || spec["float"] == "True";
    networks.push_back(std::move(spec));
  }
  return networks;
}

Result<json> Disks(const Arguments& given) {
  json disks = json::array();
  for (const std::string& text : All(given, "disk")) {
    const auto [size, base] = Split(text, '@');  // The first: a URL may have another.
    const std::int64_t gigabytes = TRY(WholeNumber("the size of a disk", size));
    disks.push_back({{"size", gigabytes}, {"base", base}, {"bus", nullptr}, {"type", "disk"}});
  }
  for (const std::string& text : All(given, "diskspec")) {
    disks.push_back(TRY(ParsePairs("--diskspec", text)));
    TRY(MakeNumber(disks.back(), "size"));
  }
  if (disks.empty())
    return Fail(Code::kInvalid, "an instance has a disk: give --disk or --diskspec");
  return disks;
}

Result<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) return Fail(Code::kInvalid, "{} cannot be read", path);
  return text.str();
}

Result<json> SshKey(const Arguments& given) {
  if (Has(given, "sshkeydata")) return json(Text(given, "sshkeydata"));
  if (!Has(given, "sshkey")) return json();
  return json(TRY(ReadFile(Text(given, "sshkey"))));
}

Result<json> UserData(const Arguments& given) {
  if (Has(given, "encodeduserdata")) return json(Text(given, "encodeduserdata"));
  if (!Has(given, "userdata")) return json();
  const std::string text = TRY(ReadFile(Text(given, "userdata")));
  constexpr int kVariant = sodium_base64_VARIANT_ORIGINAL;
  std::string encoded(sodium_base64_encoded_len(text.size(), kVariant), '\0');
  sodium_bin2base64(encoded.data(), encoded.size(),
                    reinterpret_cast<const unsigned char*>(text.data()), text.size(), kVariant);
  encoded.pop_back();  // The NUL that it ends in.
  return json(std::move(encoded));
}

Result<json> Video(const Arguments& given) {
  json video = {{"model", "cirrus"}, {"memory", 16384}};
  json chosen = TRY(ParsePairs("--videospec", Text(given, "videospec")));
  TRY(MakeNumber(chosen, "memory"));
  video.update(chosen);
  return video;
}

Result<json> Metadata(const Arguments& given) {
  json metadata = json::object();
  for (const std::string& text : All(given, "metadata")) {
    const auto [key, value] = Split(text, '=');
    if (value.is_null()) return Fail(Code::kInvalid, "--metadata is key=value, and not {}", text);
    metadata[key] = TRY(MetadataValue(key, value.get<std::string>()));
  }
  return metadata;
}

}  // namespace

std::vector<Parameter> InstanceParameters() {
  return {
      {"name", "letters, digits and hyphens; the guest's host name, too", "name"},
      {"cpus", "how many", "cpus", Type::kNumber},
      {"memory", "in MB", "memory", Type::kNumber},
      {"-d,--disk", "SIZE or SIZE@BASE: so many GB, from an image's URL or blank", {}, Type::kMany},
      {"-D,--diskspec",
       "size=GB,base=URL,bus=BUS,type=disk|cdrom; after all of -d",
       {},
       Type::kMany},
      kFloated,
      kNetwork,
      kNetworkSpec,
      {"-i,--sshkey", "file of the public key that may log in"},
      {"-I,--sshkeydata", "that key itself"},
      {"-u,--userdata", "file that the guest runs at its first start"},
      {"-U,--encodeduserdata", "the same, in base64"},
      {"-p,--placement", "the node to run on", "placed_on"},
      {"-V,--videospec", "model=MODEL,memory=KIB,vdi=spice|vnc|spiceconcurrent"},
      {"-m,--metadata", "KEY=VALUE", {}, Type::kMany},
      {"-s,--side-channel", "name of a virtio-serial port", {}, Type::kMany},
      {"--configdrive", "openstack-disk or none"},
      {"--uefi", "start by UEFI", {}, Type::kSwitch},
      {"--secure-boot", "and by nothing unsigned; needs --uefi", {}, Type::kSwitch},
      {"--nvram-template", "label or blob with the UEFI variables", "nvram_template"},
      {"--force", "with less than 128 MB, too", {}, Type::kSwitch},
      NamespaceFlag()};
}

Result<json> InstanceRequest(const Arguments& given) {
  if (!Has(given, "force") && TRY(WholeNumber("memory", Text(given, "memory"))) < kSmallMemoryMb) {
    return Fail(Code::kInvalid, "{} MB of memory is very little; --force if that is meant",
                Text(given, "memory"));
  }
  const std::string& drive = Text(given, "configdrive");
  // One by one: g++ 12 leaks what a braced list has built when a TRY in it returns.
  json body;
  body["network"] = TRY(Networks(given));
  body["disk"] = TRY(Disks(given));
  body["ssh_key"] = TRY(SshKey(given));
  body["user_data"] = TRY(UserData(given));
  body["video"] = TRY(Video(given));
  body["metadata"] = TRY(Metadata(given));
  body["side_channels"] = All(given, "side-channel");
  body["configdrive"] = drive.empty() ? "openstack-disk" : drive;
  body["uefi"] = Has(given, "uefi");
  body["secure_boot"] = Has(given, "secure-boot");
  return body;
}

std::vector<Parameter> InterfaceParameters() { return {kFloated, kNetwork, kNetworkSpec}; }

Result<json> InterfaceRequest(const Arguments& given) {
  json networks = TRY(Networks(given));
  if (networks.size() != 1) {
    return Fail(Code::kInvalid, "one of -f, -n and -N says for which network");
  }
  return json{{"network", std::move(networks[0])}};
}

}  // namespace sf::cli
