// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "images/fetch_rules.h"
#include "node/base/log.h"
#include "node/base/netblock.h"
#include "node/base/result.h"
#include "node/host_facts.h"
#include "node/sql_url.h"

namespace sf {

enum class VirtTypeChoice { kAuto, kKvm, kQemu };

/// Where another node may be asked for the rest.
struct GossipSeed {
  std::string ip;
  int port = 0;  ///< 0: the same as ours
};

/// Every option of the node, read and checked. What each means, its default and its unit stand in
/// one place, the table in config_options.cc; `sf-node --help` prints it.
struct Config {
  std::string node_name;
  std::string node_ip;
  std::string node_mesh_nic;  ///< Empty if no interface carries NODE_IP.
  std::string zone;
  std::filesystem::path storage_path;
  std::filesystem::path template_path;  ///< Empty: the built-in texts.
  log::Level log_level = log::Level::kInfo;
  log::Format log_format = log::Format::kText;

  SqlUrl sql;
  std::size_t database_connections = 0;

  std::vector<std::string> api_addresses;
  int api_port = 0;
  std::size_t api_threads = 0;
  std::size_t api_connections = 0;
  std::size_t api_buffers = 0;  ///< Bytes.
  std::chrono::seconds api_timeout{};
  std::size_t max_body = 0;  ///< Bytes.
  int login_failures = 0;    ///< A minute.
  std::string api_tls_cert;  ///< Empty: the API is plain HTTP.
  std::string api_tls_key;   ///< Given if that is, too.
  std::string api_tls_ca;    ///< Empty: the system's authorities.

  int gossip_port = 0;
  std::vector<GossipSeed> gossip_seeds;
  std::string gossip_key_file;  ///< Empty: the key ring is in the database.

  int mesh_port = 0;
  Netblock floating_network;
  std::string node_egress_nic;  ///< Empty if there is no default route.
  std::string services_image;
  std::string dns_server;  ///< Empty: guests are told of none.

  VirtTypeChoice virt_type = VirtTypeChoice::kAuto;
  std::string libvirt_uri;
  std::string console_address;
  struct {
    int first = 0;
    int last = 0;
  } console_ports;
  double cpu_overcommit_ratio = 0;
  double ram_overcommit_ratio = 0;
  std::uint64_t ram_reserve_mib = 0;
  std::uint64_t disk_reserve_gib = 0;
  std::size_t builds_in_flight = 0;
  std::chrono::seconds node_lost_grace{};
  std::chrono::seconds agent_deadline{};

  std::uint64_t image_max_gib = 0;
  std::size_t blob_copies = 0;
  std::uint64_t upload_max_bytes = 0;
  std::chrono::seconds image_check_interval{};
  std::chrono::seconds image_stall_timeout{};
  images::FetchRules image_rules;
};

enum class Command {
  kRun,
  kMigrate,
  kBootstrapSystemKey,
  kMembers,
  kRotateClusterKey,
  kBackup,
  kRestore,
  kCheck,
  kClearHost,
  kProbeKvm,
  kPrint
};

/// What one start of sf-node is asked to do.
struct Invocation {
  Command command = Command::kRun;
  Config config;                          ///< Not for kProbeKvm and kPrint.
  std::string text;                       ///< kPrint: help, version or the settings in force.
  bool json = false;                      ///< kMembers
  std::string backup_file;                ///< kBackup, kRestore; "-" is standard output or input.
  bool replace = false;                   ///< kRestore
  std::string key_name;                   ///< kBootstrapSystemKey
  std::optional<std::string> system_key;  ///< kBootstrapSystemKey; none: make one and print it.
};

using Environment = std::map<std::string, std::string>;

/// Reads flags, then SHAKENFIST_* of the environment, then the file, then defaults: for each option
/// the first that has it decides. What is unknown, unreadable or contradictory is an error that
/// names its place and says what to do.
Result<Invocation> ReadInvocation(const std::vector<std::string>& arguments,
                                  const Environment& environment, const HostFacts& host);

Environment ReadEnvironment();

}  // namespace sf
