// SPDX-License-Identifier: Apache-2.0
#include "node/api/metadata.h"

#include "node/api/body.h"

namespace sf::api {

Result<Response> SetMetadata(const MetadataTarget& target, const Call& call) {
  const Fields fields(call.body);
  const std::string key = call.names.size() > 1 ? call.names[1] : TRY(fields.Required("key"));
  const auto* value = fields.Any("value");
  if (value == nullptr) return Fail(Code::kInvalid, "value is missing");
  TRY(target.check(key, *value));
  TRY(target.set(key, *value));
  return Json(nullptr);
}

Result<Response> DeleteMetadata(const MetadataTarget& target, const Call& call) {
  TRY(target.set(call.names.at(1), std::nullopt));
  return Json(nullptr);
}

}  // namespace sf::api
