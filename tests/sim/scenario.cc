// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/scenario.h"

#include <algorithm>
#include <cstdio>
#include <sstream>

#include "tests/sim/checkers.h"
#include "tests/sim/role_world.h"

namespace sf::sim {
namespace {

std::string Words(const Event::Kind kind) {
  switch (kind) {
    case Event::Kind::kJoined: return "joined";
    case Event::Kind::kRestarted: return "restarted";
    case Event::Kind::kSuspected: return "suspected";
    case Event::Kind::kUnreachable: return "unreachable";
    case Event::Kind::kDead: return "dead";
    case Event::Kind::kLeft: return "left";
    case Event::Kind::kRecovered: return "alive again";
    case Event::Kind::kUpdated: return "";
    case Event::Kind::kForgotten: return "forgotten";
    case Event::Kind::kAnnounced: return "announced something";
    case Event::Kind::kNudged: return "nudges";
    case Event::Kind::kRefuted: return "\"I am alive\"";
    case Event::Kind::kNameTaken: return "has my name";
  }
  return "";
}

const char* Words(const gossip::Evidence evidence) {
  switch (evidence) {
    case gossip::Evidence::kSilent: return "silent";
    case gossip::Evidence::kFrozen: return "frozen";
    case gossip::Evidence::kGone: return "gone";
  }
  return "";
}

/// What several nodes reported of one member, as one line.
struct Report {
  Event::Kind kind;
  gossip::Statement said;
  Duration first;
  Duration last;
  std::set<NodeId> observers;
};

class Player {
 public:
  Player() : sim_(1), transcript_(sim_), checker_(sim_) {
    sim_.Observe(transcript_);
    sim_.Observe(checker_);
  }

  std::string Play(const std::string& command) {
    const Duration began = sim_.now();
    std::istringstream in(command);
    std::string verb;
    in >> verb;
    std::string remark;
    if (!Do(verb, in, remark)) remark = "not understood";
    std::string lines = Reports(began);
    if (!remark.empty()) lines += "  -> " + remark + "\n";
    for (const std::string& violation : checker_.violations()) lines += "  -> " + violation + "\n";
    if (roles_) {
      for (const std::string& violation : roles_->violations()) lines += "  -> " + violation + "\n";
    }
    return lines;
  }

 private:
  bool Do(const std::string& verb, std::istream& in, std::string& remark) {
    if (verb == "heal") return sim_.network().HealAll(), true;
    if (verb == "cut") return Cut(in);
    if (verb == "run") {
      const auto length = ReadTime(in);
      if (length) sim_.RunFor(*length);
      return length.has_value();
    }
    if (verb == "role") return roles_.emplace(sim_, 1), true;
    if (verb == "database") return roles_ && SetDatabase(in);
    if (verb == "check") {
      std::string what;
      in >> what;
      remark = sim_.Agreed() ? "agreed" : "not agreed";
      if (what == "role") remark = DescribeRole();
      return what == "agreed" || (what == "role" && roles_);
    }
    if (verb == "start" || verb == "loss") {
      int number = 0;
      in >> number;
      if (verb == "start") sim_.Start(static_cast<std::size_t>(number));
      if (verb == "loss") sim_.network().SetAll({.loss = number / 100.0});
      return number >= 0 && !in.fail();
    }
    const auto node = ReadNode(in);
    return node && DoTo(verb, *node, in);
  }

  bool DoTo(const std::string& verb, std::size_t node, std::istream& in) {
    if (verb == "restart") return sim_.Restart(node), true;
    if (!sim_.IsRunning(node)) return false;
    if (verb == "crash") return sim_.Crash(node), true;
    if (verb == "kill") return sim_.Kill(node), true;
    if (verb == "leave") return roles_ ? roles_->Leave(node) : sim_.Leave(node), true;
    if (verb == "pause") {
      const auto length = ReadTime(in);
      if (length) sim_.Pause(node, *length);
      return length.has_value();
    }
    std::uint32_t key = 0;
    std::string text;
    if (verb != "announce" || !(in >> key >> text)) return false;
    return sim_.Announce(node, key, text), true;
  }

  bool SetDatabase(std::istream& in) {
    std::string word;
    in >> word;
    const bool away = word == "away";
    if (!away && word != "back") return false;
    bool some = false;
    for (; in >> word; some = true) {
      const auto node = sim_.IndexOf(NodeId(word));
      if (!node) return false;
      roles_->row().SetAway(*node, away);
    }
    if (!some) roles_->row().SetAwayForAll(away);
    return true;
  }

  std::string DescribeRole() const {
    std::string text = roles_->row().now().holder.value + " holds term " +
                       std::to_string(roles_->row().now().term) + ", serving:";
    for (const std::size_t node : roles_->Servers()) text += " " + sim_.NameOf(node).value;
    return text + (roles_->Settled() ? ", and all know" : "");
  }

  bool Cut(std::istream& in) {
    std::vector<std::size_t> left, right;
    std::vector<std::size_t>* side = &left;
    for (std::string word; in >> word;) {
      const auto node = sim_.IndexOf(NodeId(word));
      if (word == "|") {
        side = &right;
      } else if (node) {
        side->push_back(*node);
      } else {
        return false;
      }
    }
    for (const std::size_t a : left) {
      for (const std::size_t b : right) sim_.network().Cut(sim_.AddressOf(a), sim_.AddressOf(b));
    }
    return !left.empty() && !right.empty();
  }

  static std::optional<Duration> ReadTime(std::istream& in) {
    std::int64_t number = 0;
    std::string unit;
    in >> number >> unit;
    if (unit == "s") return std::chrono::seconds(number);
    if (unit == "ms") return std::chrono::milliseconds(number);
    return std::nullopt;
  }

  std::optional<std::size_t> ReadNode(std::istream& in) const {
    std::string name;
    in >> name;
    return sim_.IndexOf(NodeId(name));
  }

  std::string Reports(Duration began) {
    std::vector<Report> reports;
    for (const Transcript::Line& line : transcript_.TakeLines()) {
      if (line.kind == Event::Kind::kUpdated) continue;
      if (roles_ && line.kind == Event::Kind::kAnnounced) continue;
      const auto same = [&line](const Report& report) {
        return report.kind == line.kind && report.said.name == line.said.name;
      };
      auto report = std::ranges::find_if(reports, same);
      if (report == reports.end()) {
        report = reports.insert(report, {line.kind, line.said, line.at, line.at, {}});
      }
      report->last = line.at;
      report->observers.insert(line.observer);
    }
    std::multimap<Duration, std::string> lines;
    for (const Report& report : reports) lines.emplace(report.first, Print(report, began));
    if (roles_) {
      for (const auto& [at, line] : roles_->TakeLines()) {
        lines.emplace(at, Span(at - began, at - began) + line + "\n");
      }
    }
    std::string text;
    for (const auto& [at, line] : lines) text += line;
    return text;
  }

  static std::string Span(Duration first, Duration last) {
    const auto print = [](const char* format, Duration time) {
      char text[48];
      std::snprintf(text, sizeof text, format, static_cast<double>(time.count()) / 1e6);
      return std::string(text);
    };
    const bool apart = last - first >= std::chrono::milliseconds(10);
    return print("  -> %.2f", first) + (apart ? print("-%.2f", last) : "") + " s ";
  }

  std::string Print(const Report& report, Duration began) const {
    std::string text = Span(report.first - began, report.last - began) + Observers(report) + ": ";
    if (report.kind != Event::Kind::kRefuted) text += report.said.name.value + " ";
    text += Words(report.kind);
    std::string found;
    for (const gossip::Witness& witness : report.said.witnesses) {
      found += (found.empty() ? ", found " : ", ") + std::string(Words(witness.evidence)) + " by " +
               witness.name.value;
    }
    return text + found + "\n";
  }

  std::string Observers(const Report& report) const {
    std::size_t others = 0;
    for (std::size_t i = 0; i < sim_.size(); ++i) {
      others += sim_.IsRunning(i) && sim_.NameOf(i) != report.said.name;
    }
    if (others > 1 && report.observers.size() == others) return "all others";
    std::string names;
    for (const NodeId& observer : report.observers)
      names += (names.empty() ? "" : " ") + observer.value;
    return names;
  }

  Simulator sim_;
  Transcript transcript_;
  SafetyChecker checker_;
  std::optional<RoleWorld> roles_ = {};
};

}  // namespace

std::string PlayScenario(const std::string& text) {
  Player player;
  std::string played;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("  ->")) continue;
    played += line + "\n";
    if (!line.empty() && line[0] != '#') played += player.Play(line);
  }
  return played;
}

}  // namespace sf::sim
