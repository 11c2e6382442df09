// SPDX-License-Identifier: Apache-2.0
// What is on a domain's screen, and who may look at it.
#include <chrono>
#include <cstdlib>

#include "compute/hypervisor.h"
#include "compute/libvirt_link.h"

namespace sf::compute {
namespace {

/// A picture of more bytes is none that a guest's screen can show.
constexpr std::size_t kMaxScreenshotBytes = 64 << 20;

struct StreamRelease {
  void operator()(virStreamPtr stream) const { virStreamFree(stream); }
};
using StreamHandle = std::unique_ptr<virStream, StreamRelease>;

/// Of text that libvirt has allocated.
struct TextRelease {
  void operator()(char* text) const { std::free(text); }
};
using TextHandle = std::unique_ptr<char, TextRelease>;

Result<std::string> ReadAll(virStreamPtr stream) {
  std::string bytes;
  char buffer[64 << 10];
  while (true) {
    const int count = virStreamRecv(stream, buffer, sizeof buffer);
    if (count < 0) return LibvirtFailure("screenshot");
    if (count == 0) break;
    bytes.append(buffer, static_cast<std::size_t>(count));
    if (bytes.size() > kMaxScreenshotBytes) {
      virStreamAbort(stream);
      return Fail(Code::kTooLarge, "the screenshot has more than {} bytes", kMaxScreenshotBytes);
    }
  }
  if (virStreamFinish(stream) < 0) return LibvirtFailure("screenshot");
  return bytes;
}

}  // namespace

Result<std::string> Hypervisor::Screenshot(const InstanceId& id) {
  return link_->CallOnDomain(id, [id](virDomainPtr domain) -> Result<std::string> {
    if (virDomainIsActive(domain) == 0) return Fail(Code::kConflict, "instance {} is off", id);
    const StreamHandle stream(virStreamNew(virDomainGetConnect(domain), 0));
    if (!stream) return LibvirtFailure("screenshot of instance {}", id);
    const TextHandle kind(virDomainScreenshot(domain, stream.get(), /*screen=*/0, /*flags=*/0));
    if (!kind) return LibvirtFailure("screenshot of instance {}", id);
    std::string picture = TRY(ReadAll(stream.get()));
    // Before QEMU 7.1 it is a PPM, which nobody asked for.
    if (std::string_view(kind.get()) == "image/png") return picture;
    return Fail(Code::kInternal, "this host's QEMU makes no PNG of a screen, but {}", kind.get());
  });
}

Result<Screen> Hypervisor::OpenScreen(const InstanceId& id, std::chrono::seconds validity) {
  return link_->CallOnDomain(id, [id, validity](virDomainPtr domain) -> Result<Screen> {
    if (virDomainIsActive(domain) == 0) return Fail(Code::kConflict, "instance {} is off", id);
    const TextHandle xml(virDomainGetXMLDesc(domain, /*flags=*/0));
    if (!xml) return LibvirtFailure("description of instance {}", id);
    const auto until = std::chrono::system_clock::now() + validity;
    const auto change = NewPassword(xml.get(), std::chrono::system_clock::to_time_t(until));
    if (!change) return Fail(change.error().code, "instance {}: {}", id, change.error().message);
    // Of what runs only: started again, the screen lets nobody in until it is opened again.
    if (virDomainUpdateDeviceFlags(domain, change->graphics_xml.c_str(), VIR_DOMAIN_AFFECT_LIVE) <
        0) {
      return LibvirtFailure("the screen of instance {} could not be given a password", id);
    }
    return change->screen;
  });
}

}  // namespace sf::compute
