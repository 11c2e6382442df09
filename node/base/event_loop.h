// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>

namespace sf {

/// The one libuv loop of the process: the thread that calls Run() is the LOOP thread, and
/// everything posted or scheduled runs there, one at a time. Nothing that runs there may block.
///
/// Thread: construct, Every(), OnSignal() and Run() on one thread; Post() and Stop() from any.
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

  /// Until Stop(). Callbacks posted before Stop() still run.
  void Run();
  void Stop();

 private:
  struct Implementation;  // Keeps uv.h out of every file that includes this one.
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace sf
