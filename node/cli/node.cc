// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "node/base/number.h"
#include "node/cli/api_client.h"
#include "node/cli/verb.h"

namespace sf::cli {
namespace {

using nlohmann::json;

constexpr double kHog = 0.25;
constexpr Parameter kNode = {"node", "its name"};

Result<double> Threshold(const Arguments& given) {
  if (!Has(given, "threshold")) return kHog;
  if (const auto value = ToNumber<double>(Text(given, "threshold"))) return *value;
  return Fail(Code::kInvalid, "threshold is a fraction of a CPU, like {}, and not {}", kHog,
              Text(given, "threshold"));
}

/// Refused, by their names, if there are any: that is how a script finds out.
Result<void> FindHogs(ApiClient& client, const Arguments& given, const std::string& answer) {
  constexpr std::string_view kPrefix = "process_cpu_fraction_";
  const double threshold = TRY(Threshold(given));
  const auto& ignored = All(given, "ignore");
  std::string hogs;
  for (const json& node : json::parse(answer, nullptr, false)) {
    const std::string name = TextAt(node, "name");
    const Arguments of_node = {{"node", {name}}};
    const json figures =
        TRY(client.Ask("GET", PathOf({"GET", "/nodes/{node}/processmetrics"}, of_node)));
    for (const auto& [figure, value] : figures.items()) {
      if (!figure.starts_with(kPrefix) || !value.is_number()) continue;
      const std::string process = figure.substr(kPrefix.size());
      if (value.get<double>() <= threshold || std::ranges::count(ignored, process) > 0) continue;
      hogs += fmt::format("{}{} on node {} takes {:.2f} of a CPU", hogs.empty() ? "" : ", ",
                          process, name, value.get<double>());
    }
  }
  if (hogs.empty()) return {};
  return Fail(Code::kConflict, "{}", hogs);
}

Verb HogsVerb() {
  Verb verb = MakeVerb("cpuhogs", "GET", "/nodes",
                       "Fail, by their names, if processes of any node take too much of a CPU.",
                       "cpuhogs -t 0.5", Nothing(),
                       {{"-t,--threshold", "how much is too much, as a fraction (0.25)"},
                        {"-i,--ignore", "a process that may, like sf-node", {}, Type::kMany}});
  verb.follow = &FindHogs;
  return verb;
}

Verb ShowVerb() {
  return MakeVerb("show", "GET", "/nodes/{node}", "Show a node.", "show n1",
                  Record({{"Name", "/name"},
                          {"IP", "/ip"},
                          {"Zone", "/zone"},
                          {"State", "/state"},
                          {"Last seen", "/lastseen", Format::kTime},
                          {"Release", "/release"},
                          {"Serves networks", "/is_network_node"},
                          {"Drained", "/drained"},
                          {"Limit", "/limit"},
                          {"Used", "/used"},
                          {"Gossip state", "/gossip/state"},
                          {"Metadata", "/metadata"}}),
                  {kNode});
}

Verb DrainVerb() {
  return MakeVerb("drain", "POST", "/nodes/{node}/drain",
                  "Place no new instances there, and list those that it still has.", "drain n1",
                  Table({{"UUID", "/uuid"},
                         {"NAMESPACE", "/namespace"},
                         {"NAME", "/name"},
                         {"STATE", "/state"},
                         {"POWER", "/power_state"}}),
                  {kNode});
}

}  // namespace

Noun NodeNoun() {
  return {
      "node",
      "The machines; for administrators",
      "/nodes",
      {MakeVerb("list", "GET", "/nodes", "List nodes.", "list",
                Table({{"NAME", "/name"},
                       {"IP", "/ip"},
                       {"STATE", "/state"},
                       {"RELEASE", "/release"},
                       {"CPUS", "/limit/cpus"},
                       {"USED", "/used/cpus"},
                       {"MEMORY MB", "/limit/memory_mb"},
                       {"USED", "/used/memory_mb"},
                       {"DISK GB", "/limit/disk_gb"},
                       {"USED", "/used/disk_gb"},
                       {"LAST SEEN", "/lastseen", Format::kTime}})),
       ShowVerb(), DrainVerb(),
       MakeVerb("undrain", "POST", "/nodes/{node}/undrain", "Let it take instances again.",
                "undrain n1", Nothing(), {kNode}),
       MakeVerb("delete", "DELETE", "/nodes/{node}",
                "Delete a node that is gone for good, and its instances with it.", "delete n3",
                Nothing(), {kNode}),
       MakeVerb("locks", "GET", "/admin/locks",
                "Print what nodes are at work on, and since when, as JSON.", "locks", RawText()),
       MakeVerb("processes", "GET", "/nodes/{node}/processmetrics",
                "Print what sf-node and each QEMU take there, as JSON.", "processes n1", RawText(),
                {kNode}),
       MakeVerb("resources", "GET", "/nodes/{node}/events",
                "Show what instances may take there, and what they do.", "resources n1",
                Table({{"NODE", "/fqdn"},
                       {"CPUS", "/extra/cpus_limit"},
                       {"USED", "/extra/cpus_used"},
                       {"MEMORY MB", "/extra/memory_mb_limit"},
                       {"USED", "/extra/memory_mb_used"},
                       {"DISK GB", "/extra/disk_gb_limit"},
                       {"USED", "/extra/disk_gb_used"}}),
                {kNode},
                [](const Arguments&) -> Result<json> {
                  return json{{"event_type", "resources"}, {"limit", 1}};
                }),
       HogsVerb(), EventsVerb("node", "/nodes/{node}/events", "events n1"),
       SetMetadataVerb("node", "/nodes/{node}/metadata/{key}", "set-metadata n1 rack 7"),
       DeleteMetadataVerb("node", "/nodes/{node}/metadata/{key}", "delete-metadata n1 rack")}};
}

}  // namespace sf::cli
