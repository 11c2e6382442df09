// SPDX-License-Identifier: Apache-2.0
#include "node/reconcile/agents.h"

#include <algorithm>
#include <set>

#include "compute/instance_files.h"
#include "images/image_index.h"
#include "node/base/log.h"

namespace sf::reconcile {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr auto kTick = 1s;
constexpr int kLookTicks = 10;
/// A guest may change its mind as often as it likes; its row is not written more often than this.
constexpr auto kRecordPeriod = 2s;

AgentTalk::Power PowerOf(const InstanceId& id, const Actual& actual) {
  const auto domain = actual.domains.find(id);
  if (domain == actual.domains.end() || !domain->second.running) return AgentTalk::Power::kOff;
  return domain->second.power_state == "paused" ? AgentTalk::Power::kPaused
                                                : AgentTalk::Power::kRunning;
}

}  // namespace

std::vector<AgentGuest> AgentGuests(const Desired& desired, const Actual& actual,
                                    const std::filesystem::path& instances_folder) {
  std::vector<AgentGuest> guests;
  for (const Instance& instance : desired.instances) {
    const auto& channels = instance.spec.side_channels;
    if (instance.state != InstanceState::kCreated ||
        std::ranges::find(channels, compute::kAgentChannel) == channels.end()) {
      continue;
    }
    const compute::InstanceFiles files(instances_folder, instance.uuid);
    guests.push_back({instance.uuid, files.Channel(compute::kAgentChannel),
                      PowerOf(instance.uuid, actual), instance.agent});
  }
  return guests;
}

Agents::Agents(WorkerPool& workers, store::Store& store, images::BlobFiles& blobs, BlobShelf& shelf,
               Settings settings)
    : workers_(workers),
      store_(store),
      self_(settings.job.self),
      deadline_(settings.deadline),
      job_(std::move(settings.job), store, blobs, shelf) {
  loop_.Every(kTick, [this] { Sweep(); });
  thread_ = std::thread([this] { loop_.Run(); });
}

Agents::~Agents() {
  Stop();
  loop_.Stop();
  thread_.join();
}

void Agents::Follow(std::vector<AgentGuest> guests) {
  loop_.Post([this, guests = std::move(guests)] { OnGuests(guests); });
}

void Agents::Wake() {
  loop_.Post([this] { Look(); });
}

Agents::Session* Agents::Find(const InstanceId& id) {
  const auto found = sessions_.find(id);
  return found == sessions_.end() ? nullptr : found->second.get();
}

bool Agents::Submit(const InstanceId& id, std::function<void()> job) {
  return workers_.Submit(fmt::format("agents {}", std::hash<std::string>()(id.value) % kWorkers),
                         std::move(job));
}

bool Agents::SubmitShort(std::function<void()> job) {
  return workers_.Submit("agents", std::move(job));
}

// ---- guests -------------------------------------------------------------------------------------

void Agents::OnGuests(const std::vector<AgentGuest>& guests) {
  std::set<InstanceId> here;
  for (const AgentGuest& guest : guests) {
    here.insert(guest.id);
    auto& session = sessions_[guest.id];
    if (!session) session = std::make_unique<Session>(guest);
    session->power = guest.power;
    session->talk.SetPower(guest.power, Clock::now());
  }
  for (const auto& [id, session] : sessions_) {
    if (here.contains(id) || !session->run) continue;
    session->run->Stop("the instance is gone");
    EndRun(*session);
  }
  std::erase_if(sessions_, [&](const auto& entry) { return !here.contains(entry.first); });
}

void Agents::Sweep() {
  const auto now = Clock::now();
  for (const auto& [id, session] : sessions_) {
    if (session->channel && session->channel->closed()) session->channel.reset();
    if (!session->channel) Connect(*session);
    if (session->channel) session->channel->Refill();
    session->talk.Tick(now, session->run != nullptr);
    Say(*session);
    Record(*session);
    if (session->run && now - session->run_began > deadline_) {
      session->run->Stop(fmt::format("it was not done within {} s", deadline_.count()));
      EndRun(*session);
    }
  }
  if (++ticks_ >= kLookTicks) Look();
}

// QEMU listens for as long as it is there, whoever is inside.
void Agents::Connect(Session& session) {
  if (session.power == AgentTalk::Power::kOff) return;
  auto connected = compute::AgentChannel::Connect(
      loop_, session.socket,
      {.on_packet = [this, &session](const auto& packet) { OnPacket(session, packet); },
       .on_room = [this, &session] { Continue(session); },
       .on_closed = [this, &session] { OnClosed(session); }});
  if (!connected) return;  // Between two of its lives; the next tick tries again.
  session.channel = *std::move(connected);
  session.talk.Connected(Clock::now());
}

void Agents::Say(Session& session) {
  for (const json& packet : session.talk.TakeReplies()) {
    // Who reads nothing hears nothing more, either.
    if (session.channel) (void)session.channel->Send(packet);
  }
}

void Agents::OnPacket(Session& session, const Result<json>& packet) {
  const bool was_ready = session.talk.ready();
  const bool of_itself = packet && session.talk.Hear(*packet, Clock::now(), images::UnixNow());
  Say(session);
  if (!was_ready && session.talk.ready()) {
    log::Debug("an agent is ready instance={}", session.id);
    Look();
  }
  if (of_itself || !session.run) return;
  session.run->Hear(packet);
  Continue(session);
}

// The channel itself goes at the next tick, as it is in the middle of telling this.
void Agents::OnClosed(Session& session) {
  session.talk.Disconnected();
  if (!session.run) return;
  session.run->Stop("the connection to the guest was lost");
  EndRun(session);
}

void Agents::Record(Session& session) {
  const AgentFacts facts = session.talk.facts();
  if (session.recording || facts == session.recorded || Clock::now() < session.record_from) return;
  session.recording = SubmitShort([this, id = session.id, facts] {
    const auto done = store_.instances.RecordAgent(id, facts);
    loop_.Post([this, id, facts, recorded = done.has_value()] {
      Session* const found = Find(id);
      if (found == nullptr) return;
      found->recording = false;
      found->record_from = Clock::now() + kRecordPeriod;
      if (recorded) found->recorded = facts;
    });
  });
}

// ---- operations ---------------------------------------------------------------------------------

void Agents::Look() {
  if (looking_) {
    again_ = true;
    return;
  }
  again_ = false;
  ticks_ = 0;
  looking_ = !stop_.stop_requested() && SubmitShort([this] {
    loop_.Post([this, found = store_.agent_operations.NextOn(self_)] { OnLooked(found); });
  });
}

void Agents::OnLooked(const Result<std::vector<AgentOperation>>& operations) {
  looking_ = false;
  if (!operations) return;
  std::set<AgentOperationId> next;
  for (const AgentOperation& operation : *operations) {
    next.insert(operation.uuid);
    OnNext(operation);
  }
  for (const auto& [id, session] : sessions_) {
    if (!session->run || next.contains(session->operation)) continue;
    session->run->Stop("it was deleted");
    EndRun(*session);
  }
  if (again_) Look();
}

void Agents::OnNext(const AgentOperation& operation) {
  Session* const session = Find(operation.instance);
  if (session != nullptr && session->operation == operation.uuid) return;
  std::string failure;
  if (operation.state == AgentOperationState::kExecuting) {
    failure = fmt::format("node {} was stopped while it was done", self_);
  } else if (operation.age_s > static_cast<double>(deadline_.count())) {
    failure = fmt::format("the agent did not come to it within {} s", deadline_.count());
  }
  if (!failure.empty()) {
    (void)SubmitShort([this, operation, failure] {
      job_.Fail(operation, failure);
      Wake();
    });
    return;
  }
  if (session == nullptr || !session->operation.empty() || !session->talk.ready()) return;
  Begin(*session, operation);
}

void Agents::Begin(Session& session, const AgentOperation& operation) {
  const bool begun = Submit(session.id, [this, operation] {
    auto run = std::make_shared<Result<std::unique_ptr<AgentRun>>>(
        job_.Begin(operation, stop_.get_token()));
    loop_.Post([this, operation, run] { OnBegun(operation, std::move(*run)); });
  });
  if (begun) session.operation = operation.uuid;
}

void Agents::OnBegun(const AgentOperation& operation, Result<std::unique_ptr<AgentRun>> run) {
  Session* const session = Find(operation.instance);
  // What is executing and has no run fails when it is looked at.
  if (session == nullptr || session->operation != operation.uuid) return;
  if (!run || !*run) {
    session->operation = {};
    if (run) Look();
    return;
  }
  session->run = *std::move(run);
  session->run_began = Clock::now();
  if (!session->channel || session->channel->closed()) {
    session->run->Stop("the connection to the guest was lost");
  }
  Continue(*session);
}

void Agents::Continue(Session& session) {
  if (!session.run) return;
  const bool more =
      session.run->Go({.send = [&](const json& packet) { (void)session.channel->Send(packet); },
                       .has_room = [&] { return session.channel->HasRoom(); }});
  if (session.run->done()) return EndRun(session);
  if (!more) return;
  loop_.Post([this, id = session.id] {
    if (Session* const found = Find(id)) Continue(*found);
  });
}

void Agents::EndRun(Session& session) {
  const std::chrono::duration<double> took = Clock::now() - session.run_began;
  const auto run = std::make_shared<std::unique_ptr<AgentRun>>(std::move(session.run));
  const bool taken = Submit(session.id, [this, id = session.id, run, seconds = took.count()] {
    const AgentOperationId operation = (*run)->operation().uuid;
    job_.End(std::move(*run), seconds, stop_.get_token());
    loop_.Post([this, id, operation] { OnEnded(id, operation); });
  });
  // Then it is found executing without a run, which is all that can be said of it.
  if (!taken) session.operation = {};
}

void Agents::OnEnded(const InstanceId& id, const AgentOperationId& operation) {
  Session* const session = Find(id);
  if (session != nullptr && session->operation == operation) session->operation = {};
  Look();
}

}  // namespace sf::reconcile
