// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "node/base/result.h"

namespace sf::api {

/// The one place where an error's code becomes an HTTP status. 406 is the contract's "not ready
/// yet, ask again"; 503 tells a client to stop and say so.
inline int ToStatus(Code code) {
  switch (code) {
    case Code::kInvalid: return 400;
    case Code::kUnauthorized: return 401;
    case Code::kForbidden: return 403;
    case Code::kNotFound: return 404;
    case Code::kNotReady: return 406;
    case Code::kConflict: return 409;
    case Code::kTooLarge: return 413;
    case Code::kNoCapacity: return 507;
    case Code::kUnavailable: return 503;
    case Code::kTimeout: return 504;
    case Code::kCorrupt:
    case Code::kInternal: return 500;
  }
  return 500;
}

}  // namespace sf::api
