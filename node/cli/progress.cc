// SPDX-License-Identifier: Apache-2.0
#include "node/cli/progress.h"

#include <unistd.h>
#include <csignal>
#include <cstdio>
#include <set>
#include <string_view>

#include "node/cli/output.h"

namespace sf::cli {
namespace {

using nlohmann::json;
using namespace nlohmann::literals;

constexpr std::string_view kClearLine = "\r\033[K";
constexpr std::int64_t kMiB = 1 << 20;

/// Ends as the signal ends, so that a shell sees it, but says first that only the waiting is over.
void OnInterrupt(int signal) {
  constexpr std::string_view kText = "\r\033[KNo longer waiting; what was begun goes on.\n";
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, kText.data(), kText.size());
  std::signal(signal, SIG_DFL);
  ::raise(signal);
}

std::int64_t NumberAt(const json& object, const json::json_pointer& pointer) {
  if (!object.contains(pointer) || !object.at(pointer).is_number()) return 0;
  return object.at(pointer).get<std::int64_t>();
}

std::string Done(std::string_view of_what, std::int64_t bytes, std::int64_t total) {
  if (bytes == 0) return "";
  if (total == 0) return fmt::format("  {}{} MiB", of_what, bytes / kMiB);
  return fmt::format("  {}{} of {} MiB", of_what, bytes / kMiB, total / kMiB);
}

void Write(std::string_view text) {
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), text.size());
}

}  // namespace

Progress::Progress(ApiClient& client) : client_(client), visible_(::isatty(STDERR_FILENO) == 1) {
  if (visible_) std::signal(SIGINT, &OnInterrupt);
}

Progress::~Progress() {
  if (!visible_) return;
  std::signal(SIGINT, SIG_DFL);
  Write(kClearLine);
}

void Progress::Show(const json& object) {
  if (!visible_) return;
  const auto passed =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - began_);
  Write(fmt::format("{}{}: {}{}  {} s", kClearLine, Printable(TextAt(object, "name")),
                    TextAt(object, "state"), Bytes(object), passed.count()));
}

void Progress::ShowBytes(const std::string& what, std::uint64_t done, std::uint64_t total) {
  if (!visible_) return;
  Write(fmt::format("{}{}: {} of {} MiB, {} %", kClearLine, Printable(what), done / kMiB,
                    total / kMiB, total == 0 ? 100 : done * 100 / total));
}

std::string Progress::Bytes(const json& object) {
  if (object.contains("progress")) {
    return Done("", NumberAt(object, "/progress/bytes"_json_pointer),
                NumberAt(object, "/progress/total_bytes"_json_pointer));
  }
  if (!object.contains("disk_spec")) return "";
  const auto artifacts = client_.Ask("GET", "/artifacts");
  return artifacts ? DescribeImages(object, *artifacts) : "";
}

std::string DescribeImages(const json& instance, const json& artifacts) {
  std::set<std::string> bases;
  for (const json& disk : instance.at("disk_spec")) bases.insert(TextAt(disk, "base"));
  std::int64_t bytes = 0;
  std::int64_t total = 0;
  for (const json& artifact : artifacts) {
    if (TextAt(artifact, "state") != "initial") continue;
    if (!bases.contains(TextAt(artifact, "source_url"))) continue;
    bytes += NumberAt(artifact, "/progress/bytes"_json_pointer);
    total += NumberAt(artifact, "/progress/total_bytes"_json_pointer);
  }
  return Done("image ", bytes, total);
}

}  // namespace sf::cli
