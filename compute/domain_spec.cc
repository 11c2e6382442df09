// SPDX-License-Identifier: Apache-2.0
#include "compute/domain_spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>

namespace sf::compute {

std::string DomainPrefix(const std::string& cluster_id) {
  return fmt::format("sf-{:.8}-", cluster_id);
}

std::string DomainName(const std::string& cluster_id, const InstanceId& id) {
  return DomainPrefix(cluster_id) + id.value;
}

bool IsVideoModel(std::string_view model) {
  constexpr std::string_view kModels[] = {"cirrus", "vga", "qxl", "virtio", "bochs"};
  return std::ranges::find(kModels, model) != std::end(kModels);
}

bool IsNicModel(std::string_view model) {
  constexpr std::string_view kModels[] = {"virtio",   "e1000", "e1000e", "rtl8139",
                                          "ne2k_pci", "pcnet", "vmxnet3"};
  return std::ranges::find(kModels, model) != std::end(kModels);
}

}  // namespace sf::compute
