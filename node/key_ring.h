// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gossip/seal.h"
#include "node/base/result.h"

namespace sf {

/// The cluster's keys: the first seals what this node says, any opens what it hears. Never empty,
/// and never longer than kMaxKeys.
using KeyRing = std::vector<gossip::Seal::Key>;

/// One in use, one to come, and one that an interrupted rotation left behind.
constexpr std::size_t kMaxKeys = 3;

/// Keys as 64 hexadecimal digits each, with blanks, commas or line ends between them, and comments
/// that begin with #. No error quotes any of it.
Result<KeyRing> ParseKeyRing(std::string_view text);
std::string ToString(const KeyRing& ring);

/// kInvalid also if anybody but its owner may read the file.
Result<KeyRing> ReadKeyFile(const std::string& path);

KeyRing MakeKeyRing();

/// Tells rings apart, in what order their keys may be, without giving them away.
std::string Fingerprint(const KeyRing& ring);

/// The rings through which all nodes have to go, one after the other, so that at each moment
/// everybody can open what anybody seals: the new key added, then put first, then alone. Safe to
/// begin again from wherever an earlier rotation stopped.
std::vector<KeyRing> RotationSteps(const KeyRing& present, const gossip::Seal::Key& fresh);

}  // namespace sf
