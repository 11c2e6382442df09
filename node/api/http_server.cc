// SPDX-License-Identifier: Apache-2.0
#include "node/api/http_server.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <set>
#include <utility>

#include "node/api/listen_socket.h"
#include "node/base/check.h"
#include "node/base/log.h"

namespace sf::api {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kWakeKey = 0;
constexpr std::uint64_t kFirstListener = 1;
constexpr std::chrono::milliseconds kSweep{250};
/// A connection that was quiet for less may have its request on the way, and is not turned out.
constexpr std::chrono::milliseconds kQuiet{100};

bool Register(const FileDescriptor& epoll, int operation, int descriptor, std::uint64_t key,
              std::uint32_t events) {
  epoll_event event{.events = events, .data = {.u64 = key}};
  return ::epoll_ctl(epoll.get(), operation, descriptor, &event) == 0;
}

}  // namespace

HttpServer::HttpServer(HttpOptions options, HttpHandler handler)
    : options_(std::move(options)),
      handler_([this, inner = std::move(handler)](const Request& request) {
        ++requests_;
        return inner(request);
      }) {}

HttpServer::~HttpServer() { Stop(); }

Result<void> HttpServer::Listen() {
  int port = options_.port;
  std::vector<FileDescriptor> listeners;
  for (const std::string& address :
       std::set<std::string>(options_.addresses.begin(), options_.addresses.end())) {
    listeners.push_back(TRY(ListenOn(address, port)));
    port = BoundPort(listeners.back());
  }
  epoll_ = FileDescriptor(::epoll_create1(EPOLL_CLOEXEC));
  wake_ = FileDescriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  bool registered = Register(epoll_, EPOLL_CTL_ADD, wake_.get(), kWakeKey, EPOLLIN);
  next_key_ = kFirstListener;
  for (const FileDescriptor& listener : listeners) {
    registered &= Register(epoll_, EPOLL_CTL_ADD, listener.get(), next_key_++, EPOLLIN);
  }
  if (!registered) return Fail(Code::kUnavailable, "cannot serve HTTP: {}", std::strerror(errno));

  listeners_ = std::move(listeners);
  port_ = port;
  return {};
}

void HttpServer::Start() {
  // No more jobs than connections can ever wait, so the pool refuses none until it stops.
  pool_ = std::make_unique<WorkerPool>(options_.threads, options_.max_connections);
  watcher_ = std::thread([this] { Watch(); });
}

void HttpServer::Stop() {
  if (!watcher_.joinable()) return;
  stopping_ = true;
  ::eventfd_write(wake_.get(), 1);
  watcher_.join();
  pool_->Stop();
}

void HttpServer::Watch() {
  std::array<epoll_event, 64> events;
  while (!stopping_ || !connections_.empty()) {
    const bool at_rest = connections_.empty() && listening_;
    const int timeout = at_rest ? -1 : static_cast<int>(kSweep.count());
    const int count =
        ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), timeout);
    for (int i = 0; i < count; ++i) {
      const Key key = events[static_cast<std::size_t>(i)].data.u64;
      if (key == kWakeKey) {
        TakeFinished();
      } else if (key < kFirstListener + listeners_.size()) {
        Accept(listeners_[key - kFirstListener].get());
      } else if (const auto found = connections_.find(key); found != connections_.end()) {
        Begin(key, found->second);
      }
    }
    Sweep();
    if (stopping_) Drain();
  }
}

void HttpServer::Accept(int listener) {
  for (;;) {
    const bool full = connections_.size() >= options_.max_connections;
    const auto oldest = full ? OldestQuiet() : connections_.end();
    if (full && oldest == connections_.end()) break;
    const int descriptor = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor < 0) {
      // Anything else is the fault of that one connection, or means that there are no more.
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) break;
      return;
    }
    if (full) connections_.erase(oldest);
    ++connections_taken_;
    const Key key = next_key_++;
    Entry& entry = connections_[key];
    entry.connection =
        std::make_unique<HttpConnection>(descriptor, options_.limits, handler_, options_.tls);
    Register(epoll_, EPOLL_CTL_ADD, descriptor, key, 0);
    Park(key, entry);
  }
  // Else epoll would report the same again at once. Meanwhile the kernel's backlog holds them.
  SetListening(false);
  listen_again_ = Clock::now() + kSweep;
}

HttpServer::Connections::iterator HttpServer::OldestQuiet() {
  const auto quiet_since = [](const Entry& entry) {
    return entry.busy ? Clock::time_point::max() : entry.idle_since;
  };
  const auto oldest = std::min_element(
      connections_.begin(), connections_.end(),
      [&](const auto& a, const auto& b) { return quiet_since(a.second) < quiet_since(b.second); });
  const bool found =
      oldest != connections_.end() && quiet_since(oldest->second) < Clock::now() - kQuiet;
  return found ? oldest : connections_.end();
}

void HttpServer::SetListening(bool on) {
  if (listening_ == on) return;
  listening_ = on;
  for (std::size_t i = 0; i < listeners_.size(); ++i) {
    Register(epoll_, EPOLL_CTL_MOD, listeners_[i].get(), kFirstListener + i, on ? EPOLLIN : 0U);
  }
}

void HttpServer::Begin(Key key, Entry& entry) {
  entry.busy = true;
  HttpConnection& connection = *entry.connection;
  const bool accepted = pool_->Submit(
      std::to_string(key), [this, key, &connection] { Finish(key, connection.ServeOne()); });
  SF_CHECK(accepted);
}

void HttpServer::Park(Key key, Entry& entry) {
  entry.busy = false;
  entry.idle_since = Clock::now();
  Register(epoll_, EPOLL_CTL_MOD, entry.connection->descriptor(), key, EPOLLIN | EPOLLONESHOT);
}

void HttpServer::TakeFinished() {
  eventfd_t ignored;
  ::eventfd_read(wake_.get(), &ignored);
  std::vector<Finished> finished;
  {
    const std::lock_guard lock(mutex_);
    finished.swap(finished_);
  }
  for (const auto& [key, keep] : finished) {
    Entry& entry = connections_.at(key);
    if (!keep || stopping_) {
      connections_.erase(key);
    } else if (entry.connection->HasBuffered()) {
      Begin(key, entry);  // The next request is here already, and epoll would not report it.
    } else {
      Park(key, entry);
    }
  }
}

void HttpServer::Sweep() {
  const auto now = Clock::now();
  std::erase_if(connections_, [&](const auto& item) {
    return !item.second.busy && now - item.second.idle_since > options_.idle;
  });
  if (now >= listen_again_) SetListening(true);
}

void HttpServer::Drain() {
  listeners_.clear();
  std::erase_if(connections_, [](const auto& item) { return !item.second.busy; });
  for (auto& [key, entry] : connections_) entry.connection->Interrupt();
}

void HttpServer::Finish(Key key, bool keep) {
  {
    const std::lock_guard lock(mutex_);
    finished_.push_back({key, keep});
  }
  ::eventfd_write(wake_.get(), 1);
}

}  // namespace sf::api
