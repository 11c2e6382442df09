// SPDX-License-Identifier: Apache-2.0
#include "node/base/event_loop.h"

#include <uv.h>

#include <csignal>
#include <list>
#include <mutex>
#include <utility>
#include <vector>

#include "node/base/check.h"

namespace sf {

struct EventLoop::Implementation {
  struct Timer {
    uv_timer_t handle;
    Callback callback;
  };
  struct Signal {
    uv_signal_t handle;
    Callback callback;
  };

  uv_loop_t loop;
  uv_async_t wake;
  std::list<Timer> timers;  // A list: libuv keeps the address of each handle.
  std::list<Signal> signals;
  std::mutex mutex;  // guards posted and stopping
  std::vector<Callback> posted;
  bool stopping = false;

  void RunPosted() {
    std::vector<Callback> callbacks;
    bool stop;
    {
      const std::lock_guard lock(mutex);
      callbacks.swap(posted);
      stop = stopping;
    }
    for (const Callback& callback : callbacks) callback();
    if (stop) uv_stop(&loop);
  }
};

EventLoop::EventLoop() : implementation_(std::make_unique<Implementation>()) {
  // A peer that hangs up is an error of the write that meets it; libuv cannot ask for that by call.
  std::signal(SIGPIPE, SIG_IGN);
  Implementation& self = *implementation_;
  SF_CHECK(uv_loop_init(&self.loop) == 0);
  self.wake.data = &self;
  SF_CHECK(uv_async_init(&self.loop, &self.wake, [](uv_async_t* handle) {
             static_cast<Implementation*>(handle->data)->RunPosted();
           }) == 0);
}

EventLoop::~EventLoop() {
  uv_loop_t& loop = implementation_->loop;
  uv_walk(
      &loop,
      [](uv_handle_t* handle, void*) {
        if (!uv_is_closing(handle)) uv_close(handle, nullptr);
      },
      nullptr);
  uv_run(&loop, UV_RUN_DEFAULT);
  SF_CHECK(uv_loop_close(&loop) == 0);
}

void EventLoop::Post(Callback callback) {
  {
    const std::lock_guard lock(implementation_->mutex);
    implementation_->posted.push_back(std::move(callback));
  }
  uv_async_send(&implementation_->wake);
}

void EventLoop::Every(std::chrono::milliseconds period, Callback callback) {
  auto& timer = implementation_->timers.emplace_back();
  timer.callback = std::move(callback);
  timer.handle.data = &timer;
  const auto milliseconds = static_cast<std::uint64_t>(period.count());
  uv_timer_init(&implementation_->loop, &timer.handle);
  uv_timer_start(
      &timer.handle,
      [](uv_timer_t* handle) { static_cast<Implementation::Timer*>(handle->data)->callback(); },
      milliseconds, milliseconds);
}

void EventLoop::OnSignal(int signal, Callback callback) {
  auto& entry = implementation_->signals.emplace_back();
  entry.callback = std::move(callback);
  entry.handle.data = &entry;
  uv_signal_init(&implementation_->loop, &entry.handle);
  uv_signal_start(
      &entry.handle,
      [](uv_signal_t* handle, int) {
        static_cast<Implementation::Signal*>(handle->data)->callback();
      },
      signal);
}

struct EventLoop::Alarm::Handle {
  uv_timer_t timer;
  Callback callback;
};

EventLoop::Alarm::Alarm(EventLoop& loop, Callback callback)
    : handle_(new Handle{.timer = {}, .callback = std::move(callback)}) {
  uv_timer_init(loop.uv(), &handle_->timer);
  handle_->timer.data = handle_;
}

EventLoop::Alarm::~Alarm() {
  uv_close(reinterpret_cast<uv_handle_t*>(&handle_->timer),
           [](uv_handle_t* handle) { delete static_cast<Handle*>(handle->data); });
}

void EventLoop::Alarm::Set(std::chrono::steady_clock::time_point when) {
  using std::chrono::milliseconds;
  // libuv counts whole milliseconds from when the loop last woke up.
  uv_update_time(handle_->timer.loop);
  const auto now = std::chrono::steady_clock::now();
  const auto left = when > now ? std::chrono::ceil<milliseconds>(when - now) : milliseconds(0);
  uv_timer_start(
      &handle_->timer, [](uv_timer_t* timer) { static_cast<Handle*>(timer->data)->callback(); },
      static_cast<std::uint64_t>(left.count()), 0);
}

void EventLoop::Alarm::Cancel() { uv_timer_stop(&handle_->timer); }

struct EventLoop::Watch::Handle {
  uv_poll_t poll;
  Callback on_readable;
  Callback on_writable;
  bool ended = false;
  bool readable = false;  ///< as it is wanted
  bool writable = false;

  void OnEvents(int status, int events) {
    // What has failed says so to whoever reads or writes it.
    if (status < 0) events = UV_READABLE | UV_WRITABLE;
    if ((events & (UV_READABLE | UV_DISCONNECT)) != 0 && readable) on_readable();
    if ((events & UV_WRITABLE) != 0 && writable && !ended) on_writable();
  }
};

EventLoop::Watch::Watch(EventLoop& loop, int descriptor, Callback on_readable, Callback on_writable)
    : handle_(new Handle{.poll = {},
                         .on_readable = std::move(on_readable),
                         .on_writable = std::move(on_writable)}) {
  SF_CHECK(uv_poll_init(loop.uv(), &handle_->poll, descriptor) == 0);
  handle_->poll.data = handle_;
}

EventLoop::Watch::~Watch() {
  handle_->ended = true;
  uv_close(reinterpret_cast<uv_handle_t*>(&handle_->poll),
           [](uv_handle_t* handle) { delete static_cast<Handle*>(handle->data); });
}

void EventLoop::Watch::Want(bool readable, bool writable) {
  if (readable == handle_->readable && writable == handle_->writable) return;
  handle_->readable = readable;
  handle_->writable = writable;
  const int events = (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0);
  if (events == 0) {
    uv_poll_stop(&handle_->poll);
    return;
  }
  uv_poll_start(&handle_->poll, events, [](uv_poll_t* poll, int status, int happened) {
    static_cast<Handle*>(poll->data)->OnEvents(status, happened);
  });
}

void EventLoop::Run() { uv_run(&implementation_->loop, UV_RUN_DEFAULT); }

void EventLoop::Stop() {
  {
    const std::lock_guard lock(implementation_->mutex);
    implementation_->stopping = true;
  }
  uv_async_send(&implementation_->wake);
}

uv_loop_s* EventLoop::uv() { return &implementation_->loop; }

}  // namespace sf
