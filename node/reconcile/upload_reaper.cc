// SPDX-License-Identifier: Apache-2.0
#include "node/reconcile/upload_reaper.h"

#include <chrono>

#include "node/base/log.h"

namespace sf::reconcile {
namespace {

using namespace std::chrono_literals;

constexpr auto kAbandoned = 24h;
/// A file comes before its row.
constexpr auto kRowless = 1h;

}  // namespace

Result<void> ReapUploads(const NodeId& self, store::UploadStore& uploads,
                         images::UploadFiles& files) {
  auto idle = files.Idle();
  for (const Upload& upload : TRY(uploads.On(self))) {
    const auto file = idle.find(upload.uuid.value);
    const bool abandoned = file == idle.end() || file->second > kAbandoned;
    if (file != idle.end()) idle.erase(file);
    if (!abandoned) continue;
    TRY(uploads.Delete(upload.uuid));
    TRY(files.Remove(upload.uuid.value));
    log::Info("abandoned upload removed upload={} namespace={}", upload.uuid, upload.name_space);
  }
  for (const auto& [uuid, time] : idle) {
    if (time > kRowless) TRY(files.Remove(uuid));
  }
  return {};
}

}  // namespace sf::reconcile
