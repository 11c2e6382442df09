// SPDX-License-Identifier: Apache-2.0
#include "node/api/labels.h"

#include <utility>

#include "images/image_ref.h"
#include "node/api/blobs.h"
#include "node/api/body.h"
#include "node/api/disk_bases.h"
#include "node/api/views.h"

namespace sf::api {
namespace {

struct Label {
  NamespaceId name_space;
  std::string url;  ///< sf://label/NAMESPACE/NAME
};

/// A client may also have escaped the slash.
Result<Label> ReadLabel(const Call& call) {
  std::string path = call.names.at(0);
  if (call.names.size() > 1) path += "/" + call.names[1];
  const std::size_t slash = path.find('/');
  Label label;
  label.name_space =
      slash == std::string::npos ? call.caller.name_space : NamespaceId(path.substr(0, slash));
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  label.url = fmt::format("sf://label/{}/{}", label.name_space, name);
  if (name.empty() || name.find('/') != std::string::npos || !images::ParseImageRef(label.url)) {
    return Fail(Code::kInvalid, "a label is NAME or NAMESPACE/NAME, without spaces");
  }
  return label;
}

}  // namespace

Result<Response> Labels::Set(const Call& call) {
  const Label label = TRY(ReadLabel(call));
  if (!call.caller.Manages(label.name_space)) {
    return Fail(Code::kNotFound, "namespace {:.63} not found", label.name_space);
  }
  const std::string uuid = TRY(Fields(call.body).Required("blob_uuid"));
  const BlobId blob = TRY(FindBlob(store_.blobs, call.caller, uuid)).blob.uuid;
  return Json(View(TRY(store_.artifacts.Publish({.name_space = label.name_space,
                                                 .type = "label",
                                                 .source_url = label.url,
                                                 .blob = blob,
                                                 .message = "label set"}))));
}

Result<Response> Labels::Show(const Call& call) {
  const Label label = TRY(ReadLabel(call));
  return Json(
      View(TRY(FindArtifact(store_.artifacts, call.caller, label.name_space, "label", label.url))));
}

Result<Response> Labels::Delete(const Call& call) {
  const Label label = TRY(ReadLabel(call));
  const Artifact found =
      TRY(FindArtifact(store_.artifacts, call.caller, label.name_space, "label", label.url));
  if (!call.caller.Manages(found.name_space)) {
    return Fail(Code::kNotFound, "label {:.200} not found", label.url);
  }
  TRY(store_.artifacts.Delete(found.uuid));
  return Json(View(TRY(store_.artifacts.Find(found.uuid))));
}

}  // namespace sf::api
