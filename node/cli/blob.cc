// SPDX-License-Identifier: Apache-2.0
#include "node/cli/download.h"
#include "node/cli/verb.h"

namespace sf::cli {

Noun BlobNoun() {
  const Parameter blob = {"blob", "its UUID"};
  Verb download = MakeVerb(
      "download", "GET", "/blobs/{blob}", "Write its bytes to a file that is not there yet.",
      "download UUID disk.qcow2", Nothing(), {blob, {"destination", "the file"}});
  download.follow = &DownloadBlob;
  return {
      "blob",
      "The files of artifacts",
      "/blobs",
      {MakeVerb("list", "GET", "/blobs", "List blobs; for administrators.", "list",
                Table({{"UUID", "/uuid"},
                       {"BYTES", "/size"},
                       {"FORMAT", "/file format"},
                       {"ON", "/locations"},
                       {"USES", "/reference_count"},
                       {"LAST USED", "/last_used", Format::kTime}}),
                {{"-n,--node", "only those on this node", "node"}}),
       MakeVerb("show", "GET", "/blobs/{blob}", "Show a blob.", "show UUID",
                Record({{"UUID", "/uuid"},
                        {"State", "/state"},
                        {"Bytes", "/size"},
                        {"Virtual bytes", "/virtual size"},
                        {"Format", "/file format"},
                        {"Fetched", "/fetched_at", Format::kTime},
                        {"Last used", "/last_used", Format::kTime},
                        {"Uses", "/reference_count"},
                        {"On", "/locations"},
                        {"Instances", "/instances"},
                        {"SHA-512", "/sha512"},
                        {"Metadata", "/metadata"}}),
                {blob}),
       download,
       SetMetadataVerb("blob", "/blobs/{blob}/metadata/{key}", "set-metadata UUID owner ops"),
       DeleteMetadataVerb("blob", "/blobs/{blob}/metadata/{key}", "delete-metadata UUID owner")}};
}

}  // namespace sf::cli
