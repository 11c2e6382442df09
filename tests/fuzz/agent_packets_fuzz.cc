// SPDX-License-Identifier: Apache-2.0
// What a guest sends is cut into the same packets however it comes in pieces, and no more of it is
// held than one packet; what is said to itself comes back.
#include "compute/agent_packets.h"

#include "node/base/check.h"
#include "tests/fuzz/target.h"

namespace sf::fuzz {

using compute::AgentPacketReader;
using nlohmann::json;

namespace {

std::string Read(std::string_view bytes, std::size_t piece) {
  AgentPacketReader reader;
  std::string found;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    reader.Feed(bytes.substr(at, piece));
    while (const auto packet = reader.Next()) {
      found += *packet ? (*packet)->dump(-1, ' ', false, json::error_handler_t::strict)
                       : (*packet).error().message;
      found += '\n';
      if (!*packet) continue;
      SF_CHECK((*packet)->is_object() && (*packet)->size() <= AgentPacketReader::kMaxFields + 1);
      AgentPacketReader again;
      again.Feed(compute::ToAgentBytes(**packet));
      const auto same = again.Next();
      SF_CHECK(same && *same && **same == **packet);
    }
    SF_CHECK(reader.held() <= AgentPacketReader::kMaxPacket + piece);
  }
  return found;
}

}  // namespace

void Try(std::string_view input) {
  const std::string whole = Read(input, input.size() + 1);
  SF_CHECK(whole == Read(input, 1));
  SF_CHECK(whole == Read(input, 7));
}

std::vector<std::string> Seeds() {
  return {"noise*SFv001*[00000002]{}*SFv00",
          "*SFv001*[00000001]{*SFv001*[00000002]{}",
          "*SFv001*[99999999]{}",
          "*SFv001*[0000000x]{}*SFv001*SFv001*[00000004]null",
          compute::ToAgentBytes({{"command", "ping"}, {"unique", 7}}),
          compute::ToAgentBytes({{"command", "agent-start"}, {"a", {{"b", {1, 2}}}}, {"c", 1.5}})};
}

}  // namespace sf::fuzz
