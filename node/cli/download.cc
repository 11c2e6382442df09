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

Result<void> WriteTo(std::ofstream& file, const std::string& path, ApiClient& client,
                     const Wanted& wanted) {
  Progress progress(client);
  std::uint64_t done = 0;
  TRY(client.Fetch(PathOf({"GET", "/blobs/{blob}/data"}, {{"blob", {wanted.blob}}}),
                   [&](std::string_view bytes) -> Result<void> {
                     file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
                     done += bytes.size();
                     progress.ShowBytes("downloading " + path, done, wanted.bytes);
                     if (file) return {};
                     return Fail(Code::kInternal, "cannot write {}: {}", path,
                                 std::strerror(errno));
                   }));
  file.close();
  if (file) return {};
  return Fail(Code::kInternal, "cannot write {}: {}", path, std::strerror(errno));
}

}  // namespace

Result<void> DownloadBlob(ApiClient& client, const Arguments& given, const std::string& answer) {
  const Wanted wanted = TRY(ReadAnswer(json::parse(answer, nullptr, false)));
  const std::string& path = Text(given, "destination");
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored)) {
    return Fail(Code::kInvalid, "{} is there already", path);
  }
  std::ofstream file(path, std::ios::binary);
  if (!file) return Fail(Code::kInvalid, "cannot write {}: {}", path, std::strerror(errno));
  const auto written = WriteTo(file, path, client, wanted);
  if (!written) std::filesystem::remove(path, ignored);
  return written;
}

}  // namespace sf::cli
