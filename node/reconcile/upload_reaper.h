// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "images/upload_files.h"
#include "node/store/upload_store.h"

namespace sf::reconcile {

/// Ends those uploads on `self` to which nobody has added for a day, and removes what has no row.
/// Thread: worker.
Result<void> ReapUploads(const NodeId& self, store::UploadStore& uploads,
                         images::UploadFiles& files);

}  // namespace sf::reconcile
