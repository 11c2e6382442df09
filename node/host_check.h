// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "node/config.h"

namespace sf {

/// One line of `sf-node check`.
struct Finding {
  enum class Verdict { kOk, kNote, kFailed };

  std::string part;
  Verdict verdict = Verdict::kOk;
  std::string text;    ///< what was seen
  std::string advice;  ///< what to do about it; empty if it is ok
};

/// Looks at everything that the daemon needs of this host. Changes nothing; every look has a limit.
std::vector<Finding> CheckHost(const Config& config);

/// The findings as a table, and a plain verdict below it.
std::string ToTable(const std::vector<Finding>& findings);

/// Whether the daemon can run here: notes do not count.
bool AllWell(const std::vector<Finding>& findings);

}  // namespace sf
