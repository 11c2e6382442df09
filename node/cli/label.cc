// SPDX-License-Identifier: Apache-2.0
#include "node/cli/verb.h"

namespace sf::cli {
namespace {

const Parameter kLabel = {"label", "NAME, or NAMESPACE/NAME"};

View LabelRecord() {
  return Record({{"UUID", "/uuid"},
                 {"Label", "/source_url"},
                 {"Namespace", "/namespace"},
                 {"State", "/state"},
                 {"Version", "/index"},
                 {"Blob", "/blob_uuid"}});
}

}  // namespace

Noun LabelNoun() {
  return {
      "label",
      "Names of blobs, for disks",
      "",
      {MakeVerb("set", "POST", "/label/{label}",
                "Give a blob a name; a disk has it as label:NAME from then on.",
                "set golden BLOB-UUID", LabelRecord(), {kLabel, {"blob", "its UUID", "blob_uuid"}}),
       MakeVerb("show", "GET", "/label/{label}", "Show which blob has the name.", "show golden",
                LabelRecord(), {kLabel}),
       MakeVerb("delete", "DELETE", "/label/{label}", "Take the name away.", "delete golden",
                Nothing(), {kLabel})}};
}

}  // namespace sf::cli
