// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "node/model/instance.h"
#include "node/reconcile/blob_shelf.h"
#include "node/store/store.h"

namespace sf::reconcile {

/// Makes `to`, what the firmware of an instance remembers, from its nvram_template, unless it is
/// there already; without a template libvirt makes an empty one. What follows the last whole block
/// is left out: snapshots are marked there. kUnavailable, when it is to be tried again.
///
/// Thread: worker.
Result<void> MakeNvram(store::Store& store, BlobShelf& shelf, const InstanceSpec& spec,
                       const std::filesystem::path& to);

}  // namespace sf::reconcile
