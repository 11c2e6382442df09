// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <filesystem>
#include <utility>

#include "node/base/id.h"

namespace sf::compute {

/// Where the files of an instance lie, below one folder that is made first and removed last.
class InstanceFiles {
 public:
  InstanceFiles(const std::filesystem::path& instances, const InstanceId& id)
      : folder_(instances / id.value) {}

  const std::filesystem::path& folder() const { return folder_; }
  std::filesystem::path Disk(std::size_t position) const {
    return folder_ / fmt::format("disk{}.qcow2", position);
  }
  std::filesystem::path config_drive() const { return folder_ / "config.iso"; }
  std::filesystem::path domain_xml() const { return folder_ / "domain.xml"; }
  std::filesystem::path console_log() const { return folder_ / "console.log"; }
  std::filesystem::path nvram() const { return folder_ / "nvram.fd"; }
  /// Of the disk that its guest calls so, while it is being made.
  std::filesystem::path Copy(const std::string& device) const {
    return folder_ / fmt::format("copy-{}.qcow2", device);
  }
  std::filesystem::path Channel(const std::string& name) const {
    return folder_ / (name + ".sock");
  }

 private:
  std::filesystem::path folder_;
};

}  // namespace sf::compute
