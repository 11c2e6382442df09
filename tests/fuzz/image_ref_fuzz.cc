// SPDX-License-Identifier: Apache-2.0
// The base of a disk. A URL is kept by its text in the database, so that reads back as it was.
#include "images/image_ref.h"

#include "node/base/check.h"
#include "tests/fuzz/target.h"

namespace sf::fuzz {

using namespace images;

void Try(std::string_view input) {
  const Result<ImageRef> ref = ParseImageRef(input);
  if (!ref) return;
  if (const auto* stored = std::get_if<StoredImage>(&*ref)) SF_CHECK(!stored->name.empty());
  const auto* const image = std::get_if<ImageUrl>(&*ref);
  if (image == nullptr) return;
  SF_CHECK(image->url.find('#') == std::string::npos);
  const Result<ImageUrl> again = ParseImageUrl(ToString(*image));
  SF_CHECK(again && again->url == image->url && again->sha256 == image->sha256);
}

std::vector<std::string> Seeds() {
  const std::string digest(64, 'a');
  return {"none",
          "label:debian",
          "sf://label/me/debian",
          "sf://upload/system/x",
          "sf://blob/7f0d",
          "http://[::1]:8080/i?x=1",
          "HTTPS://h.example:443/i.qcow2#sha256=" + digest};
}

}  // namespace sf::fuzz
