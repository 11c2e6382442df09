// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "compute/agent_channel.h"
#include "node/base/event_loop.h"
#include "node/base/worker_pool.h"
#include "node/reconcile/agent_operation_job.h"
#include "node/reconcile/agent_run.h"
#include "node/reconcile/agent_talk.h"
#include "node/reconcile/plan.h"
#include "node/store/store.h"

namespace sf::reconcile {

/// An instance here whose guest may have an agent.
struct AgentGuest {
  InstanceId id;
  std::filesystem::path socket;
  AgentTalk::Power power = AgentTalk::Power::kOff;
  AgentFacts known;  ///< as its row has it
};

/// Those that a pass has found.
std::vector<AgentGuest> AgentGuests(const Desired& desired, const Actual& actual,
                                    const std::filesystem::path& instances_folder);

/// This node's side of the agents in its guests: keeps a connection to each, writes down what they
/// say of themselves, and has them do what is asked of them, for each guest one operation after the
/// other, in order.
///
/// All guests share one thread of their own, with a loop that never blocks but for the files of an
/// operation; the database is for workers. What a guest sends costs no other guest more than its
/// turn, and gossip and the API nothing.
///
/// Thread: any. Invariant: of each operation at most one run, ever.
class Agents {
 public:
  /// Workers that are busy with operations at the same time: copying files, that is.
  static constexpr std::size_t kWorkers = 4;

  struct Settings {
    AgentOperationJob::Settings job;
    std::chrono::seconds deadline{};  ///< of an operation: until it begins, and until it ends
  };

  Agents(WorkerPool& workers, store::Store& store, images::BlobFiles& blobs, BlobShelf& shelf,
         Settings settings);
  /// Once the workers have stopped.
  ~Agents();
  Agents(const Agents&) = delete;
  Agents& operator=(const Agents&) = delete;

  /// These are the guests, and no others.
  void Follow(std::vector<AgentGuest> guests);
  /// An operation may have been asked for.
  void Wake();
  /// Nothing more is begun, and what waits for another node waits no longer.
  void Stop() { stop_.request_stop(); }

 private:
  using Clock = std::chrono::steady_clock;

  /// What there is of one guest. All of it belongs to the loop.
  struct Session {
    explicit Session(const AgentGuest& guest)
        : id(guest.id), socket(guest.socket), talk(guest.known), recorded(guest.known) {}

    const InstanceId id;
    const std::filesystem::path socket;
    AgentTalk::Power power = AgentTalk::Power::kRunning;
    AgentTalk talk;
    std::unique_ptr<compute::AgentChannel> channel;
    AgentFacts recorded;              ///< what its row says
    bool recording = false;           ///< a worker is writing it
    Clock::time_point record_from;    ///< not before this
    AgentOperationId operation = {};  ///< that is begun, runs or is being ended
    std::unique_ptr<AgentRun> run;
    Clock::time_point run_began;
  };

  void OnGuests(const std::vector<AgentGuest>& guests);
  void Sweep();
  void Connect(Session& session);
  void Say(Session& session);
  void OnPacket(Session& session, const Result<nlohmann::json>& packet);
  void OnClosed(Session& session);
  void Record(Session& session);

  void Look();
  void OnLooked(const Result<std::vector<AgentOperation>>& operations);
  /// The first operation of a guest that has not ended.
  void OnNext(const AgentOperation& operation);
  void Begin(Session& session, const AgentOperation& operation);
  void OnBegun(const AgentOperation& operation, Result<std::unique_ptr<AgentRun>> run);
  void Continue(Session& session);
  void EndRun(Session& session);
  void OnEnded(const InstanceId& id, const AgentOperationId& operation);
  /// Runs `job`, which may take long, on one of few workers. False: not now.
  bool Submit(const InstanceId& id, std::function<void()> job);
  /// Likewise one that only writes to the database.
  bool SubmitShort(std::function<void()> job);
  Session* Find(const InstanceId& id);

  WorkerPool& workers_;
  store::Store& store_;
  const NodeId self_;
  const std::chrono::seconds deadline_;
  AgentOperationJob job_;
  std::stop_source stop_;
  EventLoop loop_;
  std::map<InstanceId, std::unique_ptr<Session>> sessions_;
  int ticks_ = 0;  ///< since it was last looked for operations
  bool looking_ = false;
  bool again_ = false;  ///< woken while looking
  std::thread thread_;
};

}  // namespace sf::reconcile
