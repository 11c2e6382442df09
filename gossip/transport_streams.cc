// SPDX-License-Identifier: Apache-2.0
#include "gossip/transport_streams.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "gossip/transport.h"
#include "gossip/transport_clock.h"
#include "gossip/transport_envelope.h"
#include "gossip/transport_frames.h"
#include "gossip/transport_udp.h"
#include "node/base/check.h"

namespace sf::gossip {
namespace {

constexpr int kBacklog = 256;
constexpr std::size_t kReadBuffer = 4096;
// A peer that went without a word, and does not come back, is noticed by this and nothing else.
constexpr unsigned kKeepAliveSeconds = 3600;

// The hello: what for, and the port. No packet is taken for one, nor it for a packet.
constexpr std::size_t kHello = 3;
constexpr char kForDatagrams = 'd';
constexpr char kForSentinel = 's';

std::size_t NumberAt(std::string_view bytes, std::size_t at) {
  return static_cast<std::size_t>(static_cast<unsigned char>(bytes[at])) << 8 |
         static_cast<unsigned char>(bytes[at + 1]);
}

const sockaddr* Raw(const sockaddr_in& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

}  // namespace

/// One connection. Freed by libuv once it is closed, so it may be looked at until the next turn of
/// the loop.
struct Stream {
  Stream(Streams& streams, EventLoop& loop, std::size_t max_frame)
      : owner(&streams), frames(max_frame, Streams::kMaxBytes) {
    timer.emplace(loop, [this] { owner->OnTime(*this); });
    uv_tcp_init(loop.uv(), &tcp);
    tcp.data = this;
    connect.data = this;
  }
  uv_stream_t* uv() { return reinterpret_cast<uv_stream_t*>(&tcp); }

  Streams* owner;  ///< null once it is being closed
  /// Gone as soon as this is being closed: the loop may end before that is done.
  std::optional<EventLoop::Alarm> timer;
  uv_tcp_t tcp;
  uv_connect_t connect;
  Address peer = {};  ///< for one accepted, of the host only until the hello
  Streams::Purpose purpose = Streams::Purpose::kDatagrams;
  bool made = false;       ///< by us
  bool connected = false;  ///< and greeted, if not made by us
  FrameReader frames;
  std::vector<std::string> waiting = {};
};

// ---- the listener -------------------------------------------------------------------------------

Result<std::unique_ptr<Streams>> Streams::Listen(EventLoop& loop, const Address& self,
                                                 Envelope& envelope, Callbacks callbacks,
                                                 TransportCounters& counters) {
  std::unique_ptr<Streams> streams(
      new Streams(loop, self, envelope, std::move(callbacks), counters));
  const sockaddr_in raw = ToSockaddr(self);
  auto* const listener = reinterpret_cast<uv_stream_t*>(streams->listener_);
  int status = uv_tcp_bind(streams->listener_, Raw(raw), 0);
  if (status == 0) {
    status = uv_listen(listener, kBacklog, [](uv_stream_t* uv, int error) {
      if (error == 0) static_cast<Streams*>(uv->data)->Accept();
    });
  }
  if (status != 0) {
    return Fail(status == UV_EADDRINUSE ? Code::kConflict : Code::kUnavailable,
                "gossip cannot listen on {} by TCP: {}", Print(self), uv_strerror(status));
  }
  return streams;
}

Streams::Streams(EventLoop& loop, const Address& self, Envelope& envelope, Callbacks callbacks,
                 TransportCounters& counters)
    : loop_(loop),
      self_(self),
      envelope_(envelope),
      callbacks_(std::move(callbacks)),
      counters_(counters),
      listener_(new uv_tcp_t),
      buffer_(std::make_unique_for_overwrite<char[]>(kReadBuffer)) {
  SF_CHECK(uv_tcp_init(loop.uv(), listener_) == 0);
  listener_->data = this;
}

Streams::~Streams() {
  while (!accepted_.empty()) Close(**accepted_.begin());
  while (!made_.empty()) Close(*made_.begin()->second);
  uv_close(reinterpret_cast<uv_handle_t*>(listener_),
           [](uv_handle_t* handle) { delete reinterpret_cast<uv_tcp_t*>(handle); });
}

void Streams::Accept() {
  auto* const stream = new Stream(*this, loop_, envelope_.max_bytes());
  sockaddr_in raw = {};
  int size = sizeof raw;
  const bool known =
      uv_accept(reinterpret_cast<uv_stream_t*>(listener_), stream->uv()) == 0 &&
      uv_tcp_getpeername(&stream->tcp, reinterpret_cast<sockaddr*>(&raw), &size) == 0;
  stream->peer.ip = FromSockaddr(raw).ip;
  const bool room = known && HasRoomFor(stream->peer.ip);
  accepted_.insert(stream);
  ++per_host_[stream->peer.ip];
  ++counters_.connections_open;
  if (!room) {
    ++counters_.connections_over_limit;
    return Close(*stream);
  }
  ++counters_.connections_accepted;
  uv_tcp_nodelay(&stream->tcp, 1);
  uv_tcp_keepalive(&stream->tcp, 1, kKeepAliveSeconds);
  stream->timer->Set(Now() + kHelloTime);
  Read(*stream);
}

bool Streams::HasRoomFor(std::uint32_t host) const {
  const auto count = per_host_.find(host);
  return accepted_.size() < kMaxAccepted &&
         (count == per_host_.end() || count->second < kMaxPerHost);
}

// ---- connections of ours ------------------------------------------------------------------------

Stream* Streams::Connect(const Address& to, Purpose purpose) {
  const auto open = made_.find({to, purpose});
  if (open != made_.end()) return open->second;
  if (made_.size() >= kMaxMade) return nullptr;
  auto* const stream = new Stream(*this, loop_, envelope_.max_bytes());
  stream->peer = to;
  stream->purpose = purpose;
  stream->made = true;
  made_[{to, purpose}] = stream;
  ++counters_.connections_open;
  // From the address by which the others know us, on a host that has several.
  const sockaddr_in from = ToSockaddr({.ip = self_.ip});
  const sockaddr_in raw = ToSockaddr(to);
  const bool begun = uv_tcp_bind(&stream->tcp, Raw(from), 0) == 0 &&
                     uv_tcp_connect(&stream->connect, &stream->tcp, Raw(raw),
                                    [](uv_connect_t* connect, int status) {
                                      auto* const self = static_cast<Stream*>(connect->data);
                                      if (self->owner) self->owner->OnConnected(*self, status);
                                    }) == 0;
  if (!begun) {
    Close(*stream);
    return nullptr;
  }
  uv_tcp_nodelay(&stream->tcp, 1);
  stream->timer->Set(Now() + kConnectTime);
  return stream;
}

void Streams::OnConnected(Stream& stream, int status) {
  if (status != 0) {
    const Address peer = stream.peer;
    Lose(stream);
    if (status == UV_ECONNREFUSED) {
      ++counters_.refusals;
      callbacks_.on_refused(peer);
    }
    return;
  }
  stream.connected = true;
  const bool sentinel = stream.purpose == Purpose::kSentinel;
  std::string hello(1, sentinel ? kForSentinel : kForDatagrams);
  hello += static_cast<char>(self_.port >> 8);
  hello += static_cast<char>(self_.port);
  stream.waiting.insert(stream.waiting.begin(), envelope_.Close(std::move(hello)));
  Write(stream, std::exchange(stream.waiting, {}));
  if (sentinel) stream.timer->Cancel();
  Read(stream);
  if (stream.purpose == Purpose::kCheck) callbacks_.on_accepted(stream.peer);
}

bool Streams::Send(const Address& to, std::vector<std::string>&& sealed) {
  Stream* const stream = Connect(to, Purpose::kDatagrams);
  if (stream == nullptr) return false;
  if (stream->connected) {
    Write(*stream, sealed);
  } else if (stream->waiting.empty()) {
    stream->waiting = std::move(sealed);
  } else {
    return false;  // One burst may wait for the connection, not any number of them.
  }
  return true;
}

void Streams::Check(const Address& to, std::vector<std::string> sealed) {
  Stream* const stream = Connect(to, Purpose::kCheck);
  if (stream == nullptr) return;
  ++counters_.kernel_checks;
  if (!stream->connected) {
    if (!sealed.empty()) stream->waiting = std::move(sealed);
    return;
  }
  if (!sealed.empty()) Write(*stream, sealed);
  callbacks_.on_accepted(to);  // Not a second ago.
}

void Streams::OpenSentinel(const Address& to) { Connect(to, Purpose::kSentinel); }

void Streams::CloseSentinel(const Address& to) {
  const auto open = made_.find({to, Purpose::kSentinel});
  if (open != made_.end()) Close(*open->second);
}

// ---- bytes --------------------------------------------------------------------------------------

void Streams::Reply(Stream& stream, const std::string& sealed) {
  if (stream.owner != nullptr) Write(stream, {sealed});
}

void Streams::Write(Stream& stream, const std::vector<std::string>& sealed) {
  struct Request {
    uv_write_t uv;
    std::string bytes;
  };
  auto request = std::make_unique<Request>();
  std::size_t waiting = uv_stream_get_write_queue_size(stream.uv());
  for (const std::string& frame : sealed) {
    if (waiting + request->bytes.size() + FrameReader::kLength + frame.size() > kMaxBytes) {
      ++counters_.tcp_frames_dropped;
      continue;
    }
    FrameReader::Append(request->bytes, frame);
    ++counters_.tcp_frames_out;
  }
  counters_.tcp_bytes_out += request->bytes.size();
  if (stream.made) stream.timer->Set(Now() + kQuietTime);
  request->uv.data = request.get();
  const uv_buf_t buffer =
      uv_buf_init(request->bytes.data(), static_cast<unsigned>(request->bytes.size()));
  // What goes wrong after this the reader hears, too.
  if (uv_write(&request->uv, stream.uv(), &buffer, 1,
               [](uv_write_t* uv, int) { delete static_cast<Request*>(uv->data); }) == 0) {
    request.release();
  }
}

void Streams::Read(Stream& stream) {
  uv_read_start(
      stream.uv(),
      [](uv_handle_t* handle, std::size_t, uv_buf_t* buffer) {
        auto* const self = static_cast<Stream*>(handle->data);
        *buffer = uv_buf_init(self->owner ? self->owner->buffer_.get() : nullptr, kReadBuffer);
      },
      [](uv_stream_t* uv, ssize_t size, const uv_buf_t* buffer) {
        auto* const self = static_cast<Stream*>(uv->data);
        if (self->owner == nullptr || size == 0) return;
        if (size < 0) return self->owner->Lose(*self);
        self->owner->OnBytes(*self, {buffer->base, static_cast<std::size_t>(size)});
      });
}

void Streams::OnBytes(Stream& stream, std::string_view bytes) {
  counters_.tcp_bytes_in += bytes.size();
  const bool silent = stream.purpose == Purpose::kSentinel && stream.connected;
  const bool fine = !silent && stream.frames.Read(bytes, [&](std::string_view sealed) {
    return TakeFrame(stream, sealed) && stream.owner != nullptr;
  });
  if (!fine && stream.owner != nullptr) Expel(stream);
}

bool Streams::TakeFrame(Stream& stream, std::string_view sealed) {
  const Seal::Opened opened = envelope_.Open(sealed);
  if (opened.drop != Drop::kNone) return false;
  if (!stream.connected) return TakeHello(stream, opened.text);
  if (stream.purpose == Purpose::kSentinel) return false;
  ++counters_.tcp_frames_in;
  if (stream.made) stream.timer->Set(Now() + kQuietTime);
  callbacks_.on_datagram(stream.peer, opened.text, stream);
  return true;
}

bool Streams::TakeHello(Stream& stream, std::string_view hello) {
  if (hello.size() < kHello) return false;
  stream.peer.port = static_cast<std::uint16_t>(NumberAt(hello, 1));
  stream.connected = true;
  if (hello[0] == kForDatagrams) {
    stream.timer->Set(Now() + kStreamTime);
    return true;
  }
  if (hello[0] != kForSentinel) return false;
  stream.purpose = Purpose::kSentinel;
  stream.timer->Cancel();
  // One watches over us once: an older one is of a life that ended without a word.
  for (Stream* const other : accepted_) {
    if (other == &stream || other->purpose != Purpose::kSentinel || other->peer != stream.peer) {
      continue;
    }
    Close(*other);
    break;
  }
  return true;
}

// ---- the end ------------------------------------------------------------------------------------

void Streams::OnTime(Stream& stream) {
  if (!stream.made) return Expel(stream);
  stream.connected ? Close(stream) : Lose(stream);
}

void Streams::Expel(Stream& stream) {
  ++counters_.connections_expelled;
  Lose(stream);
}

/// Not by our will: whoever counts on it hears of it.
void Streams::Lose(Stream& stream) {
  const Address peer = stream.peer;
  const bool sentinel = stream.made && stream.purpose == Purpose::kSentinel;
  const bool datagrams = stream.purpose == Purpose::kDatagrams;
  std::vector<std::string> waiting = std::move(stream.waiting);
  Close(stream);
  if (datagrams && !waiting.empty()) callbacks_.on_undelivered(peer, std::move(waiting));
  if (sentinel) callbacks_.on_sentinel_ended(peer);
}

void Streams::Close(Stream& stream) {
  if (stream.owner == nullptr) return;
  stream.owner = nullptr;
  stream.timer.reset();
  --counters_.connections_open;
  if (stream.made) {
    made_.erase({stream.peer, stream.purpose});
  } else {
    accepted_.erase(&stream);
    const auto count = per_host_.find(stream.peer.ip);
    if (--count->second == 0) per_host_.erase(count);
  }
  uv_close(reinterpret_cast<uv_handle_t*>(&stream.tcp),
           [](uv_handle_t* handle) { delete static_cast<Stream*>(handle->data); });
}

}  // namespace sf::gossip
