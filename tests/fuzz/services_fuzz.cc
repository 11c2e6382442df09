// SPDX-License-Identifier: Apache-2.0
// What daemon and sf-services tell each other through files: sf-services handles what guests send,
// so its word is a stranger's. What is understood reads back as it was.
#include "net/services_spec.h"
#include "node/base/check.h"
#include "tests/fuzz/target.h"

namespace sf::fuzz {

using namespace net;

void Try(std::string_view input) {
  const auto same = [](const auto& read, const auto& parse) {
    if (!read) return;
    const auto again = parse(ToJson(*read));
    SF_CHECK(again && *again == *read);
  };
  const BootTime now{1'000'000'000};
  const auto heartbeat = [&](std::string_view text) { return ParseHeartbeat(text, now); };
  same(ParseServicesStatus(input), ParseServicesStatus);
  same(ParseWantedServices(input), ParseWantedServices);
  same(ParseWantedNetwork(input), ParseWantedNetwork);
  same(heartbeat(input), heartbeat);
}

std::vector<std::string> Seeds() {
  const NetworkId network("5f0f1f6e-7a1b-4c57-8d5e-0123456789ab");
  ServicesStatus status;
  status.term = 7;
  status.networks[network] = {.since = BootTime(5), .dnsmasq = 12, .starts = 1, .name_space = 4};
  status.errors[network] = "no leg";
  WantedServices wanted;
  wanted.cluster_id = "5f0f1f6e-7a1b-4c57-8d5e-0123456789ab";
  wanted.networks = {network};
  return {ToJson(status), ToJson(wanted), ToJson(WantedNetwork{}), ToJson(Heartbeat{3, {}})};
}

}  // namespace sf::fuzz
