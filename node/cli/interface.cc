// SPDX-License-Identifier: Apache-2.0
#include "node/cli/verb.h"

namespace sf::cli {

Noun InterfaceNoun() {
  const Parameter interface = {"interface", "its UUID; see `sf instance interfaces`"};
  return {"interface",
          "NICs of instances",
          "",
          {MakeVerb("show", "GET", "/interfaces/{interface}", "Show a NIC.", "show UUID",
                    Record({{"UUID", "/uuid"},
                            {"Instance", "/instance_uuid"},
                            {"Network", "/network_uuid"},
                            {"Order", "/order"},
                            {"Address", "/ipv4"},
                            {"Floating", "/floating"},
                            {"MAC", "/macaddr"},
                            {"Model", "/model"},
                            {"State", "/state"},
                            {"Metadata", "/metadata"}}),
                    {interface}),
           MakeVerb("float", "POST", "/interfaces/{interface}/float", "Give it a floating address.",
                    "float UUID", Nothing(), {interface}),
           MakeVerb("defloat", "POST", "/interfaces/{interface}/defloat", "Take that away again.",
                    "defloat UUID", Nothing(), {interface}),
           SetMetadataVerb("interface", "/interfaces/{interface}/metadata/{key}",
                           "set-metadata UUID role uplink"),
           DeleteMetadataVerb("interface", "/interfaces/{interface}/metadata/{key}",
                              "delete-metadata UUID role")}};
}

}  // namespace sf::cli
