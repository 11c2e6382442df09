// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "node/base/result.h"
#include "node/cli/output.h"

namespace sf::cli {

class ApiClient;

enum class Type {
  kText,
  kNumber,
  kSwitch,
  kMany,    ///< a flag that may be given several times
  kSecret,  ///< "-" reads it from standard input, so that no list of processes shows it
};

/// One word of a command line. What it is called says how it is given: "network" stands in its
/// place, "[length]" may be left out, "-a,--all" is a flag.
struct Parameter {
  std::string_view name;
  std::string_view help;
  std::string_view field = {};  ///< of the request's body, if it becomes one as it is
  Type type = Type::kText;

  bool IsFlag() const { return name.starts_with('-'); }
  bool IsRequired() const { return !IsFlag() && !name.starts_with('['); }
  /// What a verb finds it by: "network", "length", "all".
  std::string Key() const;
};

/// What was given, by Key(). A switch that was given is there, and empty.
using Arguments = std::map<std::string, std::vector<std::string>, std::less<>>;

bool Has(const Arguments& arguments, std::string_view key);
/// The only value; empty if it was not given.
const std::string& Text(const Arguments& arguments, std::string_view key);
const std::vector<std::string>& All(const Arguments& arguments, std::string_view key);

/// kSnapshots: until all that the answer names by device are there, as the same path lists them.
enum class Until { kNow, kCreated, kDeleted, kSnapshots };

/// One request. In `path`, "{instance}" is that argument, and "{soft|hard}" is "soft", or "hard" if
/// there is such a switch and it was given; "{answer}" is the text that the call before answered.
struct Call {
  std::string_view method;
  std::string_view path;
  Until until = Until::kNow;  ///< of what the answer shows, by its uuid
};

/// What can be done to the objects of a noun: which calls that is, how it is typed and explained,
/// and how its answer looks. `calls` are made in their order, all with the same body; what the last
/// one answers is shown.
struct Verb {
  using BodyOf = Result<nlohmann::json> (*)(const Arguments&);
  using Prepare = Result<void> (*)(ApiClient&, const Arguments&, nlohmann::json& body);
  using Run = Result<std::string> (*)(ApiClient&, const Arguments&, Style);
  using Follow = Result<void> (*)(ApiClient&, const Arguments&, const std::string& answer);

  std::string_view name;
  std::vector<Call> calls;
  std::string_view help;
  std::string_view example;  ///< after "sf <noun> "
  View view;
  std::vector<Parameter> parameters = {};
  BodyOf body = nullptr;      ///< adds to what parameters with a field have become
  Prepare prepare = nullptr;  ///< what has to be done before the calls; adds to the body, too
  Run run = nullptr;  ///< does it all by itself, `calls` being for show; gives what is printed
  Follow follow = nullptr;  ///< what the first call's answer is for, once it has come so far
};

/// What the verbs of one noun have in common: the word, and where its objects are.
struct Noun {
  std::string_view name;
  std::string_view help;
  std::string_view list;  ///< the path that lists them, for completion; empty: no names to complete
  std::vector<Verb> verbs;
};

Noun InstanceNoun();
Noun NetworkNoun();
Noun InterfaceNoun();
Noun NamespaceNoun();
Noun ArtifactNoun();
Noun BlobNoun();
Noun LabelNoun();
Noun NodeNoun();
const std::vector<Noun>& Nouns();

/// A verb of one call.
Verb MakeVerb(std::string_view name, std::string_view method, std::string_view path,
              std::string_view help, std::string_view example, View view,
              std::vector<Parameter> parameters = {}, Verb::BodyOf body = nullptr);
/// The same verb, done only when what it began has come so far.
Verb Waiting(Until until, Verb verb);

/// Verbs that several nouns have. `path` is that of the events or of one metadata entry.
Verb EventsVerb(std::string_view noun, std::string_view path, std::string_view example);
Verb SetMetadataVerb(std::string_view noun, std::string_view path, std::string_view example);
Verb DeleteMetadataVerb(std::string_view noun, std::string_view path, std::string_view example);
Parameter NamespaceFlag();
Parameter ConfirmFlag();

/// A metadata value as it was typed: text, but for `tags` and `affinity`, which are JSON.
Result<nlohmann::json> MetadataValue(const std::string& key, const std::string& text);

/// kInvalid: what was typed makes no request.
Result<nlohmann::json> BodyOf(const Verb& verb, const Arguments& arguments);
std::string PathOf(const Call& call, const Arguments& arguments);
Result<std::int64_t> WholeNumber(std::string_view what, const std::string& text);

}  // namespace sf::cli
