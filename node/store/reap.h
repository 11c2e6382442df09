// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "node/store/store.h"

namespace sf::store {

/// Deletes the rows of what was deleted long enough ago, and old events: some of each kind, so that
/// nobody waits for it. What fails is said in the log, and tried again the next time.
///
/// Thread: worker (blocks).
void Reap(Store& store);

}  // namespace sf::store
