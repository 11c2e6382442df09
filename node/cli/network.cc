// SPDX-License-Identifier: Apache-2.0
#include "node/cli/verb.h"

namespace sf::cli {
namespace {

using nlohmann::json;

const Parameter kNetwork = {"network", "its name or UUID"};

View NetworkRecord() {
  return Record({{"UUID", "/uuid"},
                 {"Name", "/name"},
                 {"Namespace", "/namespace"},
                 {"Netblock", "/netblock"},
                 {"DHCP", "/provide_dhcp"},
                 {"NAT", "/provide_nat"},
                 {"DNS", "/provide_dns"},
                 {"Floating gateway", "/floating_gateway"},
                 {"VXLAN id", "/vxid"},
                 {"State", "/state"},
                 {"Metadata", "/metadata"}});
}

Result<json> NetworkRequest(const Arguments& given) {
  json body = {{"provide_dhcp", !Has(given, "no-dhcp")}, {"provide_nat", !Has(given, "no-nat")}};
  if (Has(given, "dns")) body["provide_dns"] = true;
  return body;
}

std::vector<Parameter> NetworkParameters() {
  return {{"name", "of the network", "name"},
          {"netblock", "like 10.0.0.0/24; its first address is the router's", "netblock"},
          {"--dhcp", "hand out addresses (the default)", {}, Type::kSwitch},
          {"--no-dhcp", "do not", {}, Type::kSwitch},
          {"--nat", "lead out (the default)", {}, Type::kSwitch},
          {"--no-nat", "do not", {}, Type::kSwitch},
          {"--dns", "answer for the names of its instances", {}, Type::kSwitch},
          NamespaceFlag()};
}

}  // namespace

Noun NetworkNoun() {
  return {"network",
          "Virtual networks",
          "/networks",
          {MakeVerb("list", "GET", "/networks", "List networks.", "list",
                    Table({{"UUID", "/uuid"},
                           {"NAME", "/name"},
                           {"NAMESPACE", "/namespace"},
                           {"NETBLOCK", "/netblock"},
                           {"STATE", "/state"}}),
                    {{"-a,--all", "those that were deleted, too", "all", Type::kSwitch}}),
           MakeVerb("show", "GET", "/networks/{network}", "Show a network.", "show front",
                    NetworkRecord(), {kNetwork}),
           Waiting(Until::kCreated, MakeVerb("create", "POST", "/networks", "Create a network.",
                                             "create front 10.0.0.0/24", NetworkRecord(),
                                             NetworkParameters(), &NetworkRequest)),
           MakeVerb("delete", "DELETE", "/networks/{network}",
                    "Delete a network; one in use waits for the last of its instances.",
                    "delete front", Nothing(), {kNetwork, NamespaceFlag()}),
           MakeVerb("delete-all", "DELETE", "/networks", "Delete all networks of the namespace.",
                    "delete-all --confirm", Lines(), {ConfirmFlag(), NamespaceFlag()}),
           MakeVerb("instances", "GET", "/networks/{network}/interfaces", "List who is in it.",
                    "instances front",
                    Table({{"INSTANCE", "/instance_uuid"},
                           {"ADDRESS", "/ipv4"},
                           {"FLOATING", "/floating"},
                           {"MAC", "/macaddr"}}),
                    {kNetwork}),
           MakeVerb("addresses", "GET", "/networks/{network}/addresses",
                    "List who has which address in it, and which outside lead to it.",
                    "addresses front",
                    Table({{"ADDRESS", "/address"},
                           {"TYPE", "/type"},
                           {"USER", "/user"},
                           {"COMMENT", "/comment"}}),
                    {kNetwork}),
           MakeVerb("add-routed", "POST", "/networks/{network}/route",
                    "Have a floating address routed to it as it is, for whoever in it takes it.",
                    "add-routed front", Lines(), {kNetwork}),
           MakeVerb("delete-routed", "DELETE", "/networks/{network}/route/{address}",
                    "Give such an address back.", "delete-routed front 192.168.20.14", Nothing(),
                    {kNetwork, {"address", "that is routed to it"}}),
           MakeVerb("ping", "GET", "/networks/{network}/ping/{address}",
                    "Ping an address of it from its router.", "ping front 10.0.0.20", Lines(),
                    {kNetwork, {"address", "in its netblock"}}),
           EventsVerb("network", "/networks/{network}/events", "events front"),
           SetMetadataVerb("network", "/networks/{network}/metadata/{key}",
                           "set-metadata front owner ops"),
           DeleteMetadataVerb("network", "/networks/{network}/metadata/{key}",
                              "delete-metadata front owner")}};
}

}  // namespace sf::cli
