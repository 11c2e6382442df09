// SPDX-License-Identifier: Apache-2.0
#include "node/cli/download.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "node/cli/progress.h"

namespace sf::cli {
namespace {

using nlohmann::json;

/// What has to be fetched.
struct Wanted {
  std::string blob;
  std::uint64_t bytes = 0;
};

std::uint64_t SizeOf(const json& blob) {
  const auto size = blob.is_object() ? blob.find("size") : blob.end();
  return size != blob.end() && size->is_number_unsigned() ? size->get<std::uint64_t>() : 0;
}

Result<Wanted> ReadAnswer(const json& answer) {
  if (!answer.is_object() || !answer.contains("blobs")) {
    return Wanted{TextAt(answer, "uuid"), SizeOf(answer)};
  }
  Wanted wanted{.blob = TextAt(answer, "blob_uuid")};
  if (wanted.blob.empty()) {
    return Fail(Code::kNotFound, "{} has no version", TextAt(answer, "source_url"));
  }
  for (const json& version : answer["blobs"]) {
    if (TextAt(version, "uuid") == wanted.blob) wanted.bytes = SizeOf(version);
  }
  return wanted;
}

}  // namespace

Result<void> WriteBlob(ApiClient& client, const std::string& blob, const std::string& path,
                       std::uint64_t total) {
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored)) {
    return Fail(Code::kInvalid, "{} is there already", path);
  }
  const auto failure = [&path] {
    return Fail(Code::kInvalid, "cannot write {}: {}", path, std::strerror(errno));
  };
  std::ofstream file(path, std::ios::binary);
  if (!file) return failure();
  Progress progress(client);
  std::uint64_t done = 0;
  auto written =
      client.Fetch(PathOf({"GET", "/blobs/{blob}/data"}, {{"blob", {blob}}}),
                   [&](std::string_view bytes) -> Result<void> {
                     if (!file.write(bytes.data(), static_cast<std::streamsize>(bytes.size())))
                       return failure();
                     done += bytes.size();
                     progress.ShowBytes("downloading " + path, done, total);
                     return {};
                   });
  file.close();
  if (written && !file) written = failure();
  if (!written) std::filesystem::remove(path, ignored);
  return written;
}

Result<void> DownloadBlob(ApiClient& client, const Arguments& given, const std::string& answer) {
  const Wanted wanted = TRY(ReadAnswer(json::parse(answer, nullptr, false)));
  return WriteBlob(client, wanted.blob, Text(given, "destination"), wanted.bytes);
}

}  // namespace sf::cli
