// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace sf::sim {

/// Plays a scenario and returns it with its transcript: each command as it was written, followed by
/// lines "  -> ..." that tell what the nodes reported until the next. A scenario file holds its own
/// expected transcript, so it is right if it plays back to itself, and is reviewed like code.
///
///   start N                 N nodes more, n0, n1, ...
///   run TIME                2s, 500ms
///   crash | kill | restart | leave NODE      the host; the process only; with nothing remembered
///   pause NODE TIME
///   cut NODE... | NODE...   nothing passes between the two sides
///   heal                    all cuts
///   loss PERCENT
///   announce NODE KEY TEXT
///   check agreed            says so if all running nodes have the same view, of each other
///   role                    before the first start: the network-services role is played, too
///   database away|back [NODE...]
///   check role              who holds it, who serves, whether all know
///   # ...                   for the reader
///
/// What it cannot read it answers with "  -> not understood".
std::string PlayScenario(const std::string& text);

}  // namespace sf::sim
