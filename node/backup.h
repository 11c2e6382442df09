// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "node/backup_file.h"
#include "node/base/result.h"
#include "node/config.h"

namespace sf {

struct BackupDone {
  BackupHead head;
  std::uint64_t lines = 0;
};

/// All that the database has, of one moment, into the file `target`, which then only its owner may
/// read; or to standard output, if it is "-" and nobody else may read what that is.
Result<BackupDone> TakeBackup(const Config& config, const std::string& target);

/// The reverse, of a file or of standard input. The whole backup is checked before anything is
/// changed; then see store::Load(). `replace`: what is in the database may go.
Result<BackupHead> RestoreBackup(const Config& config, const std::string& source, bool replace);

}  // namespace sf
