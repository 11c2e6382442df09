// SPDX-License-Identifier: Apache-2.0
#include "node/cli/download.h"
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

Verb DownloadVerb() {
  Verb verb =
      MakeVerb("download", "GET", "/artifacts/{artifact}",
               "Write the bytes of its newest version to a file that is not there yet.",
               "download UUID disk.qcow2", Nothing(), {kArtifact, {"destination", "the file"}});
  verb.follow = &DownloadBlob;
  return verb;
}

std::vector<Verb> VersionVerbs() {
  return {MakeVerb("versions", "GET", "/artifacts/{artifact}/versions",
                   "List its versions, the oldest first.", "versions UUID",
                   Table({{"VERSION", "/index"},
                          {"BLOB", "/uuid"},
                          {"BYTES", "/size"},
                          {"INSTANCES", "/instances"}}),
                   {kArtifact}),
          MakeVerb("max-versions", "POST", "/artifacts/{artifact}/versions",
                   "Keep so many of its versions from now on.", "max-versions UUID 5", Nothing(),
                   {kArtifact, {"number", "at least 1", "max_versions", Type::kNumber}}),
          MakeVerb("delete-version", "DELETE", "/artifacts/{artifact}/versions/{version}",
                   "Delete one version; with its last one it is gone itself.",
                   "delete-version UUID 1", Nothing(), {kArtifact, {"version", "its number"}})};
}

}  // namespace

Noun ArtifactNoun() {
  Noun noun{
      "artifact",
      "Images",
      "/artifacts",
      {MakeVerb("list", "GET", "/artifacts", "List images.", "list",
                Table({{"UUID", "/uuid"},
                       {"TYPE", "/artifact_type"},
                       {"NAMESPACE", "/namespace"},
                       {"VERSION", "/index"},
                       {"STATE", "/state"},
                       {"SOURCE", "/source_url"}}),
                {{"-n,--node", "only those that are on this node", "node"}}),
       MakeVerb("show", "GET", "/artifacts/{artifact}", "Show an image.", "show UUID",
                ArtifactRecord(), {kArtifact}),
       MakeVerb("cache", "POST", "/artifacts",
                "Fetch an image before it is needed; does not wait for it.",
                "cache http://example.com/debian.qcow2", ArtifactRecord(),
                {{"url", "where it is", "url"},
                 {"--shared", "with all namespaces; for administrators", "shared", Type::kSwitch},
                 NamespaceFlag()}),
       UploadVerb(), DownloadVerb(),
       MakeVerb("delete", "DELETE", "/artifacts/{artifact}", "Delete an image.", "delete UUID",
                Nothing(), {kArtifact}),
       MakeVerb("delete-all", "DELETE", "/artifacts", "Delete all images of the namespace.",
                "delete-all --confirm", Lines(), {ConfirmFlag(), NamespaceFlag()}),
       MakeVerb("share", "POST", "/artifacts/{artifact}/share",
                "Let all namespaces use it; for administrators.", "share UUID", Nothing(),
                {kArtifact}),
       MakeVerb("unshare", "POST", "/artifacts/{artifact}/unshare", "Let them no longer.",
                "unshare UUID", Nothing(), {kArtifact}),
       EventsVerb("artifact", "/artifacts/{artifact}/events", "events UUID"),
       SetMetadataVerb("artifact", "/artifacts/{artifact}/metadata/{key}",
                       "set-metadata UUID owner ops"),
       DeleteMetadataVerb("artifact", "/artifacts/{artifact}/metadata/{key}",
                          "delete-metadata UUID owner")}};
  for (const Verb& verb : VersionVerbs()) noun.verbs.push_back(verb);
  return noun;
}

}  // namespace sf::cli
