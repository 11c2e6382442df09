// SPDX-License-Identifier: Apache-2.0
#include "images/qemu_img.h"

#include <nlohmann/json.hpp>

#include "images/child_process.h"

namespace sf::images {
namespace {

constexpr auto kInfoDeadline = std::chrono::seconds(30);
constexpr auto kMeasureDeadline = std::chrono::minutes(5);  // It reads all tables of all layers.

/// qemu-img reads "nbd:..." or "json:{...}" as more than a file name, but never after a slash.
Result<std::string> PlainName(const std::filesystem::path& path) {
  if (!path.is_absolute()) {
    return Fail(Code::kInvalid, "{} is not an absolute path", path.string());
  }
  return path.string();
}

bool IsPresent(const nlohmann::json& object, const char* key) {
  return object.contains(key) && !object[key].is_null();
}

}  // namespace

std::string ToString(DiskFormat format) { return format == DiskFormat::kRaw ? "raw" : "qcow2"; }

Result<std::uint64_t> QemuImgVirtualSize(const std::filesystem::path& path, DiskFormat format) {
  const std::string name = TRY(PlainName(path));
  const std::string text = TRY(RunChild(
      {"qemu-img", "info", "-f", ToString(format), "--output=json", name}, {kInfoDeadline}));
  const auto info = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!info.is_object() || !info.contains("virtual-size") ||
      !info["virtual-size"].is_number_unsigned()) {
    return Fail(Code::kInternal, "qemu-img info printed what we cannot read about {}", name);
  }
  // Our own reading of the header has excluded these. Should QEMU read it differently, it decides.
  const auto details = info.value("/format-specific/data"_json_pointer, nlohmann::json::object());
  if (IsPresent(info, "backing-filename") || IsPresent(details, "data-file")) {
    return Fail(Code::kCorrupt, "it refers to another file");
  }
  return info["virtual-size"].get<std::uint64_t>();
}

Result<std::uint64_t> QemuImgMeasure(const std::filesystem::path& path) {
  const std::string name = TRY(PlainName(path));
  const std::string text = TRY(
      RunChild({"qemu-img", "measure", "-U", "-f", "qcow2", "-O", "qcow2", "--output=json", name},
               {kMeasureDeadline}));
  const auto sizes = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!sizes.is_object() || !sizes.contains("required") ||
      !sizes["required"].is_number_unsigned()) {
    return Fail(Code::kInternal, "qemu-img measure printed what we cannot read about {}", name);
  }
  return sizes["required"].get<std::uint64_t>();
}

Result<void> QemuImgConvert(const std::filesystem::path& source, DiskFormat format,
                            const std::filesystem::path& destination, std::chrono::seconds deadline,
                            const std::stop_token& stop) {
  const std::string from = TRY(PlainName(source));
  const std::string to = TRY(PlainName(destination));
  const auto converted = RunChild(
      {"qemu-img", "convert", "-f", ToString(format), "-O", "qcow2", from, to}, {deadline}, stop);
  if (converted) return {};
  return Fail(converted.error().code, "cannot convert it to {}: {}", to, converted.error().message);
}

}  // namespace sf::images
