// SPDX-License-Identifier: Apache-2.0
#include "node/base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "node/base/request_scope.h"

namespace sf::log {
namespace {

Format chosen = Format::kText;

spdlog::level::level_enum ToSpdlog(Level level) {
  switch (level) {
    case Level::kDebug: return spdlog::level::debug;
    case Level::kInfo: return spdlog::level::info;
    case Level::kWarn: return spdlog::level::warn;
    case Level::kError: return spdlog::level::err;
  }
  return spdlog::level::err;
}

std::string Escaped(std::string_view line) {
  std::string out;
  out.reserve(line.size());
  for (const char c : line) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

void SetUp(Level level, Format format) {
  chosen = format;
  auto logger = std::make_shared<spdlog::logger>("sf-node",
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_pattern(format == Format::kJson
                          ? R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l",%v)"
                          : "%Y-%m-%dT%H:%M:%S.%e%z %l %v");
  logger->set_level(ToSpdlog(level));
  logger->flush_on(spdlog::level::debug);
  spdlog::set_default_logger(std::move(logger));
}

bool Enabled(Level level) { return spdlog::default_logger_raw()->should_log(ToSpdlog(level)); }

std::string ToLine(std::string_view message, Format format) {
  const std::string& request = RequestScope::Id();
  if (format == Format::kText) {
    return request.empty() ? Escaped(message) : Escaped(message) + " request=" + request;
  }
  nlohmann::ordered_json fields = {{"message", message}};
  if (!request.empty()) fields["request"] = request;
  return fields.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).substr(1);
}

void Write(Level level, std::string_view message) {
  spdlog::default_logger_raw()->log(ToSpdlog(level), "{}", ToLine(message, chosen));
}

}  // namespace sf::log
