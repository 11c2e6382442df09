// SPDX-License-Identifier: Apache-2.0
#include "node/cli/completion.h"

#include <algorithm>
#include <iterator>

#include "node/cli/verb.h"

namespace sf::cli {
namespace {

using NamesAt = std::function<std::vector<std::string>(std::string_view path)>;

constexpr std::string_view kBash = R"~(# sf completion for bash: eval "$(sf completion bash)"
_sf() {
  mapfile -t COMPREPLY < <(sf complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _sf sf
)~";

constexpr std::string_view kZsh = R"~(#compdef sf
# sf completion for zsh: eval "$(sf completion zsh)", after compinit
_sf() {
  local -a candidates
  candidates=("${(@f)$(sf complete -- "${
  (@) words[2, CURRENT]}" 2>/dev/null)}")
  compadd -- ${candidates:#} || _files
}
compdef _sf sf
)~";

template <class List>
const auto* Find(const List& list, std::string_view name) {
  const auto found =
      std::find_if(list.begin(), list.end(), [&](const auto& entry) { return entry.name == name; });
  return found == list.end() ? nullptr : &*found;
}

bool IsPlain(const std::string& name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           std::string_view("-_.").find(c) != std::string_view::npos;
  });
}

/// Whether `flag` is one of "-n,--network".
bool Names(const Parameter& parameter, std::string_view flag) {
  return flag == "--" + parameter.Key() ||
         (flag.size() == 2 && parameter.name.starts_with(std::string(flag) + ","));
}

/// What is complete before the word in question.
struct Given {
  const Noun* noun = nullptr;
  const Verb* verb = nullptr;
  std::size_t places = 0;           ///< filled, of the verb's parameters
  const Parameter* flag = nullptr;  ///< waits for its value, which is the word in question
  bool other_value = false;         ///< that word is the value of one of kValueFlags
  bool lost = false;                ///< something is there that we do not know
};

void TakeFlag(const std::string& word, Given& given) {
  if (given.verb != nullptr) {
    for (const Parameter& parameter : given.verb->parameters) {
      if (!parameter.IsFlag() || !Names(parameter, word)) continue;
      if (parameter.type != Type::kSwitch) given.flag = &parameter;
      return;
    }
  }
  given.other_value =
      std::find(std::begin(kValueFlags), std::end(kValueFlags), word) != std::end(kValueFlags);
}

void Take(const std::string& word, Given& given) {
  if (given.flag != nullptr || given.other_value) {
    given.flag = nullptr;
    given.other_value = false;
  } else if (word.starts_with('-')) {
    TakeFlag(word, given);
  } else if (given.noun == nullptr) {
    given.noun = Find(Nouns(), word);
    given.lost |= given.noun == nullptr;
  } else if (given.verb == nullptr) {
    given.verb = Find(given.noun->verbs, word);
    given.lost |= given.verb == nullptr;
  } else {
    ++given.places;
  }
}

std::vector<std::string> Flags(const Given& given) {
  std::vector<std::string> flags(std::begin(kValueFlags), std::end(kValueFlags));
  flags.insert(flags.end(), std::begin(kSwitches), std::end(kSwitches));
  if (given.verb == nullptr) return flags;
  for (const Parameter& parameter : given.verb->parameters) {
    if (parameter.IsFlag()) flags.push_back("--" + parameter.Key());
  }
  return flags;
}

/// Objects are completed where a parameter is called like their noun.
std::vector<std::string> NamesOf(const Parameter& parameter, const NamesAt& names_at) {
  const std::string key = parameter.Key();
  const Noun* const noun = Find(Nouns(), key == "floated" ? "network" : key);
  if (noun == nullptr || noun->list.empty()) return {};
  std::vector<std::string> names = names_at(noun->list);
  std::erase_if(names, [](const std::string& name) { return !IsPlain(name); });
  return names;
}

std::vector<std::string> Candidates(const Given& given, std::string_view last,
                                    const NamesAt& names_at) {
  if (given.lost || given.other_value) return {};
  if (given.flag != nullptr) return NamesOf(*given.flag, names_at);
  if (last.starts_with('-')) return Flags(given);
  std::vector<std::string> words;
  if (given.noun == nullptr) {
    for (const Noun& noun : Nouns()) words.emplace_back(noun.name);
    words.insert(words.end(), {"version", "completion"});
  } else if (given.verb == nullptr) {
    for (const Verb& verb : given.noun->verbs) words.emplace_back(verb.name);
  } else {
    std::size_t place = 0;
    for (const Parameter& parameter : given.verb->parameters) {
      if (!parameter.IsFlag() && place++ == given.places) return NamesOf(parameter, names_at);
    }
  }
  return words;
}

}  // namespace

Result<std::string> CompletionScript(std::string_view shell) {
  if (shell == "bash") return std::string(kBash);
  if (shell == "zsh") return std::string(kZsh);
  return Fail(Code::kInvalid, "there is completion for bash and zsh, and not for {}", shell);
}

std::vector<std::string> Complete(const std::vector<std::string>& words, const NamesAt& names_at) {
  if (words.empty()) return {};
  Given given;
  for (std::size_t i = 0; i + 1 < words.size(); ++i) Take(words[i], given);
  std::vector<std::string> candidates = Candidates(given, words.back(), names_at);
  std::erase_if(candidates, [&](const std::string& c) { return !c.starts_with(words.back()); });
  std::sort(candidates.begin(), candidates.end());
  candidates.erase(std::unique(candidates.begin(), candidates.end()), candidates.end());
  return candidates;
}

}  // namespace sf::cli
