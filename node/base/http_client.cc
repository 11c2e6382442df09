// SPDX-License-Identifier: Apache-2.0
#include "node/base/http_client.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "node/base/check.h"

namespace sf {
namespace {

constexpr std::size_t kMaxHeadBytes = 64 << 10;

struct FreeSlist {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Slist = std::unique_ptr<curl_slist, FreeSlist>;

/// One exchange, as libcurl's callbacks see it. They are noexcept: no exception may cross C.
struct Exchange {
  const HttpClient::OnHead& on_head;
  const HttpClient::Sink& sink;
  const std::stop_token& stop;
  std::uint64_t max_bytes;
  CURL* curl = nullptr;
  const HttpGuard* guard = nullptr;

  HttpHead head = {};
  std::size_t head_bytes = 0;
  std::uint64_t received = 0;
  bool head_given = false;
  bool body_unwanted = false;
  std::string refusal = {};              ///< set when a limit of ours ended the transfer
  std::optional<Error> sink_error = {};  ///< set when the sink did
  std::optional<Error> refused = {};     ///< what the guard said last, of an address or a request
  bool connecting = false;               ///< to an address that the guard has nothing against

  void GiveHead() {
    if (std::exchange(head_given, true)) return;
    body_unwanted = !on_head(head);
  }
};

std::string Trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1));
}

std::string Lowered(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

std::size_t OnHeader(char* bytes, std::size_t, std::size_t count, void* context) noexcept {
  auto& exchange = *static_cast<Exchange*>(context);
  const std::string_view line(bytes, count);
  if (line.starts_with("HTTP/")) {  // Each answer of a redirect chain begins anew.
    exchange.head = {};
    exchange.head_bytes = 0;
    const auto space = line.find(' ');
    for (const char digit : line.substr(std::min(space, line.size() - 1) + 1, 3)) {
      exchange.head.status = exchange.head.status * 10 + (digit - '0');
    }
    return count;
  }
  exchange.head_bytes += count;
  if (exchange.head_bytes > kMaxHeadBytes) {
    exchange.refusal = "the headers of the answer are too large";
    return 0;
  }
  if (const auto colon = line.find(':'); colon != std::string_view::npos) {
    exchange.head.headers[Lowered(std::string(line.substr(0, colon)))] =
        Trimmed(line.substr(colon + 1));
  }
  return count;
}

std::size_t OnBody(char* bytes, std::size_t, std::size_t count, void* context) noexcept {
  auto& exchange = *static_cast<Exchange*>(context);
  exchange.GiveHead();
  if (exchange.body_unwanted) return 0;
  if (count > exchange.max_bytes - exchange.received) {
    exchange.refusal = fmt::format("the answer exceeds the limit of {} bytes", exchange.max_bytes);
    return 0;
  }
  exchange.received += count;
  if (Result<void> taken = exchange.sink({bytes, count}); !taken) {
    exchange.sink_error = std::move(taken).error();
    return 0;
  }
  return count;
}

int OnProgress(void* context, curl_off_t, curl_off_t, curl_off_t, curl_off_t) noexcept {
  return static_cast<const Exchange*>(context)->stop.stop_requested() ? 1 : 0;
}

/// The host of `url` as libcurl understands it, so that nobody understands another.
std::string HostOf(const char* url) {
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> parsed(curl_url(), &curl_url_cleanup);
  char* host = nullptr;
  if (!parsed || curl_url_set(parsed.get(), CURLUPART_URL, url, 0) != CURLUE_OK ||
      curl_url_get(parsed.get(), CURLUPART_HOST, &host, 0) != CURLUE_OK) {
    return {};
  }
  const std::unique_ptr<char, decltype(&curl_free)> owner(host, &curl_free);
  return host;
}

std::string ToText(const sockaddr& address) {
  std::array<char, INET6_ADDRSTRLEN> text = {};
  const void* bytes = nullptr;
  if (address.sa_family == AF_INET) {
    bytes = &reinterpret_cast<const sockaddr_in&>(address).sin_addr;
  } else if (address.sa_family == AF_INET6) {
    bytes = &reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
  }
  if (bytes != nullptr) ::inet_ntop(address.sa_family, bytes, text.data(), text.size());
  return text.data();
}

bool Guarded(Exchange& exchange, std::string address) {
  const char* url = nullptr;
  curl_easy_getinfo(exchange.curl, CURLINFO_EFFECTIVE_URL, &url);
  if (url == nullptr) url = "";
  HttpTarget target{WithoutCredentials(url), HostOf(url), std::move(address)};
  Result<void> judged = Fail(Code::kInvalid, "{}: the URL names no host", target.url);
  if (!target.host.empty()) judged = (*exchange.guard)(target);
  if (judged) return true;
  exchange.refused = std::move(judged).error();
  return false;
}

/// libcurl connects to the address that it shows here: there is no moment to put another in its
/// place.
curl_socket_t OnOpenSocket(void* context, curlsocktype, curl_sockaddr* to) noexcept {
  std::string address = ToText(to->addr);
  auto& exchange = *static_cast<Exchange*>(context);
  if (address.empty() || !Guarded(exchange, std::move(address))) return CURL_SOCKET_BAD;
  exchange.connecting = true;
  return ::socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

/// A connection that is there already, to a proxy in particular, is asked for other hosts as well.
int OnRequest(void* context, char*, char*, int, int) noexcept {
  auto& exchange = *static_cast<Exchange*>(context);
  exchange.connecting = false;
  exchange.refused.reset();  // It was of other addresses of the same host.
  return Guarded(exchange, {}) ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

Result<Slist> ToSlist(const HttpHeaders& headers) {
  Slist list;
  for (const auto& [name, value] : headers) {
    const std::string line = fmt::format("{}: {}", name, value);
    const auto is_control = [](char c) { return (c >= 0 && c < 0x20) || c == 0x7f; };
    if (std::any_of(line.begin(), line.end(), is_control)) {
      return Fail(Code::kInvalid, "the request header {} holds a control byte", name);
    }
    list.reset(curl_slist_append(list.release(), line.c_str()));
  }
  // Without this, libcurl asks for leave before it sends a body, and waits a second for the answer.
  list.reset(curl_slist_append(list.release(), "Expect:"));
  return list;
}

Code ToCode(CURLcode code) {
  switch (code) {
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_TOO_MANY_REDIRECTS:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
    case CURLE_PEER_FAILED_VERIFICATION: return Code::kInvalid;
    case CURLE_OPERATION_TIMEDOUT: return Code::kTimeout;
    case CURLE_OUT_OF_MEMORY: return Code::kInternal;
    default: return Code::kUnavailable;
  }
}

std::string Explain(CURLcode code, const char* detail, const HttpDownload* download) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST: return "its host name cannot be resolved";
    case CURLE_UNSUPPORTED_PROTOCOL: return "it leads to something that is neither http nor https";
    case CURLE_TOO_MANY_REDIRECTS:
      return fmt::format("more than {} redirects", download ? download->redirects : 0);
    case CURLE_PEER_FAILED_VERIFICATION:
      return fmt::format("its certificate is not trusted here: {}", Trimmed(detail));
    case CURLE_SSL_CACERT_BADFILE: return "the authorities to trust cannot be read";
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
      return "another server than the one that was meant answers";
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR: return "the server closed the connection before the end of its answer";
    case CURLE_GOT_NOTHING: return "the server closed the connection without an answer";
    case CURLE_ABORTED_BY_CALLBACK: return "it was cancelled";
    default: return Trimmed(*detail != '\0' ? detail : curl_easy_strerror(code));
  }
}

}  // namespace

std::string HttpHead::Header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? "" : found->second;
}

std::string WithoutCredentials(std::string_view url) {
  const auto scheme = url.find("://");
  if (scheme == std::string_view::npos) return std::string(url);
  const auto host = scheme + 3;
  const auto at = url.substr(0, url.find_first_of("/?#", host)).rfind('@');
  if (at == std::string_view::npos || at < host) return std::string(url);
  return std::string(url.substr(0, host)).append(url.substr(at + 1));
}

struct HttpClient::Implementation {
  CURL* curl = nullptr;
  std::array<char, CURL_ERROR_SIZE> detail = {};

  template <class Value>
  void Set(CURLoption option, Value value) {
    // An option fails only if this libcurl was built without it: nothing a caller could mend.
    SF_CHECK(curl_easy_setopt(curl, option, value) == CURLE_OK);
  }

  void Begin(const std::string& url, const HttpTrust& trust, curl_slist* headers,
             Exchange& exchange) {
    curl_easy_reset(curl);  // Options go; open connections stay.
    detail = {};
    Set(CURLOPT_ERRORBUFFER, detail.data());
    Set(CURLOPT_NOSIGNAL, 1L);  // Its timeouts would else use SIGALRM, which a thread cannot own.
    Set(CURLOPT_URL, url.c_str());
    Set(CURLOPT_PROTOCOLS_STR, "http,https");
    Set(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    Set(CURLOPT_USERAGENT, "shakenfist");
    Set(CURLOPT_HTTPHEADER, headers);
    Set(CURLOPT_HEADERFUNCTION, &OnHeader);
    Set(CURLOPT_HEADERDATA, &exchange);
    Set(CURLOPT_WRITEFUNCTION, &OnBody);
    Set(CURLOPT_WRITEDATA, &exchange);
    Set(CURLOPT_XFERINFOFUNCTION, &OnProgress);
    Set(CURLOPT_XFERINFODATA, &exchange);
    Set(CURLOPT_NOPROGRESS, 0L);
    Trust(trust);
  }

  /// `trust` has to stay until the exchange is over.
  void Trust(const HttpTrust& trust) {
    if (!trust.public_key.empty()) {
      Set(CURLOPT_PINNEDPUBLICKEY, trust.public_key.c_str());
      Set(CURLOPT_SSL_VERIFYPEER, 0L);
      Set(CURLOPT_SSL_VERIFYHOST, 0L);
      return;
    }
    if (trust.authorities.empty()) return;
    curl_blob authorities = {const_cast<char*>(trust.authorities.data()), trust.authorities.size(),
                             CURL_BLOB_NOCOPY};
    Set(CURLOPT_CAINFO_BLOB, &authorities);
    // Left alone, libcurl also takes the folder of the system's authorities.
    if (!trust.also_system) Set(CURLOPT_CAPATH, static_cast<const char*>(nullptr));
  }

  Result<HttpHead> Perform(std::string_view method, const std::string& url, Exchange& exchange,
                           const HttpDownload* download) {
    const CURLcode code = curl_easy_perform(curl);
    if (exchange.body_unwanted) return std::move(exchange.head);
    if (exchange.sink_error) return tl::unexpected(std::move(*exchange.sink_error));
    if (!exchange.refusal.empty()) {
      return Fail(Code::kTooLarge, "{} {}: {}", method, WithoutCredentials(url), exchange.refusal);
    }
    // Where another address of the host was tried, it is that one's failure that counts.
    const bool refused = code == CURLE_ABORTED_BY_CALLBACK ||
                         (code == CURLE_COULDNT_CONNECT && !exchange.connecting);
    if (exchange.refused && refused) {
      return Fail(exchange.refused->code, "{} {}", method, exchange.refused->message);
    }
    if (code != CURLE_OK) {
      std::string cause = Explain(code, detail.data(), download);
      curl_off_t connected = 0;
      curl_easy_getinfo(curl, CURLINFO_CONNECT_TIME_T, &connected);
      if (code == CURLE_OPERATION_TIMEDOUT && download && connected > 0) {
        cause = fmt::format("the transfer stalled: less than {} bytes a second came ({})",
                            kStallSpeed, cause);
      }
      return Fail(ToCode(code), "{} {}: {}", method, WithoutCredentials(url), cause);
    }
    exchange.GiveHead();  // An answer without a body.
    return std::move(exchange.head);
  }
};

HttpClient::HttpClient() : implementation_(std::make_unique<Implementation>()) {
  static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  SF_CHECK(initialised == CURLE_OK);
  implementation_->curl = curl_easy_init();
  SF_CHECK(implementation_->curl != nullptr);
}

HttpClient::~HttpClient() { curl_easy_cleanup(implementation_->curl); }

Result<HttpResponse> HttpClient::Request(const HttpRequest& request) {
  HttpResponse response;
  const OnHead on_head = [](const HttpHead&) { return true; };
  const Sink sink = [&](std::string_view bytes) -> Result<void> {
    response.body += bytes;
    return {};
  };
  const std::stop_token never;
  Exchange exchange{on_head, sink, never, request.max_body};
  const Slist headers = TRY(ToSlist(request.headers));

  Implementation& self = *implementation_;
  self.Begin(request.url, request.trust, headers.get(), exchange);
  self.Set(CURLOPT_PROXY, "");
  self.Set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request.connect_timeout.count()));
  self.Set(CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
  if (!request.unix_socket.empty()) {
    self.Set(CURLOPT_UNIX_SOCKET_PATH, request.unix_socket.c_str());
  }
  if (request.method == "HEAD") {
    self.Set(CURLOPT_NOBODY, 1L);
  } else if (!request.body.empty() || request.method == "POST" || request.method == "PUT") {
    self.Set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    self.Set(CURLOPT_POSTFIELDS, request.body.data());
  }
  self.Set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
  response.head = TRY(self.Perform(request.method, request.url, exchange, nullptr));
  return response;
}

Result<HttpHead> HttpClient::Download(const HttpDownload& download, const OnHead& on_head,
                                      const Sink& sink, const std::stop_token& stop) {
  Exchange exchange{on_head, sink, stop, download.max_bytes};
  const Slist headers = TRY(ToSlist(download.headers));

  Implementation& self = *implementation_;
  self.Begin(download.url, download.trust, headers.get(), exchange);
  if (!download.through_proxy) self.Set(CURLOPT_PROXY, "");
  if (download.guard) {
    exchange.curl = self.curl;
    exchange.guard = &download.guard;
    self.Set(CURLOPT_OPENSOCKETFUNCTION, &OnOpenSocket);
    self.Set(CURLOPT_OPENSOCKETDATA, &exchange);
    self.Set(CURLOPT_PREREQFUNCTION, &OnRequest);
    self.Set(CURLOPT_PREREQDATA, &exchange);
  }
  self.Set(CURLOPT_FOLLOWLOCATION, 1L);
  self.Set(CURLOPT_MAXREDIRS, static_cast<long>(download.redirects));
  self.Set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(download.connect_timeout.count()));
  self.Set(CURLOPT_TIMEOUT, static_cast<long>(download.timeout.count()));
  self.Set(CURLOPT_LOW_SPEED_LIMIT, static_cast<long>(kStallSpeed));
  self.Set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(download.stall_timeout.count()));
  return self.Perform("GET", download.url, exchange, &download);
}

}  // namespace sf
