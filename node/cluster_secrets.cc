// SPDX-License-Identifier: Apache-2.0
#include "node/cluster_secrets.h"

#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "node/base/log.h"
#include "node/base/uuid.h"
#include "node/key_rotation.h"
#include "node/private_file.h"
#include "node/store/schema.h"

namespace sf {
namespace {

using nlohmann::json;

constexpr int kFormat = 1;
constexpr std::size_t kSecretBytes = 32;
constexpr std::chrono::seconds kDatabaseRetry{2};

std::filesystem::path PathOf(const Config& config) { return config.storage_path / "secrets.json"; }

/// To another cluster, and to a new one in a database that was lost, all instances here are strays.
Result<void> CheckIsRemembered(const Config& config, const std::string& cluster_id) {
  const auto known = RecallSecrets(config);
  if (!known || known->cluster_id == cluster_id) return {};
  return Fail(Code::kConflict,
              "the database is that of the cluster {}, and this node belongs to {}: if its database"
              " was lost, restore a backup (sf-node restore --replace); to have the node join the"
              " other cluster, and remove all instances that are here, delete {}",
              cluster_id, known->cluster_id, PathOf(config).string());
}

}  // namespace

Result<KeyRing> ReadKeys(const Config& config, store::Store& store) {
  if (!config.gossip_key_file.empty()) return ReadKeyFile(config.gossip_key_file);
  return ParseKeyRing(TRY(store.cluster.GetOrMake(kKeyRingSetting, ToString(MakeKeyRing()))));
}

Result<ClusterSecrets> FetchSecrets(const Config& config, store::Store& store) {
  const store::Migration migrated = TRY(store::Migrate(store.database));
  if (migrated.from != migrated.to) {
    log::Info("schema migrated from={} to={}", migrated.from, migrated.to);
  }
  ClusterSecrets secrets;
  secrets.cluster_id = TRY(store.cluster.GetOrMake("id", MakeUuid()));
  TRY(CheckIsRemembered(config, secrets.cluster_id));
  secrets.token_secret = TRY(store.cluster.GetOrMake("token_secret", RandomHex(kSecretBytes)));
  secrets.keys = TRY(ReadKeys(config, store));
  RememberSecrets(config, secrets);
  return secrets;
}

void RememberSecrets(const Config& config, const ClusterSecrets& secrets) {
  if (const auto known = RecallSecrets(config); known && *known == secrets) return;
  const json memory = {{"format", kFormat},
                       {"cluster_id", secrets.cluster_id},
                       {"token_secret", secrets.token_secret},
                       {"gossip_keys", ToString(secrets.keys)}};
  if (const auto done = WritePrivateFile(PathOf(config), memory.dump() + "\n"); !done) {
    log::Warn("the cluster's secrets are not on the disk error={}", done.error().message);
  }
}

Result<ClusterSecrets> RecallSecrets(const Config& config) {
  const std::filesystem::path path = PathOf(config);
  const json memory = json::parse(TRY(ReadPrivateFile(path)), nullptr, /*allow_exceptions=*/false);
  const auto text = [&memory](const char* key) {
    const auto found = memory.find(key);
    return found != memory.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  if (!memory.is_object() || memory.value("format", json()) != kFormat ||
      text("cluster_id").empty() || text("token_secret").empty()) {
    return Fail(Code::kCorrupt, "{} is damaged, or of another release", path.string());
  }
  ClusterSecrets secrets{text("cluster_id"), text("token_secret"), {}};
  secrets.keys = TRY(config.gossip_key_file.empty() ? ParseKeyRing(text("gossip_keys"))
                                                    : ReadKeyFile(config.gossip_key_file));
  return secrets;
}

Result<FirstSecrets> AwaitSecrets(const Config& config, store::Store& store) {
  for (;;) {
    const auto fetched = FetchSecrets(config, store);
    if (fetched) return FirstSecrets{*fetched};
    // A database that starts after us is ordinary when a whole rack comes up.
    if (fetched.error().code != Code::kUnavailable) return tl::unexpected(fetched.error());
    log::Warn("waiting for the database error={}", fetched.error().message);
    const auto remembered = RecallSecrets(config);
    if (remembered) {
      log::Warn("started from what the disk remembers, until the database answers");
      return FirstSecrets{*remembered, true};
    }
    if (remembered.error().code != Code::kNotFound) {
      log::Warn("this start has to wait for the database error={}", remembered.error().message);
    }
    std::this_thread::sleep_for(kDatabaseRetry);
  }
}

}  // namespace sf
