// SPDX-License-Identifier: Apache-2.0
#include "node/base/request_scope.h"

#include <utility>

namespace sf {
namespace {

thread_local std::string current;

}  // namespace

RequestScope::RequestScope(std::string id) : outer_(std::exchange(current, std::move(id))) {}

RequestScope::~RequestScope() { current = outer_; }

const std::string& RequestScope::Id() { return current; }

}  // namespace sf
