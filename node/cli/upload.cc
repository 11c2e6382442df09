// SPDX-License-Identifier: Apache-2.0
#include "node/cli/upload.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "node/cli/progress.h"

namespace sf::cli {
namespace {

constexpr std::size_t kPieceBytes = 2 << 20;
constexpr int kAttempts = 5;

/// Puts `piece` where the upload has `sent` bytes.
Result<void> SendPiece(ApiClient& client, const std::string& upload, std::uint64_t sent,
                       const std::string& piece) {
  for (int attempt = 1;; ++attempt) {
    const auto answer = client.Give(fmt::format("{}?offset={}", upload, sent), piece);
    if (answer) return {};
    if (answer.error().code != Code::kUnavailable || attempt == kAttempts) {
      return tl::unexpected(answer.error());
    }
    // What of it came is not known.
    TRY(client.Call("POST", fmt::format("{}/truncate/{}", upload, sent)));
  }
}

}  // namespace

Result<void> UploadFile(ApiClient& client, const Arguments& given, nlohmann::json& body) {
  const std::string& path = Text(given, "file");
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return Fail(Code::kInvalid, "cannot read {}: {}", path, std::strerror(errno));
  const auto total = static_cast<std::uint64_t>(file.tellg());
  file.seekg(0);
  const std::string uuid = TextAt(TRY(client.Ask("POST", "/upload")), "uuid");
  Progress progress(client);
  std::string piece;
  for (std::uint64_t sent = 0; sent < total; sent += piece.size()) {
    piece.resize(std::min<std::uint64_t>(kPieceBytes, total - sent));
    if (!file.read(piece.data(), static_cast<std::streamsize>(piece.size()))) {
      return Fail(Code::kInvalid, "{} has become shorter, or cannot be read to its end", path);
    }
    TRY(SendPiece(client, "/upload/" + uuid, sent, piece));
    progress.ShowBytes("uploading " + path, sent + piece.size(), total);
  }
  body["upload_uuid"] = uuid;
  return {};
}

}  // namespace sf::cli
