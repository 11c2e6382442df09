// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>

struct uv_loop_s;

namespace sf {

/// A libuv loop: the thread that calls Run() is its thread, and everything posted or scheduled runs
/// there, one at a time. The process has two: the LOOP, where nothing may block, and one for what
/// guests say (reconcile/agents), so that no guest can keep the first one busy.
///
/// Thread: construct, Every(), OnSignal() and Run() on one thread, or before it begins; Post() and
/// Stop() from any.
class EventLoop {
 public:
  using Callback = std::function<void()>;

  EventLoop();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  void Post(Callback callback);
  /// Runs `callback` every `period`, first after one period, until the loop stops.
  void Every(std::chrono::milliseconds period, Callback callback);
  void OnSignal(int signal, Callback callback);

  /// A moment that can be moved: its callback runs once each time it is reached, never early.
  class Alarm {
   public:
    Alarm(EventLoop& loop, Callback callback);
    ~Alarm();
    Alarm(const Alarm&) = delete;
    Alarm& operator=(const Alarm&) = delete;

    void Set(std::chrono::steady_clock::time_point when);
    void Cancel();

   private:
    struct Handle;
    Handle* handle_;  // Outlives this until libuv has let go of it.
  };

  /// Tells when a descriptor can be read or written, while that is wanted. The descriptor is closed
  /// by its owner, after this has ended.
  class Watch {
   public:
    Watch(EventLoop& loop, int descriptor, Callback on_readable, Callback on_writable);
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

    void Want(bool readable, bool writable);

   private:
    struct Handle;
    Handle* handle_;  // Outlives this until libuv has let go of it.
  };

  /// Until Stop(). Callbacks posted before Stop() still run.
  void Run();
  void Stop();

  /// For the one other door to libuv, gossip/transport. Loop thread only.
  uv_loop_s* uv();

 private:
  struct Implementation;  // Keeps uv.h out of every file that includes this one.
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace sf
