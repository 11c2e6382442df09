// SPDX-License-Identifier: Apache-2.0
// Members of a gossip cluster with nothing around them, driven by lines of text; the benchmark asks
// every implementation the same.
//
//   gossip_adapter [-one] [-plain] [-period MILLISECONDS]
//
// In:   TAG START index name ip port | TAG JOIN index ip:port | TAG BCAST index id size
//       TAG KILL index | TAG LEAVE index | TAG STATS index | TAG QUIT
// Out:  R TAG OK [key=value...] | R TAG ERR text
//       E nanoseconds index J|F|D|M what: joined, unreachable or left, dead, message. By the
//       monotonic clock, which all processes of a host share.
//
// A message is the newest payload under one of a few keys, as what a node says of itself changes.
#include <fmt/format.h>
#include <unistd.h>
#include <uv.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "gossip/transport.h"
#include "node/base/event_loop.h"

namespace {

using sf::EventLoop;
using sf::gossip::Address;
using sf::gossip::Event;
using sf::gossip::Transport;

constexpr std::uint32_t kKeys = 64;
constexpr std::size_t kIdDigits = 20;

struct Settings {
  bool plain = false;
  sf::gossip::Config config = {};
};

Address ParseAddress(const std::string& ip, const std::string& port) {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (std::sscanf(ip.c_str(), "%u.%u.%u.%u", &a, &b, &c, &d) != 4) return {};
  return {.ip = a << 24 | b << 16 | c << 8 | d,
          .port = static_cast<std::uint16_t>(std::stoi(port))};
}

/// Lines out, as many as come at once in one write.
class Output {
 public:
  explicit Output(EventLoop& loop) : loop_(loop) {}

  void Line(std::string_view line) {
    if (bytes_.empty()) loop_.Post([this] { Flush(); });
    bytes_ += line;
    bytes_ += '\n';
  }
  void Flush() {
    for (std::string_view rest = bytes_; !rest.empty();) {
      const ssize_t written = write(STDOUT_FILENO, rest.data(), rest.size());
      if (written <= 0) _exit(1);
      rest.remove_prefix(static_cast<std::size_t>(written));
    }
    bytes_.clear();
  }

 private:
  EventLoop& loop_;
  std::string bytes_;
};

class Adapter {
 public:
  Adapter(EventLoop& loop, const Settings& settings)
      : loop_(loop), settings_(settings), output_(loop) {}

  void OnInput(std::string_view bytes) {
    input_ += bytes;
    for (std::size_t end; (end = input_.find('\n')) != std::string::npos;) {
      const std::string line = input_.substr(0, end);
      input_.erase(0, end + 1);
      OnLine(line);
    }
  }
  void Quit() {
    members_.clear();
    output_.Flush();
    loop_.Stop();
  }

 private:
  void OnLine(const std::string& line) {
    std::istringstream words(line);
    std::string tag, command;
    words >> tag >> command;
    std::vector<std::string> rest;
    for (std::string word; words >> word;) rest.push_back(word);
    if (command == "QUIT") {
      output_.Line(fmt::format("R {} OK", tag));
      return Quit();
    }
    if (rest.empty()) return output_.Line(fmt::format("R {} ERR what?", tag));
    const int index = std::stoi(rest[0]);
    if (command == "START" && rest.size() == 4) return Start(tag, index, rest);
    const auto member = members_.find(index);
    if (member == members_.end()) return output_.Line(fmt::format("R {} ERR no such member", tag));
    Transport& transport = *member->second;
    std::string answer;
    if (command == "JOIN" && rest.size() == 2) {
      Join(transport, rest[1]);
    } else if (command == "BCAST" && rest.size() == 3) {
      Announce(index, transport, rest[1], std::stoul(rest[2]));
    } else if (command == "KILL") {
      members_.erase(member);
    } else if (command == "LEAVE") {
      return transport.Leave(std::chrono::seconds(2),
                             [this, tag] { output_.Line(fmt::format("R {} OK", tag)); });
    } else if (command == "STATS") {
      answer = Stats(transport);
    } else {
      return output_.Line(fmt::format("R {} ERR what?", tag));
    }
    output_.Line(fmt::format("R {} OK{}", tag, answer));
  }

  void Start(const std::string& tag, int index, const std::vector<std::string>& rest) {
    sf::gossip::TransportOptions options = {.config = settings_.config,
                                            .name = sf::NodeId(rest[1]),
                                            .address = ParseAddress(rest[2], rest[3]),
                                            .keys = {}};
    if (!settings_.plain) options.keys = {{1, 2, 3}};
    auto transport = Transport::Listen(
        loop_, std::move(options), [this, index](const Event& event) { OnEvent(index, event); });
    if (!transport) return output_.Line(fmt::format("R {} ERR {}", tag, transport.error().message));
    members_[index] = *std::move(transport);
    output_.Line(fmt::format("R {} OK pid={}", tag, getpid()));
    Say(index, 'J', rest[1]);
    members_[index]->Join({});
  }

  static void Join(Transport& transport, const std::string& seed) {
    const std::size_t colon = seed.find(':');
    transport.Join({ParseAddress(seed.substr(0, colon), seed.substr(colon + 1))});
  }

  void Announce(int index, Transport& transport, const std::string& id, std::size_t size) {
    std::string payload = fmt::format("{:0>{}}", id, kIdDigits);
    payload.resize(std::clamp(size, kIdDigits, sf::gossip::kMaxPayload), 'x');
    transport.Announce(next_key_++ % kKeys, std::move(payload));
    Say(index, 'M', id);
  }

  static std::string Stats(const Transport& transport) {
    const auto& core = transport.gossip().counters();
    const auto wire = transport.counters();
    return fmt::format(
        " members={} udp_in={} udp_out={} udp_bytes_out={} tcp_bytes_out={} failed={} "
        "probes_failed={} refutes={} suspects={} connections={} overslept={} health={}",
        transport.gossip().members().size(), wire.udp_packets_in, wire.udp_packets_out,
        wire.udp_bytes_out, wire.tcp_bytes_out, wire.udp_sends_failed, core.probes_failed,
        core.refutations, core.probes_failed, wire.connections_open, core.overslept,
        transport.gossip().health_score());
  }

  void OnEvent(int index, const Event& event) {
    const std::string& name = event.said.name.value;
    switch (event.kind) {
      case Event::Kind::kJoined:
      case Event::Kind::kRestarted:
      case Event::Kind::kRecovered: return Say(index, 'J', name);
      case Event::Kind::kUnreachable:
      case Event::Kind::kLeft: return Say(index, 'F', name);
      case Event::Kind::kDead: return Say(index, 'D', name);
      case Event::Kind::kAnnounced:
        return Say(index, 'M',
                   std::to_string(std::stoull(event.item.payload.substr(0, kIdDigits))));
      default: return;
    }
  }

  void Say(int index, char kind, const std::string& what) {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    output_.Line(fmt::format("E {} {} {} {}",
                             std::chrono::duration_cast<std::chrono::nanoseconds>(now).count(),
                             index, kind, what));
  }

  EventLoop& loop_;
  const Settings settings_;
  Output output_;
  std::string input_;
  std::map<int, std::unique_ptr<Transport>> members_;
  std::uint32_t next_key_ = 0;
};

Settings ParseArguments(int count, char** arguments) {
  Settings settings;
  for (int i = 1; i < count; ++i) {
    const std::string_view option = arguments[i];
    if (option == "-plain") settings.plain = true;
    if (option == "-period" && i + 1 < count) {
      settings.config.period = std::chrono::milliseconds(std::stoi(arguments[++i]));
    }
    // -one needs nothing: START may come any number of times.
  }
  return settings;
}

}  // namespace

int main(int count, char** arguments) {
  EventLoop loop;
  Adapter adapter(loop, ParseArguments(count, arguments));
  uv_poll_t input;
  input.data = &adapter;
  uv_poll_init(loop.uv(), &input, STDIN_FILENO);
  uv_poll_start(&input, UV_READABLE, [](uv_poll_t* poll, int, int) {
    std::array<char, 4096> bytes;
    const ssize_t size = read(STDIN_FILENO, bytes.data(), bytes.size());
    auto* const self = static_cast<Adapter*>(poll->data);
    if (size > 0) return self->OnInput({bytes.data(), static_cast<std::size_t>(size)});
    uv_poll_stop(poll);
    self->Quit();
  });
  loop.Run();
}
