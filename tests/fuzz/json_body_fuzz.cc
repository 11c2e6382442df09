// SPDX-License-Identifier: Apache-2.0
// The body of a request: read, judged as a request for an instance or a network and as metadata,
// and printed.
#include "node/api/body.h"
#include "node/api/instance_request.h"
#include "node/api/network_request.h"
#include "node/base/check.h"
#include "tests/fuzz/target.h"

namespace sf::fuzz {

using nlohmann::json;

void Try(std::string_view input) {
  const Result<json> body = api::ParseBody(input);
  if (!body) return;
  SF_CHECK(body->is_object());
  // Whatever was let in can be printed, and means the same then.
  const Result<json> again = api::ParseBody(body->dump());
  SF_CHECK(again && *again == *body);
  (void)api::ParseInstanceRequest(*body, {.name_space = NamespaceId("system"), .key_name = {}});
  (void)api::ParseInstanceRequest(*body, {.name_space = NamespaceId("me"), .key_name = {}});
  (void)api::ParseNetworkRequest(*body, {.name_space = NamespaceId("me"), .key_name = {}});
  for (const auto& [key, value] : body->items()) {
    (void)api::CheckInstanceMetadata(key, value);
    (void)api::CheckMetadata(key, value);
  }
}

std::vector<std::string> Seeds() {
  return {
      R"({})",
      R"({"name": "front", "netblock": "10.0.0.0/24", "provide_dhcp": "true", "provide_nat": false,
              "provide_dns": true, "namespace": null})",
      R"({"tags": ["a"], "affinity": {"cpu": {"a": 1}}, "deep": [[[[[[{}]]]]]]})",
      R"({"name": "one", "cpus": "2", "memory": 1024, "namespace": "me", "ssh_key": "ssh-rsa A",
              "network": [{"network_uuid": "x", "address": "10.0.0.1", "macaddress": "02:00:00:00:00:01",
                           "model": "virtio", "float": true}],
              "disk": [{"base": "https://h/i#sha256=0", "size": 8, "bus": "virtio", "type": "disk"},
                       {"base": null, "size": "1", "type": "cdrom"}],
              "user_data": "Iw==", "video": {"model": "cirrus", "memory": 16384, "vdi": "vnc"},
              "placed_on": "n1", "uefi": "true", "secure_boot": false, "configdrive": "openstack-disk",
              "nvram_template": "", "metadata": {"tags": []}, "side_channels": ["sf-agent"]})"};
}

}  // namespace sf::fuzz
