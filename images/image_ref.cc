// SPDX-License-Identifier: Apache-2.0
#include "images/image_ref.h"

#include <algorithm>
#include <utility>

#include "node/base/number.h"

namespace sf::images {
namespace {

constexpr std::size_t kMaxBytes = 2048;
constexpr std::string_view kChecksum = "sha256=";
constexpr std::string_view kBlob = "sf://blob/";

bool IsHexDigit(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

std::string Lowered(std::string_view text) {
  std::string lowered(text);
  for (char& c : lowered) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lowered;
}

/// The text up to `separator`, which is taken off `rest` with it; all of it if there is none.
std::string_view TakeUntil(std::string_view& rest, char separator) {
  const auto end = std::min(rest.find(separator), rest.size());
  const std::string_view taken = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return taken;
}

Result<ImageRef> ParseStored(std::string_view base) {
  std::string_view rest = base.substr(std::string_view("sf://").size());
  const std::string_view word = TakeUntil(rest, '/');
  StoredImage image;
  if (word == "label" || word == "upload") {
    image.kind = word == "label" ? StoredImage::Kind::kLabel : StoredImage::Kind::kUpload;
    image.namespace_name = TakeUntil(rest, '/');
    if (image.namespace_name.empty() || rest.empty()) {
      return Fail(Code::kInvalid, "disk base '{}': write it as sf://{}/NAMESPACE/NAME", base, word);
    }
  } else if (word == "snapshot" || word == "blob") {
    image.kind = word == "snapshot" ? StoredImage::Kind::kSnapshot : StoredImage::Kind::kBlob;
    if (rest.empty()) {
      return Fail(Code::kInvalid, "disk base '{}': write it as sf://{}/UUID", base, word);
    }
  } else {
    return Fail(Code::kInvalid, "disk base '{}': after sf:// comes label, upload, snapshot or blob",
                base);
  }
  image.name = rest;
  return image;
}

Result<void> CheckAuthority(std::string_view base, std::string_view authority) {
  if (authority.find('@') != std::string_view::npos) {
    return Fail(Code::kInvalid, "a disk base may not carry a user name or password in its URL");
  }
  std::string_view host = authority;
  std::string_view port;
  const auto colon = authority.rfind(':');
  if (colon != std::string_view::npos && authority.find(']', colon) == std::string_view::npos) {
    host = authority.substr(0, colon);
    port = authority.substr(colon + 1);
    const unsigned number = ToNumber<unsigned>(port).value_or(0);
    if (number < 1 || number > 65535) {
      return Fail(Code::kInvalid, "disk base '{}': '{}' is not a port number", base, port);
    }
  }
  if (host.empty()) return Fail(Code::kInvalid, "disk base '{}': the URL names no host", base);
  return {};
}

Result<ImageRef> ParseUrl(std::string_view base) {
  std::string_view fragment = base;
  const std::string_view url = TakeUntil(fragment, '#');
  std::string_view rest = url;
  const auto scheme_end = url.find("://");
  const std::string scheme = Lowered(url.substr(0, std::min(scheme_end, url.size())));
  if (scheme_end == std::string_view::npos) {
    return Fail(Code::kInvalid,
                "disk base '{}' is not a URL; short names are not supported, give the image's "
                "http:// or https:// URL, label:NAME or sf://...",
                base);
  }
  if (scheme != "http" && scheme != "https") {
    return Fail(Code::kInvalid, "disk base '{}': only http:// and https:// are fetched", base);
  }
  rest.remove_prefix(scheme_end + 3);
  TRY(CheckAuthority(base, rest.substr(0, std::min(rest.find_first_of("/?"), rest.size()))));

  ImageUrl image{std::string(url), std::nullopt};
  if (url.size() == base.size()) return image;
  std::string digest = Lowered(fragment.substr(std::min(kChecksum.size(), fragment.size())));
  if (!fragment.starts_with(kChecksum) || digest.size() != 64 ||
      !std::all_of(digest.begin(), digest.end(), IsHexDigit)) {
    return Fail(Code::kInvalid,
                "disk base '{}': after # only sha256=<64 hexadecimal digits> may "
                "stand",
                base);
  }
  image.sha256 = std::move(digest);
  return image;
}

}  // namespace

Result<ImageRef> ParseImageRef(std::string_view base) {
  if (base.empty() || Lowered(base) == "none") return BlankDisk{};
  if (base.size() > kMaxBytes) {
    return Fail(Code::kInvalid, "a disk base may have {} bytes, this one has {}", kMaxBytes,
                base.size());
  }
  // A backslash is a slash to some readers of URLs and not to others, so the host would depend on
  // who reads it. Bytes beyond ASCII belong percent-encoded; in a name of ours they cannot occur.
  const auto bad = std::find_if(base.begin(), base.end(),
                                [](char c) { return c <= 0x20 || c == 0x7f || c == '\\'; });
  if (bad != base.end()) {
    return Fail(Code::kInvalid, "a disk base may not hold the byte 0x{:02x} (at position {})",
                static_cast<unsigned char>(*bad), bad - base.begin());
  }
  constexpr std::string_view kLabel = "label:";
  if (base.starts_with(kLabel)) {
    const std::string_view name = base.substr(kLabel.size());
    if (name.empty()) return Fail(Code::kInvalid, "disk base '{}': write it as label:NAME", base);
    return StoredImage{StoredImage::Kind::kLabel, {}, std::string(name)};
  }
  if (base.starts_with("sf://")) return ParseStored(base);
  return ParseUrl(base);
}

Result<ImageUrl> ParseImageUrl(std::string_view text) {
  ImageRef ref = TRY(ParseImageRef(text));
  if (auto* image = std::get_if<ImageUrl>(&ref)) return std::move(*image);
  return Fail(Code::kInvalid, "'{}' is not an http or https URL", text);
}

ImageUrl BlobSource(const std::string& uuid, const std::string& sha256) {
  return {std::string(kBlob) + uuid, sha256};
}

std::optional<std::string> BlobOf(const ImageUrl& image) {
  if (!image.url.starts_with(kBlob)) return std::nullopt;
  return image.url.substr(kBlob.size());
}

Result<ImageUrl> ParseImageSource(std::string_view text) {
  if (!text.starts_with(kBlob)) return ParseImageUrl(text);
  std::string_view checksum = text;
  ImageUrl image{std::string(TakeUntil(checksum, '#')), std::nullopt};
  if (!checksum.starts_with(kChecksum)) {
    return Fail(Code::kInternal, "'{}' is a blob without a checksum", text);
  }
  image.sha256 = checksum.substr(kChecksum.size());
  return image;
}

std::string ToString(const ImageUrl& image) {
  return image.sha256 ? fmt::format("{}#{}{}", image.url, kChecksum, *image.sha256) : image.url;
}

}  // namespace sf::images
