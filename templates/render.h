// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "node/base/result.h"

namespace sf {

/// The texts we hand to other programs, as Mustache templates: those built into the binary, or an
/// operator's own copies of them.
///
/// Stricter than Mustache, because a wrong text is worse than none: a name without a value is an
/// error instead of an empty string, and there are no unescaped tags, partials or other delimiters,
/// so no value can become markup.
///
/// Thread: any. Invariant: every text held has been parsed without an error.
class Templates {
 public:
  /// A file in `folder` replaces the built-in text of the same name; an empty path means that there
  /// are none. Reads and parses every text, so it is also the check of an operator's templates.
  static Result<Templates> Load(const std::filesystem::path& folder);

  /// The text `name` filled with `values`, an object. Strings and numbers are placed, escaped for
  /// the text's kind; booleans, lists and objects open sections; null is no value.
  Result<std::string> Render(std::string_view name, const nlohmann::json& values) const;

 private:
  struct Text {
    std::string origin;  ///< For messages: the operator's file, or that it is built in.
    std::string text;
  };

  std::map<std::string, Text, std::less<>> texts_;
};

}  // namespace sf
