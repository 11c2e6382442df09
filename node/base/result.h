// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <string>
#include <tl/expected.hpp>
#include <type_traits>
#include <utility>

#include "node/base/id.h"

namespace sf {

/// What a caller can do about a failure. node/api/status.h turns it into an HTTP status.
enum class Code {
  kInvalid,       ///< The request itself is wrong; repeating it cannot help.            400
  kUnauthorized,  ///< Nobody we know, or not allowed to be this.                        401
  kForbidden,     ///< Known, and refused.                                               403
  kNotFound,      ///< No such object, or not for this caller to see.                    404
  kNotReady,      ///< Right request, too early: the object is still being made.         406
  kConflict,      ///< The object has moved on, or another has taken its place.          409
  kTooLarge,      ///< More bytes than a limit allows.                                   413
  kNoCapacity,    ///< No node, address or port is left for it.                          507
  kUnavailable,   ///< A part we need does not answer now; the same call may work later. 503
  kTimeout,       ///< A deadline passed.                                                504
  kCorrupt,       ///< Bytes from outside are not what they claim to be.                 500
  kInternal,      ///< A failure that no caller can act on.                              500
};

/// A failure as a value: `code` is for the caller's branch, `message` is for people and names the
/// object and the cause.
struct Error {
  Code code = Code::kInternal;
  std::string message;
};

/// A T or an Error. A class of its own only because tl::expected is not [[nodiscard]].
template <class T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;
};

template <class... Args>
tl::unexpected<Error> Fail(Code code, fmt::format_string<Args...> format, Args&&... args) {
  return tl::unexpected(Error{code, fmt::format(format, std::forward<Args>(args)...)});
}

template <class T>
T Take(Result<T>&& result) {
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

}  // namespace sf

/// An id prints as its text, so that messages can name their object.
template <class Tag>
struct fmt::formatter<sf::Id<Tag>> : fmt::formatter<std::string> {
  template <class Context>
  auto format(const sf::Id<Tag>& id, Context& context) const {
    return fmt::formatter<std::string>::format(id.value, context);
  }
};

/// The value of an expression, or return its error from the enclosing function. Variadic, so that
/// the expression may hold commas; numbered, so that one TRY may stand inside another.
#define TRY(...) SF_TRY(SF_TRY_NAME(try_result_, __COUNTER__), __VA_ARGS__)
#define SF_TRY_NAME(prefix, number) SF_TRY_JOIN(prefix, number)
#define SF_TRY_JOIN(prefix, number) prefix##number
#define SF_TRY(result, ...)                                        \
  __extension__({                                                  \
    auto result = (__VA_ARGS__);                                   \
    if (!result) return tl::unexpected(std::move(result).error()); \
    ::sf::Take(std::move(result));                                 \
  })
#ifdef __cppcheck__  // It cannot read statement expressions.
#undef TRY
#define TRY(...) (*(__VA_ARGS__))
#endif
