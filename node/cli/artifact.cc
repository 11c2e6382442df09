// SPDX-License-Identifier: Apache-2.0
#include "node/cli/upload.h"
#include "node/cli/verb.h"

namespace sf::cli {
namespace {

const Parameter kArtifact = {"artifact", "its UUID or source URL"};

View ArtifactRecord() {
  return Record({{"UUID", "/uuid"},
                 {"Type", "/artifact_type"},
                 {"Source", "/source_url"},
                 {"Namespace", "/namespace"},
                 {"State", "/state"},
                 {"Error", "/error_message"},
                 {"Shared", "/shared"},
                 {"Version", "/index"},
                 {"Blob", "/blob_uuid"},
                 {"Fetched bytes", "/progress/bytes"},
                 {"Of bytes", "/progress/total_bytes"},
                 {"Metadata", "/metadata"}});
}

Verb UploadVerb() {
  Verb verb =
      MakeVerb("upload", "POST", "/artifacts/upload/{name}",
               "Give the cloud a file, byte for byte; a disk has it as sf://upload/NAMESPACE/NAME.",
               "upload debian.qcow2 debian", ArtifactRecord(),
               {{"file", "to read"},
                {"name", "to have"},
                {"--source-url", "instead of sf://upload/NAMESPACE/NAME", "source_url"},
                {"--type", "image (default), or other", "artifact_type"},
                {"--shared", "with all namespaces; for administrators", "shared", Type::kSwitch},
                NamespaceFlag()});
  verb.prepare = &UploadFile;
  return verb;
}

}  // namespace

Noun ArtifactNoun() {
  return {
      "artifact",
      "Images",
      "/artifacts",
      {MakeVerb("list", "GET", "/artifacts", "List images.", "list",
                Table({{"UUID", "/uuid"},
                       {"TYPE", "/artifact_type"},
                       {"NAMESPACE", "/namespace"},
                       {"VERSION", "/index"},
                       {"STATE", "/state"},
                       {"SOURCE", "/source_url"}})),
       MakeVerb("show", "GET", "/artifacts/{artifact}", "Show an image.", "show UUID",
                ArtifactRecord(), {kArtifact}),
       MakeVerb("cache", "POST", "/artifacts",
                "Fetch an image before it is needed; does not wait for it.",
                "cache http://example.com/debian.qcow2", ArtifactRecord(),
                {{"url", "where it is", "url"},
                 {"--shared", "with all namespaces; for administrators", "shared", Type::kSwitch},
                 NamespaceFlag()}),
       UploadVerb(),
       MakeVerb("delete", "DELETE", "/artifacts/{artifact}", "Delete an image.", "delete UUID",
                Nothing(), {kArtifact}),
       MakeVerb("delete-all", "DELETE", "/artifacts", "Delete all images of the namespace.",
                "delete-all --confirm", Lines(), {ConfirmFlag(), NamespaceFlag()}),
       EventsVerb("artifact", "/artifacts/{artifact}/events", "events UUID")}};
}

}  // namespace sf::cli
