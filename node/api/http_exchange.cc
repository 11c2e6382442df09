// SPDX-License-Identifier: Apache-2.0
#include "node/api/http_exchange.h"

#include <httplib.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <exception>
#include <random>
#include <utility>

#include "node/base/log.h"
#include "node/base/request_scope.h"

namespace sf::api {
namespace {

constexpr std::size_t kRequestIdLimit = 64;

/// What httplib reads from and writes to: memory. The socket is none of its business.
class TextStream final : public httplib::Stream {
 public:
  explicit TextStream(std::string input) : input_(std::move(input)) {}

  std::string TakeOutput() { return std::move(output_); }

  bool is_readable() const override { return true; }
  bool is_writable() const override { return true; }
  ssize_t read(char* bytes, std::size_t size) override {
    const std::size_t count = input_.copy(bytes, size, position_);
    position_ += count;
    return static_cast<ssize_t>(count);
  }
  ssize_t write(const char* bytes, std::size_t size) override {
    output_.append(bytes, size);
    return static_cast<ssize_t>(size);
  }
  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  socket_t socket() const override { return INVALID_SOCKET; }

 private:
  const std::string input_;
  std::size_t position_ = 0;
  std::string output_;
};

/// An id goes into logs and back to the sender, so only what is harmless in both is taken over.
bool IsSaneId(std::string_view id) {
  return !id.empty() && id.size() <= kRequestIdLimit &&
         std::all_of(id.begin(), id.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                  c == '-' || c == '_' || c == '.';
         });
}

std::string NewId() {
  thread_local std::mt19937_64 generator{std::random_device{}()};
  return fmt::format("{:016x}", generator());
}

/// httplib's parser and writer, borrowed for one request. Its accept loop, pool and routes are not
/// used: process_request() is all that runs.
class Exchange final : private httplib::Server {
 public:
  Exchange(Request request, bool keep_alive, const HttpHandler& handler)
      : request_(std::move(request)), keep_alive_(keep_alive), handler_(handler) {
    const std::string_view id = request_.Header("X-Request-ID");
    request_.request_id = IsSaneId(id) ? std::string(id) : NewId();
    set_pre_routing_handler([this](const httplib::Request& in, httplib::Response& out) {
      Dispatch(in, out);
      return HandlerResponse::Handled;
    });
    // Called for the handler's own errors as well, and those stand as they are.
    set_error_handler(HandlerWithResponse([this](const httplib::Request&, httplib::Response& out) {
      if (!dispatched_) {
        keep_alive_ = false;
        Fill(ErrorResponse(out.status, "the request line is malformed or too long"), out);
      }
      return HandlerResponse::Handled;
    }));
    set_post_routing_handler([this](const httplib::Request&, httplib::Response& out) {
      out.headers.erase("Keep-Alive");  // Its figures are of a loop that does not run here.
      out.headers.erase("Accept-Ranges");
      out.set_header("X-Request-ID", request_.request_id);
      if (!keep_alive_) out.set_header("Connection", "close");
    });
  }

  HttpReply Run(const std::string& request_line) {
    TextStream stream(request_line + "\r\n\r\n");
    bool ignored = false;
    process_request(stream, /*close_connection=*/false, ignored, nullptr);
    return {.bytes = stream.TakeOutput(), .keep_alive = keep_alive_, .stream = std::move(body_)};
  }

 private:
  void Dispatch(const httplib::Request& in, httplib::Response& out) {
    request_.method = in.method == "HEAD" ? "GET" : in.method;
    request_.target = in.target;
    request_.path = in.target.substr(0, in.target.find('?'));
    request_.query.insert(in.params.begin(), in.params.end());
    dispatched_ = true;
    const RequestScope scope(request_.request_id);
    const auto began = std::chrono::steady_clock::now();
    Response response = Call();
    log::Debug("answered method={} path={} status={} ms={:.1f}", request_.method, request_.path,
               response.status,
               std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began)
                   .count());
    if (response.stream) {
      out.set_header("Content-Length", std::to_string(response.stream->bytes));
      if (in.method != "HEAD") body_ = std::move(response.stream);
    }
    Fill(std::move(response), out);
  }

  /// Nothing of ours throws; a library below the handler still may, and must not end the process.
  Response Call() {
    try {
      return handler_(request_);
    } catch (const std::exception& exception) {
      log::Error("exception reached the HTTP server method={} path={} what={}", request_.method,
                 request_.path, exception.what());
    } catch (...) {
      log::Error("exception reached the HTTP server method={} path={}", request_.method,
                 request_.path);
    }
    return ErrorResponse(500, "internal error; the node's log has the details");
  }

  static void Fill(Response response, httplib::Response& out) {
    out.status = response.status;
    out.body = std::move(response.body);
    out.set_header("Content-Type", response.content_type);
    for (const auto& [name, value] : response.headers) out.set_header(name, value);
  }

  Request request_;
  bool keep_alive_;
  const HttpHandler& handler_;
  bool dispatched_ = false;
  std::optional<BodyStream> body_;
};

}  // namespace

HttpReply Answer(const std::string& request_line, Request request, bool keep_alive,
                 const HttpHandler& handler) {
  return Exchange(std::move(request), keep_alive, handler).Run(request_line);
}

}  // namespace sf::api
