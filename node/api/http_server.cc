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
#include "node/api/login_limit.h"
#include "node/base/check.h"
#include "node/base/log.h"

namespace sf::api {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kWakeKey = 0;
constexpr std::uint64_t kFirstListener = 1;
constexpr std::chrono::milliseconds kSweep{250};
/// Until it is looked whether there is room for another connection.
constexpr std::chrono::milliseconds kPause{20};
/// A connection that was quiet for less may have its request on the way, and does not make room for
/// another of its address.
constexpr std::chrono::milliseconds kQuiet{100};
constexpr std::chrono::milliseconds kLastRequest{1'000};

bool Register(const FileDescriptor& epoll, int operation, int descriptor, std::uint64_t key,
              std::uint32_t events) {
  epoll_event event{.events = events, .data = {.u64 = key}};
  return ::epoll_ctl(epoll.get(), operation, descriptor, &event) == 0;
}

}  // namespace

HttpServer::HttpServer(HttpOptions options, HttpHandler handler)
    : options_(std::move(options)),
      handler_([this, inner = std::move(handler)](const Request& request) {
        ++figures_.requests;
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
  // No more jobs are given to it than it has threads, so it refuses none until it stops.
  pool_ = std::make_unique<WorkerPool>(options_.threads, options_.threads);
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
    const int timeout =
        at_rest ? -1 : static_cast<int>((listening_ && !stopping_ ? kSweep : kPause).count());
    const int count =
        ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), timeout);
    for (int i = 0; i < count; ++i) {
      const Key key = events[static_cast<std::size_t>(i)].data.u64;
      if (key == kWakeKey) {
        TakeFinished();
      } else if (key < kFirstListener + listeners_.size()) {
        Accept(listeners_[key - kFirstListener].get());
      } else if (const auto found = connections_.find(key); found != connections_.end()) {
        StandInLine(key, found->second);
      }
    }
    Sweep();
    if (stopping_ && !listeners_.empty()) StopListening();
    if (stopping_ && Clock::now() >= drain_at_) Drain();
    TakeTurns();
    figures_.held_bytes = held_;  // now that those with too much have given way
  }
}

void HttpServer::Accept(int listener) {
  while (connections_.size() <= options_.max_connections) {
    const int descriptor = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor < 0) {
      // Anything else is the fault of that one connection, or means that there are no more.
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) break;
      return;
    }
    Add(descriptor);
    if (connections_.size() > options_.max_connections && !TurnOut(next_key_ - 1)) break;
  }
  // Else epoll would report the same again at once. Meanwhile the kernel's backlog holds them.
  SetListening(false);
  listen_again_ = Clock::now() + kPause;
}

void HttpServer::Add(int descriptor) {
  ++figures_.taken;
  const Key key = next_key_++;
  Entry& entry = connections_[key];
  entry.connection = std::make_unique<HttpConnection>(descriptor, options_.limits, handler_,
                                                      options_.tls, figures_, stopping_);
  entry.source = sources_.try_emplace(SourceOf(entry.connection->remote_address())).first;
  ++entry.source->second.connections;
  figures_.connections = connections_.size();
  Register(epoll_, EPOLL_CTL_ADD, descriptor, key, 0);
  Park(key, entry, {HttpWait::For::kRequest});
}

void HttpServer::Remove(Connections::iterator gone) {
  auto& [key, entry] = *gone;
  SetHeld(entry, 0);
  Source& source = entry.source->second;
  if (entry.state == State::kInLine) {
    std::erase(source.line, key);
    if (source.line.empty()) std::erase(turns_, entry.source);
    --figures_.waiting;
  }
  if (--source.connections == 0) sources_.erase(entry.source);
  connections_.erase(gone);
  figures_.connections = connections_.size();
}

// The address with the most connections gives way: by the one that waits for its client longest,
// or if all have something to do, by one in line. For a newcomer of its own it does so only by one
// that has been quiet for a while.
bool HttpServer::TurnOut(Key newcomer) {
  const auto most = std::max_element(
      sources_.begin(), sources_.end(),
      [](const auto& a, const auto& b) { return a.second.connections < b.second.connections; });
  const Source& own = connections_.at(newcomer).source->second;
  const bool is_own = own.connections >= most->second.connections;
  const auto rank = [](const Connections::value_type& item) {
    return std::pair(item.second.state != State::kParked, item.second.parked);
  };
  auto chosen = connections_.end();
  for (auto at = connections_.begin(); at != connections_.end(); ++at) {
    const auto& [key, entry] = *at;
    if (entry.state == State::kRunning || key == newcomer) continue;
    const bool is_quiet = entry.state == State::kParked && Clock::now() - entry.parked > kQuiet;
    const bool gives_way = is_own ? is_quiet && entry.source->second.connections >= own.connections
                                  : entry.source == most;
    if (!gives_way) continue;
    if (chosen == connections_.end() || rank(*at) < rank(*chosen)) chosen = at;
  }
  if (chosen == connections_.end()) return false;
  ++figures_.turned_out_full;
  Remove(chosen);
  return true;
}

// The address that holds the most gives way, by the connection that holds the most: but not to
// itself, one alone may be as large as it has to be.
void HttpServer::FreeMemory() {
  while (held_ > options_.max_held_bytes) {
    const auto most = std::max_element(
        sources_.begin(), sources_.end(),
        [](const auto& a, const auto& b) { return a.second.held < b.second.held; });
    const auto largest = std::max_element(
        connections_.begin(), connections_.end(), [&](const auto& a, const auto& b) {
          return std::pair(a.second.source == most, a.second.held) <
                 std::pair(b.second.source == most, b.second.held);
        });
    if (largest->second.held == held_) return;
    ++figures_.turned_out_memory;
    Remove(largest);
  }
}

void HttpServer::SetListening(bool on) {
  if (listening_ == on) return;
  listening_ = on;
  for (std::size_t i = 0; i < listeners_.size(); ++i) {
    Register(epoll_, EPOLL_CTL_MOD, listeners_[i].get(), kFirstListener + i, on ? EPOLLIN : 0U);
  }
}

void HttpServer::StandInLine(Key key, Entry& entry) {
  if (entry.state != State::kParked) return;
  entry.state = State::kInLine;
  Source& source = entry.source->second;
  if (source.line.empty()) turns_.push_back(entry.source);
  source.line.push_back(key);
  ++figures_.waiting;
}

void HttpServer::TakeTurns() {
  while (running_ < options_.threads && !turns_.empty()) {
    const auto source = turns_.front();
    turns_.pop_front();
    const Key key = source->second.line.front();
    source->second.line.pop_front();
    if (!source->second.line.empty()) turns_.push_back(source);
    --figures_.waiting;
    Entry& entry = connections_.at(key);
    SetHeld(entry, 0);  // Its job may read more, or answer and be rid of it.
    entry.state = State::kRunning;
    ++running_;
    HttpConnection& connection = *entry.connection;
    const bool accepted = pool_->Submit(
        std::to_string(key), [this, key, &connection] { Finish(key, connection.Advance()); });
    SF_CHECK(accepted);
  }
}

void HttpServer::Park(Key key, Entry& entry, const HttpWait& wait) {
  entry.state = State::kParked;
  entry.wait = wait;
  entry.parked = Clock::now();
  if (wait.what == HttpWait::For::kRequest) entry.wait.until = entry.parked + options_.idle;
  SetHeld(entry, entry.connection->held());
  const std::uint32_t events = wait.what == HttpWait::For::kRoom ? EPOLLOUT : EPOLLIN;
  Register(epoll_, EPOLL_CTL_MOD, entry.connection->descriptor(), key, events | EPOLLONESHOT);
}

void HttpServer::SetHeld(Entry& entry, std::size_t bytes) {
  held_ += bytes - entry.held;
  entry.source->second.held += bytes - entry.held;
  entry.held = bytes;
}

void HttpServer::TakeFinished() {
  eventfd_t ignored;
  ::eventfd_read(wake_.get(), &ignored);
  std::vector<Finished> finished;
  {
    const std::lock_guard lock(mutex_);
    finished.swap(finished_);
  }
  for (const auto& [key, wait] : finished) {
    --running_;
    const auto found = connections_.find(key);
    Entry& entry = found->second;
    if (wait.what == HttpWait::For::kEnd) {
      Remove(found);
      continue;
    }
    Park(key, entry, wait);
    // The next request is here already, and epoll would not report it.
    if (wait.what == HttpWait::For::kTurn) StandInLine(key, entry);
  }
  FreeMemory();
}

void HttpServer::Sweep() {
  const auto now = Clock::now();
  if (now - swept_ < kPause) return;
  swept_ = now;
  for (auto at = connections_.begin(); at != connections_.end();) {
    const auto here = at++;
    Entry& entry = here->second;
    if (entry.state != State::kParked || now < entry.wait.until) continue;
    if (entry.wait.what == HttpWait::For::kRequest) {
      Remove(here);
    } else {
      StandInLine(here->first, entry);  // To be told.
    }
  }
  if (listening_ || now < listen_again_) return;
  if (connections_.size() <= options_.max_connections || TurnOut(connections_.rbegin()->first)) {
    SetListening(true);
  } else {
    listen_again_ = now + kPause;
  }
}

void HttpServer::StopListening() {
  for (const FileDescriptor& listener : listeners_) Accept(listener.get());
  listeners_.clear();
  drain_at_ = Clock::now() + kLastRequest;
}

void HttpServer::Drain() {
  for (auto at = connections_.begin(); at != connections_.end();) {
    const auto here = at++;
    const Entry& entry = here->second;
    if (entry.state == State::kRunning) {
      entry.connection->Interrupt();
    } else if (entry.wait.what != HttpWait::For::kRoom) {
      Remove(here);
    }
  }
}

void HttpServer::Finish(Key key, HttpWait wait) {
  {
    const std::lock_guard lock(mutex_);
    finished_.push_back({key, wait});
  }
  ::eventfd_write(wake_.get(), 1);
}

}  // namespace sf::api
