// SPDX-License-Identifier: Apache-2.0
// sf-node: reads the options, does what its subcommand says; nothing else.
#include <malloc.h>

#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "compute/kvm_probe.h"
#include "node/api/auth.h"
#include "node/backup.h"
#include "node/base/uuid.h"
#include "node/clear_host.h"
#include "node/config.h"
#include "node/daemon.h"
#include "node/daemon_settings.h"
#include "node/host_check.h"
#include "node/key_rotation.h"
#include "node/members.h"
#include "node/store/schema.h"

namespace sf {
namespace {

constexpr std::size_t kSystemKeyBytes = 24;

/// By default glibc keeps a heap for each of our some forty threads, as large as the busiest job of
/// that thread once needed it, and after a few large blocks keeps those as well: 20 MB of nothing.
void KeepHeapsSmall() {
  mallopt(M_ARENA_MAX, 2);
  mallopt(M_MMAP_THRESHOLD, 128 << 10);
}

Result<void> RunDaemon(const Config& config) {
  const auto daemon = TRY(Daemon::Build(config));
  return daemon->Run();
}

Result<void> MigrateSchema(const Config& config) {
  const store::Migration done = TRY(store::Migrate(OpenStore(config)->database));
  if (done.from == done.to) {
    fmt::print("The schema is up to date: version {}.\n", done.to);
  } else {
    fmt::print("The schema was migrated from version {} to {}.\n", done.from, done.to);
  }
  return {};
}

Result<void> BootstrapSystemKey(const Invocation& invocation) {
  const auto store = OpenStore(invocation.config);
  TRY(store::Migrate(store->database));
  const std::string secret = invocation.system_key.value_or(RandomHex(kSystemKeyBytes));
  TRY(store->namespaces.PutKey(kSystemNamespace,
                               TRY(api::Auth::MakeKey(invocation.key_name, secret))));
  if (invocation.system_key) {
    fmt::print("The namespace system has the key {} now.\n", invocation.key_name);
  } else {
    fmt::print("{}\n", secret);
  }
  return {};
}

Result<void> Check(const Config& config) {
  const auto findings = CheckHost(config);
  fmt::print("{}", ToTable(findings));
  if (!AllWell(findings)) return Fail(Code::kUnavailable, "see the lines marked FAILED");
  return {};
}

Result<void> Clear(const Config& config) {
  for (const std::string& done : TRY(ClearHost(config))) fmt::print("removed: {}\n", done);
  fmt::print("This host has nothing of the node {} any more, but for {}.\n", config.node_name,
             config.storage_path.string());
  return {};
}

Result<void> RotateKey(const Config& config) {
  TRY(RotateClusterKey(*OpenStore(config),
                       [](const std::string& done) { fmt::print("{}\n", done); }));
  fmt::print("The cluster has a new key.\n");
  return {};
}

Result<void> Backup(const Invocation& invocation) {
  const BackupDone done = TRY(TakeBackup(invocation.config, invocation.backup_file));
  // Not where the backup itself may go.
  fmt::print(stderr, "The cluster {} is backed up, as of {}: {} lines, schema version {}.\n",
             done.head.cluster_id, done.head.taken_at, done.lines, done.head.schema);
  return {};
}

Result<void> Restore(const Invocation& invocation) {
  const BackupHead head =
      TRY(RestoreBackup(invocation.config, invocation.backup_file, invocation.replace));
  fmt::print("The cluster {} is as it was at {}; schema version {}. Start its nodes.\n",
             head.cluster_id, head.taken_at, head.schema);
  return {};
}

Result<void> ShowMembers(const Invocation& invocation) {
  const auto members = TRY(FetchMembers(invocation.config.storage_path));
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  fmt::print("{}", invocation.json
                       ? members.dump(2) + "\n"
                       : ToMembersTable(members, std::chrono::duration<double>(now).count()));
  return {};
}

Result<void> Do(const Invocation& invocation) {
  log::SetUp(invocation.config.log_level, invocation.config.log_format);
  switch (invocation.command) {
    case Command::kRun: return RunDaemon(invocation.config);
    case Command::kMigrate: return MigrateSchema(invocation.config);
    case Command::kBootstrapSystemKey: return BootstrapSystemKey(invocation);
    case Command::kMembers: return ShowMembers(invocation);
    case Command::kRotateClusterKey: return RotateKey(invocation.config);
    case Command::kBackup: return Backup(invocation);
    case Command::kRestore: return Restore(invocation);
    case Command::kCheck: return Check(invocation.config);
    case Command::kClearHost: return Clear(invocation.config);
    case Command::kProbeKvm:
    case Command::kPrint: break;
  }
  fmt::print("{}", invocation.text);
  return {};
}

}  // namespace
}  // namespace sf

int main(int argc, char** argv) {
  sf::KeepHeapsSmall();
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const auto invocation = sf::ReadInvocation(arguments, sf::ReadEnvironment(), sf::ReadHostFacts());
  if (!invocation) {
    std::fprintf(stderr, "sf-node: %s\n", invocation.error().message.c_str());
    return 2;
  }
  if (invocation->command == sf::Command::kProbeKvm) return sf::compute::RunKvmProbe();
  if (const auto done = sf::Do(*invocation); !done) {
    std::fprintf(stderr, "sf-node: %s\n", done.error().message.c_str());
    return 1;
  }
  return 0;
}
