// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "node/base/result.h"

namespace sf::images {

/// An empty disk.
struct BlankDisk {};

/// An image behind a URL, fetched through the ImageCache.
struct ImageUrl {
  std::string url;                    ///< http or https, without a fragment
  std::optional<std::string> sha256;  ///< of the bytes that the server sends, lower case
};

/// An image that the cloud itself keeps.
struct StoredImage {
  enum class Kind { kLabel, kUpload, kSnapshot, kBlob };
  Kind kind = Kind::kLabel;
  std::string namespace_name;  ///< empty: the caller's (label:NAME), or the kind has none
  std::string name;            ///< a name, or the UUID of a snapshot's artifact or of a blob
};

using ImageRef = std::variant<BlankDisk, ImageUrl, StoredImage>;

/// Reads the `base` of a disk. An error says what is wrong with it (kInvalid).
///
/// A URL may not carry a user name or password: it is shown to everybody who may see the artifact
/// that is made of it.
Result<ImageRef> ParseImageRef(std::string_view base);

/// Likewise where only a URL will do.
Result<ImageUrl> ParseImageUrl(std::string_view text);

/// What names the image of a blob in the database: its URL is sf://blob/<uuid>, which leads to
/// nothing by itself, and its checksum finds it in the cache.
ImageUrl BlobSource(const std::string& uuid, const std::string& sha256);
/// The UUID, if `image` is one of BlobSource().
std::optional<std::string> BlobOf(const ImageUrl& image);

/// What a disk lies on, as ToString() wrote it: a URL, or a BlobSource().
Result<ImageUrl> ParseImageSource(std::string_view text);

/// The text that ParseImageUrl() reads back as `image`, checksum and all: its name in the database.
std::string ToString(const ImageUrl& image);

}  // namespace sf::images
