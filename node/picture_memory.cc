// SPDX-License-Identifier: Apache-2.0
#include "node/picture_memory.h"

#include <algorithm>
#include <cstdint>
#include <system_error>

#include "node/base/log.h"
#include "node/private_file.h"
#include "node/store/picture_text.h"

namespace sf {
namespace {

constexpr std::uintmax_t kMaxBytes = std::uintmax_t{256} << 20;

std::filesystem::path PathOf(const std::filesystem::path& folder) {
  return folder / "picture.json";
}

Result<store::Picture> Recall(const std::filesystem::path& path) {
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  const std::string text = TRY(ReadPrivateFile(path, error ? 0 : std::min(size, kMaxBytes)));
  return store::ParsePicture(text);
}

}  // namespace

Result<void> RememberPicture(const std::filesystem::path& folder, const store::Picture& picture) {
  return WritePrivateFile(PathOf(folder), store::ToText(picture));
}

store::Picture RecallPicture(const std::filesystem::path& folder) {
  auto picture = Recall(PathOf(folder));
  if (picture) return *std::move(picture);
  if (picture.error().code != Code::kNotFound) {
    log::Warn("the last picture of the rows is ignored file={} error={}", PathOf(folder).string(),
              picture.error().message);
  }
  return {};
}

}  // namespace sf
