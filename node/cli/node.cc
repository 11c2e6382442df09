// SPDX-License-Identifier: Apache-2.0
#include "node/cli/verb.h"

namespace sf::cli {

Noun NodeNoun() {
  const Parameter node = {"node", "its name"};
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
       MakeVerb("show", "GET", "/nodes/{node}", "Show a node.", "show n1",
                Record({{"Name", "/name"},
                        {"IP", "/ip"},
                        {"Zone", "/zone"},
                        {"State", "/state"},
                        {"Last seen", "/lastseen", Format::kTime},
                        {"Release", "/release"},
                        {"Serves networks", "/is_network_node"},
                        {"Limit", "/limit"},
                        {"Used", "/used"},
                        {"Gossip state", "/gossip/state"},
                        {"Metadata", "/metadata"}}),
                {node}),
       MakeVerb("delete", "DELETE", "/nodes/{node}",
                "Delete a node that is gone for good, and its instances with it.", "delete n3",
                Nothing(), {node}),
       MakeVerb("locks", "GET", "/admin/locks",
                "Print what nodes are at work on, and since when, as JSON.", "locks", RawText()),
       MakeVerb("processes", "GET", "/nodes/{node}/processmetrics",
                "Print what sf-node and each QEMU take there, as JSON.", "processes n1", RawText(),
                {node}),
       EventsVerb("node", "/nodes/{node}/events", "events n1"),
       SetMetadataVerb("node", "/nodes/{node}/metadata/{key}", "set-metadata n1 rack 7"),
       DeleteMetadataVerb("node", "/nodes/{node}/metadata/{key}", "delete-metadata n1 rack")}};
}

}  // namespace sf::cli
