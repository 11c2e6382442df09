// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace sf::store {

/// `message`, which may quote any bytes of a stranger's, as a column of messages can hold it: in
/// UTF-8, what is not being replaced, and of limited length. A message that the database refused
/// would keep its failure from being recorded.
std::string Storable(std::string_view message);

}  // namespace sf::store
