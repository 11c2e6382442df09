// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <variant>

#include "net/link.h"

struct nl_msg;

namespace sf::net {

struct FreeMessage {
  void operator()(nl_msg* message) const;
};
using MessageHandle = std::unique_ptr<nl_msg, FreeMessage>;

struct AllLinks {};
struct LinkNamed {
  std::string name;
};
struct AllFdbEntries {};
struct AllAddresses {};
struct AllProxyNeighbours {};
/// What can be asked of the kernel.
using Question = std::variant<AllLinks, LinkNamed, AllFdbEntries, AllAddresses, AllProxyNeighbours>;

MessageHandle ToMessage(const Question& question);
MessageHandle ToMessage(const Change& change);

/// Whether the kernel's refusal (an errno, or 0) means that all is as it was to be.
bool IsDone(const Change& change, int error);

/// "remove link 7"
std::string Describe(const Change& change);
std::string Describe(const Question& question);

}  // namespace sf::net
