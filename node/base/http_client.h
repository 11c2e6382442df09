// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "node/base/result.h"

namespace sf {

/// Of a request as they are sent; of an answer with lower-cased names, the last one of each.
using HttpHeaders = std::map<std::string, std::string>;

/// What a server says before its body.
struct HttpHead {
  int status = 0;
  HttpHeaders headers;

  /// Empty when absent.
  std::string Header(const std::string& name) const;
};

struct HttpResponse {
  HttpHead head;
  std::string body;
};

/// What shows, by https, that a server is the one that was meant: that an authority of the system's
/// has signed its certificate for the host of the URL, unless something else is said here.
struct HttpTrust {
  std::string authorities = {};  ///< PEM; instead of the system's
  bool also_system = false;      ///< the system's, too
  std::string public_key = {};   ///< "sha256//" and base64; it has this one, whatever it is called
};

/// A small exchange with a server we know: no redirect is followed, no proxy is asked.
struct HttpRequest {
  std::string method = "GET";
  std::string url;
  HttpHeaders headers = {};
  std::string body = {};
  std::string unix_socket = {};  ///< connect there instead of to the URL's host
  HttpTrust trust = {};
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds timeout{30'000};
  std::size_t max_body = 1 << 20;
};

/// Where a download is about to go: the URL that it was given, or one that it was sent on to.
struct HttpTarget {
  std::string url;      ///< without user name and password
  std::string host;     ///< of the URL; an address in it in its usual form, an IPv6 one in brackets
  std::string address;  ///< of the server that is about to be connected to; empty: there is no need
};
using HttpGuard = std::function<Result<void>(const HttpTarget&)>;

/// A body of any size, from a server that nobody vouches for or from another node.
struct HttpDownload {
  std::string url;
  HttpHeaders headers = {};
  HttpTrust trust = {};
  int redirects = 5;
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::seconds stall_timeout{30};  ///< slower than kStallSpeed for so long is broken
  std::chrono::seconds timeout{std::chrono::hours{6}};
  std::uint64_t max_bytes = 0;
  bool through_proxy = true;  ///< if the environment names one; not where another node is asked
  /// Asked before each connection, with the very address that it would be made to, and before each
  /// request. A refusal ends the download, unless its host has other addresses.
  HttpGuard guard = {};
};

/// `url` without user name and password, fit for a message.
std::string WithoutCredentials(std::string_view url);

/// HTTP over libcurl. Any status is an answer, not an error: an Error means that there was none, or
/// not all of it. kUnavailable and kTimeout are failures on the way that may pass; every message
/// names the URL and the cause.
///
/// Connections are kept and used again by the calls that follow on the same object.
/// Thread: worker or HTTP (blocks); one call at a time.
class HttpClient {
 public:
  static constexpr int kStallSpeed = 1024;  ///< bytes per second

  using OnHead = std::function<bool(const HttpHead&)>;  ///< false: the body is not wanted
  using Sink = std::function<Result<void>(std::string_view bytes)>;

  HttpClient();
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  Result<HttpResponse> Request(const HttpRequest& request);

  /// Hands the final answer's head to `on_head`, then its body to `sink` piece by piece, unchanged
  /// (no content coding is undone). An error of `sink` ends the transfer and is returned as it is.
  /// A stop takes effect within a second.
  Result<HttpHead> Download(const HttpDownload& download, const OnHead& on_head, const Sink& sink,
                            const std::stop_token& stop = {});

 private:
  struct Implementation;  // Keeps curl.h out of every file that includes this one.
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace sf
