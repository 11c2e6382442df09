// SPDX-License-Identifier: Apache-2.0
#include "node/base/number.h"

#include <catch2/catch.hpp>
#include <cstdint>

namespace sf {
namespace {

TEST_CASE("ToNumber: the whole text is the number, or there is none") {
  CHECK(ToNumber<int>("0") == 0);
  CHECK(ToNumber<int>("-12") == -12);
  CHECK(ToNumber<std::uint64_t>("18446744073709551615") == 18446744073709551615u);
  CHECK(ToNumber<unsigned>("1f", 16) == 31u);
  CHECK(ToNumber<double>("1.5") == 1.5);
  for (const char* const text : {"", " 1", "1 ", "+1", "0x1", "1.5", "one", "2147483648"}) {
    CAPTURE(text);
    CHECK_FALSE(ToNumber<int>(text));
  }
  CHECK_FALSE(ToNumber<unsigned>("-1"));
  CHECK_FALSE(ToNumber<double>("1.5x"));
}

}  // namespace
}  // namespace sf
