// SPDX-License-Identifier: Apache-2.0
#include "node/config.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

#include "node/config_options.h"

namespace sf {
namespace {

constexpr const char* kUrl = "mysql://sf:SECRET@db/sf";

/// A node.conf that lasts as long as this object.
class File {
 public:
  explicit File(const std::string& text) {
    const int descriptor = ::mkstemp(path_.data());
    REQUIRE(descriptor >= 0);
    ::close(descriptor);
    std::ofstream(path_) << text;
  }
  ~File() { ::unlink(path_.c_str()); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_ = "/tmp/node.conf.XXXXXX";
};

/// A file with the URL of a database, which is not to be given as it is.
std::string Url() {
  static const File kFile(std::string(kUrl) + "\n");
  return kFile.path();
}

HostFacts Host() {
  return {.name = "node-1",
          .address = "192.0.2.7",
          .nic_by_address = {{"192.0.2.7", "eth0"}, {"198.51.100.7", "eth1"}},
          .cores = 3};
}

/// Reads with an empty file, so that none that this host may have is read.
Result<Invocation> Read(std::vector<std::string> arguments, const Environment& environment = {},
                        const std::string& file = "", const HostFacts& host = Host()) {
  const File written(file);
  arguments.insert(arguments.end(), {"--config", written.path()});
  auto result = ReadInvocation(arguments, environment, host);
  if (!result) {
    // The file's name differs from run to run.
    std::string& message = result.error().message;
    const std::size_t at = message.find(written.path());
    if (at != std::string::npos) message.replace(at, written.path().size(), "FILE");
  }
  return result;
}

std::string ErrorOf(const std::vector<std::string>& arguments, const Environment& environment = {},
                    const std::string& file = "") {
  const auto result = Read(arguments, environment, file);
  return result ? "no error" : result.error().message;
}

}  // namespace

TEST_CASE("Config: with a database alone, everything else has a default", "[config]") {
  const auto read = Read({"run", "--sql-url", Url()});
  REQUIRE(read);
  CHECK(read->command == Command::kRun);
  const Config& config = read->config;
  CHECK(config.sql.password == "SECRET");
  CHECK(config.node_name == "node-1");
  CHECK(config.node_ip == "192.0.2.7");
  CHECK(config.node_mesh_nic == "eth0");
  CHECK(config.api_addresses == std::vector<std::string>{"192.0.2.7", "127.0.0.1"});
  CHECK(config.api_port == 13000);
  CHECK(config.gossip_port == 13002);
  CHECK(config.mesh_port == 4789);
  CHECK(config.gossip_seeds.empty());
  CHECK(config.gossip_key_file.empty());
  CHECK(config.max_body == 1024 * 1024);
  CHECK(config.zone == "default");
  CHECK(config.storage_path == "/srv/shakenfist");
  CHECK(config.template_path.empty());
  CHECK(config.virt_type == VirtTypeChoice::kAuto);
  CHECK((config.console_ports.first == 30000 && config.console_ports.last == 39999));
  CHECK(config.console_address == "127.0.0.1");
  CHECK(config.ram_overcommit_ratio == 1.5);
  CHECK(config.builds_in_flight == 6);
  CHECK(config.image_max_gib == 50);
  CHECK(config.image_check_interval == std::chrono::seconds(60));
}

TEST_CASE("Config: a flag wins over the environment, that over the file, that over the default",
          "[config]") {
  const std::string file =
      "# a comment\n\n SQL_URL = mysql://f:SECRET@db/sf \nZONE=file\nAPI_PORT=1\n";
  const Environment environment = {{"SHAKENFIST_ZONE", "environment"},
                                   {"SHAKENFIST_API_PORT", "2"}};
  const auto read = Read({"--api-port=3", "run"}, environment, file);
  REQUIRE(read);
  CHECK(read->config.sql.user == "f");
  CHECK(read->config.zone == "environment");
  CHECK(read->config.api_port == 3);
  CHECK(read->config.api_threads == 16);
}

TEST_CASE("Config: a seed is an address, with a port if it is not the usual one", "[config]") {
  const auto read =
      Read({"run", "--sql-url", Url(), "--gossip-seeds", "192.0.2.1, 192.0.2.2:14000"});
  REQUIRE(read);
  const auto& seeds = read->config.gossip_seeds;
  REQUIRE(seeds.size() == 2);
  CHECK((seeds[0].ip == "192.0.2.1" && seeds[0].port == 0));
  CHECK((seeds[1].ip == "192.0.2.2" && seeds[1].port == 14000));
}

TEST_CASE("Config: what follows from another option follows what was given", "[config]") {
  const auto read = Read({"run", "--sql-url", Url(), "--node-ip", "198.51.100.7"});
  REQUIRE(read);
  CHECK(read->config.node_mesh_nic == "eth1");
  CHECK(read->config.api_addresses.front() == "198.51.100.7");
}

TEST_CASE("Config: each command is told apart", "[config]") {
  CHECK(Read({"migrate", "--sql-url", Url()})->command == Command::kMigrate);
  CHECK(Read({"check", "--sql-url", Url()})->command == Command::kCheck);
  CHECK(ReadInvocation({"probe-kvm"}, {}, {})->command == Command::kProbeKvm);
  const auto backup = Read({"backup", "-", "--sql-url", Url()});
  CHECK((backup->command == Command::kBackup && backup->backup_file == "-"));
  const auto restore = Read({"restore", "--replace", "/a/file", "--sql-url", Url()});
  CHECK((restore->command == Command::kRestore && restore->backup_file == "/a/file"));
  CHECK(restore->replace);
  CHECK_FALSE(Read({"restore", "/a/file", "--sql-url", Url()})->replace);
  CHECK(ErrorOf({"backup"}) == "FILE is required; see sf-node --help");
  CHECK(ErrorOf({"backup", "a", "b"}) == "'b' is no command, or one too many; see sf-node --help");
  CHECK(ErrorOf({}) == "no command is given; see sf-node --help");
  CHECK(ErrorOf({"rum"}) == "'rum' is no command, or one too many; see sf-node --help");
  CHECK(ErrorOf({"run", "check"}) == "'check' is no command, or one too many; see sf-node --help");
}

TEST_CASE("Config: help names every option with its variable and default", "[config]") {
  const auto read = ReadInvocation({"--help"}, {{"SHAKENFIST_NONSENSE", ""}}, {});
  REQUIRE(read);
  CHECK(read->command == Command::kPrint);
  for (const ConfigGroup& group : ConfigGroups()) {
    CHECK(read->text.find("\n" + std::string(group.title) + ":\n") != std::string::npos);
    for (const ConfigOption& option : group.options) {
      CHECK(read->text.find("SHAKENFIST_" + std::string(option.name) + "; default: ") !=
            std::string::npos);
    }
  }
  CHECK(read->text.find("probe-kvm") == std::string::npos);
  CHECK(ReadInvocation({"run", "--help"}, {}, {})->command == Command::kPrint);
  CHECK(ReadInvocation({"--version"}, {}, {})->text.starts_with("sf-node "));
}

TEST_CASE("Config: a secret is not given where others see it, but may be in a file", "[config]") {
  CHECK(
      ErrorOf({"run", "--sql-url", kUrl}) ==
      "--sql-url: others can see it here: name a file that has it, or give it as SHAKENFIST_SQL_URL"
      " or in the configuration file");
  CHECK(Read({"run"}, {{"SHAKENFIST_SQL_URL", kUrl}})->config.sql.password == "SECRET");
  CHECK(Read({"run"}, {{"SHAKENFIST_SQL_URL", Url()}})->config.sql.password == "SECRET");
  REQUIRE(::chmod(Url().c_str(), 0644) == 0);
  CHECK_THAT(ErrorOf({"run", "--sql-url", Url()}), Catch::Matchers::Contains("owner"));
  REQUIRE(::chmod(Url().c_str(), 0600) == 0);
  CHECK_THAT(ErrorOf({"run", "--sql-url", "/nonexistent/url"}),
             Catch::Matchers::StartsWith("--sql-url: cannot read /nonexistent/url"));
}

TEST_CASE("Config: the settings in force are printed with their origin and no secret", "[config]") {
  const auto read = Read({"config", "--sql-url", Url()}, {{"SHAKENFIST_ZONE", "z"}});
  REQUIRE(read);
  CHECK(read->command == Command::kPrint);
  CHECK(read->text.find("mysql://sf:***@db:3306/sf") != std::string::npos);
  CHECK(read->text.find("SECRET") == std::string::npos);
  CHECK(read->text.find("SHAKENFIST_ZONE\n") != std::string::npos);
  CHECK(read->text.find(" default\n") != std::string::npos);
}

TEST_CASE("Config: the file to begin with has every option, and says what the defaults are",
          "[config]") {
  const auto printed = ReadInvocation({"config", "--defaults"}, {}, {});
  REQUIRE(printed);
  CHECK(printed->command == Command::kPrint);
  std::string file = printed->text;
  for (const ConfigGroup& group : ConfigGroups()) {
    for (const ConfigOption& option : group.options) {
      const std::string line = "\n#" + std::string(option.name) + "=";
      const std::size_t at = file.find(line);
      REQUIRE(at != std::string::npos);
      if (option.find == nullptr) file.erase(at + 1, 1);
    }
  }
  const auto all = Read({"config"}, {{"SHAKENFIST_SQL_URL", Url()}}, file);
  const auto none = Read({"config"}, {{"SHAKENFIST_SQL_URL", Url()}});
  REQUIRE(all);
  REQUIRE(none);
  const auto values = [](const std::string& settings) {
    std::istringstream lines(settings);
    std::string line, text;
    while (std::getline(lines, line)) text += line.substr(0, 67) + "\n";
    return text;
  };
  CHECK(values(all->text) == values(none->text));
}

TEST_CASE("Config: what is unknown is an error that names the nearest option", "[config]") {
  CHECK(ErrorOf({"run", "--api-prot", "1"}) ==
        "'--api-prot' is not an option; the nearest is --api-port");
  CHECK(
      ErrorOf({"run"}, {{"SHAKENFIST_NODE_IPS", "x"}}) ==
      "the environment's SHAKENFIST_NODE_IPS is not an option; the nearest is SHAKENFIST_NODE_IP");
  CHECK(ErrorOf({"run"}, {}, "ZONE=a\nSHAKENFIST_ZONE=b\n") ==
        "FILE:2: 'SHAKENFIST_ZONE' is not an option; the nearest is ZONE");
  CHECK(ErrorOf({"run"}, {}, "#\nzone=a\n").starts_with("FILE:2: 'zone' is not an option"));
}

TEST_CASE("Config: the variables of clients are none of the node's business", "[config]") {
  CHECK(Read({"run", "--sql-url", Url()}, {{"SHAKENFIST_API_URL", "x"},
                                           {"SHAKENFIST_NAMESPACE", "x"},
                                           {"SHAKENFIST_KEY", "x"},
                                           {"SHAKENFIST_ASYNC", "x"},
                                           {"SHAKENFIST_CACERT", "x"},
                                           {"SHAKENFIST_SYSTEM_KEY", "x"},
                                           {"HOME", "x"}}));
}

TEST_CASE("Config: a file that is not as it should be is an error with its line", "[config]") {
  CHECK(ErrorOf({"run"}, {}, "\nZONE\n") == "FILE:2: the line is not of the form NAME=value");
  CHECK(ErrorOf({"run"}, {}, "ZONE=\"a\"\n") == "FILE:1: write the value of ZONE without quotes");
  CHECK(
      ErrorOf({"run"}, {}, "ZONE=a\n\nZONE=b\n").starts_with("FILE:3: ZONE was given before, at "));
  CHECK(ErrorOf({"run", "--sql-url", Url()}, {}, "ZONE=a b\n")
            .starts_with("FILE:1: ZONE: 'a b' is not"));
  const auto missing = ReadInvocation({"run", "--config", "/nonexistent/node.conf"}, {}, Host());
  REQUIRE_FALSE(missing);
  CHECK(missing.error().message == "cannot read /nonexistent/node.conf: No such file or directory");
  CHECK_FALSE(ReadInvocation({"run", "--sql-url", Url(), "--config", "/tmp"}, {}, Host()));
}

TEST_CASE("Config: a value out of range is an error that names where it came from", "[config]") {
  struct Case {
    std::string flag, value, reason;
  };
  const auto bad = GENERATE(values<Case>({
      {"--api-port", "0", "'0' is not a whole number from 1 to 65535"},
      {"--api-port", "65536", "'65536' is not a whole number from 1 to 65535"},
      {"--api-port", "99999999999999999999", "is not a whole number"},
      {"--api-port", "13000x", "is not a whole number"},
      {"--api-threads", "-1", "is not a whole number"},
      {"--cpu-overcommit-ratio", "nan", "is not a number from 0.1 to 100"},
      {"--ram-overcommit-ratio", "inf", "is not a number"},
      {"--node-name", "", "is not a name"},
      {"--node-name", "a_b", "is not a name"},
      {"--node-name", std::string(64, 'a'), "is not a name"},
      {"--node-ip", "host", "is not an IPv4 address"},
      {"--node-ip", "1.2.3", "is not an IPv4 address"},
      {"--node-mesh-nic", "../eth0", "is not the name of a network interface"},
      {"--api-address", "1.2.3.4,localhost", "'localhost' is not an IPv4 or IPv6 address"},
      {"--api-address", ", ", "names no address"},
      {"--storage-path", "srv", "is not a path from the root"},
      {"--template-path", "x", "is not a path from the root"},
      {"--virt-type", "xen", "'xen' is none of auto, kvm, qemu"},
      {"--log-level", "loud", "'loud' is none of debug, info, warn, error"},
      {"--log-json", "yes", "'yes' is none of true, false"},
      {"--libvirt-uri", "", "it is empty"},
      {"--console-ports", "30000", "is not a range of ports"},
      {"--console-ports", "40000-30000", "is not a range of ports"},
      {"--console-ports", "1-2-3", "is not a range of ports"},
      {"--gossip-seeds", "192.0.2.1,there", "'there' is not an IPv4 address"},
      {"--gossip-seeds", "192.0.2.1:0", "is not a whole number from 1 to 65535"},
      {"--gossip-key-file", "keys", "is not a path from the root"},
      {"--console-address", "::x", "is not an IPv4 or IPv6 address"},
  }));
  const std::string error = ErrorOf({"run", "--sql-url", Url(), bad.flag + "=" + bad.value});
  CAPTURE(bad.flag, bad.value, error);
  CHECK(error.starts_with(bad.flag + ": "));
  CHECK(error.find(bad.reason) != std::string::npos);
}

TEST_CASE("Config: what networks and their guests are given", "[config]") {
  HostFacts host = Host();
  host.dns_server = "192.0.2.53";
  host.egress_nic = "eth1";
  const auto read = Read({"run", "--sql-url", Url()}, {}, "", host);
  REQUIRE(read);
  CHECK(ToString(read->config.floating_network) == "192.168.20.0/24");
  CHECK(read->config.node_egress_nic == "eth1");
  CHECK(read->config.dns_server == "192.0.2.53");
  CHECK(Read({"run", "--sql-url", Url(), "--dns-server", ""}, {}, "", host)->config.dns_server ==
        "");
  CHECK(Read({"run", "--sql-url", Url()})->config.dns_server == "");
  for (const char* block : {"10.0.0.1/24", "10.0.0.0/30", "front", ""}) {
    CAPTURE(block);
    CHECK(ErrorOf({"run", "--sql-url", Url(), "--floating-network", block})
              .starts_with("--floating-network: "));
  }
  CHECK(
      ErrorOf({"run", "--sql-url", Url(), "--dns-server", "front"}).starts_with("--dns-server: "));
}

TEST_CASE("Config: what is needed and cannot be found is asked for", "[config]") {
  CHECK(ErrorOf({"run"}).find("Give it as --sql-url, SHAKENFIST_SQL_URL or in the file") !=
        std::string::npos);
  HostFacts nowhere = Host();
  nowhere.address.clear();
  const auto read = Read({"run", "--sql-url", Url()}, {}, "", nowhere);
  REQUIRE_FALSE(read);
  CHECK(read.error().message.starts_with("NODE_IP is not set: this host has no default route"));
  nowhere = Host();
  nowhere.name = "not a name";
  CHECK(Read({"run", "--sql-url", Url()}, {}, "", nowhere)
            .error()
            .message.starts_with("NODE_NAME (default): "));
}

TEST_CASE("Config: options that contradict each other are an error", "[config]") {
  CHECK(ErrorOf({"run", "--sql-url", Url(), "--api-port", "30001"}) ==
        "API_PORT 30001 lies in CONSOLE_PORTS 30000-39999: move one of them");
  CHECK(ErrorOf({"run", "--sql-url", Url(), "--gossip-port", "30001"}) ==
        "GOSSIP_PORT 30001 lies in CONSOLE_PORTS 30000-39999: move one of them");
  CHECK(ErrorOf({"run", "--sql-url", Url(), "--api-tls-cert", "/c.pem"}) ==
        "API_TLS_CERT is set without API_TLS_KEY: HTTPS needs both, and plain HTTP neither");
  CHECK(ErrorOf({"run", "--sql-url", Url(), "--api-tls-key", "/k.pem"}) ==
        "API_TLS_KEY is set without API_TLS_CERT: HTTPS needs both, and plain HTTP neither");
  CHECK(Read({"run", "--sql-url", Url(), "--api-tls-ca", "/ca.pem"}));
  CHECK(ErrorOf({"run", "--sql-url", Url(), "--gossip-port", "13000"}) ==
        "API_PORT and GOSSIP_PORT are both 13000: move one of them");
  CHECK(ErrorOf({"run", "--zone", "a", "--zone", "b"}).starts_with("--zone: "));
}

TEST_CASE("Config: no error repeats a password", "[config]") {
  const auto check = [](const std::string& error) {
    CHECK(error != "no error");
    CHECK(error.find("SECRET") == std::string::npos);
  };
  const std::string broken = "mysql://sf:SECRET@h:x/sf";
  check(ErrorOf({"run", "--sql-url", broken}));
  check(ErrorOf({"run"}, {{"SHAKENFIST_SQL_URL", broken}}));
  check(ErrorOf({"run"}, {}, "SQL_URL=" + broken + "\n"));
  check(ErrorOf({"run"}, {}, "SQL_URL " + broken + "\n"));
  check(ErrorOf({"run"}, {}, broken + "?a=b\n"));
  check(ErrorOf({"run", kUrl}));
  check(ErrorOf({"run", std::string("--sqlurl=") + kUrl}));
  check(ErrorOf({"run", "--sqlurl", kUrl}));
  check(ErrorOf({"run", "--sql-url", Url(), kUrl}));
  check(ErrorOf({"run", "--sql-url", kUrl, "--sql-url", kUrl}));
  check(ErrorOf({kUrl}));
}

TEST_CASE("Config: the system key comes from the environment or a file, never from a flag",
          "[config]") {
  const File key("  k3y-from-file \n");
  const File empty("\n");
  const auto read = [](std::vector<std::string> more, const Environment& environment) {
    more.insert(more.begin(), {"bootstrap-system-key", "--sql-url", Url()});
    return Read(more, environment);
  };
  const auto made = read({}, {});
  REQUIRE(made);
  CHECK(made->command == Command::kBootstrapSystemKey);
  CHECK(made->key_name == "bootstrap");
  CHECK_FALSE(made->system_key);
  CHECK(read({"--key-name", "ci", "--key-file", key.path()}, {})->system_key == "k3y-from-file");
  CHECK(read({"--key-name", "ci"}, {})->key_name == "ci");
  const Environment environment = {{"SHAKENFIST_SYSTEM_KEY", "from-env"}};
  CHECK(read({}, environment)->system_key == "from-env");
  CHECK(read({"--key-file", key.path()}, environment).error().message ==
        "--key-file and SHAKENFIST_SYSTEM_KEY both give a key: keep one of them");
  CHECK_FALSE(read({"--key-file", empty.path()}, {}));
  CHECK_FALSE(read({"--key-file", "/nonexistent"}, {}));
  CHECK_FALSE(read({}, {{"SHAKENFIST_SYSTEM_KEY", " "}}));
}

TEST_CASE("HostFacts: this host has a name and at least one core", "[config]") {
  const HostFacts facts = ReadHostFacts();
  CHECK_FALSE(facts.name.empty());
  CHECK(facts.cores >= 1);
  CHECK(facts.nic_by_address.count("127.0.0.1") == 0);
}

}  // namespace sf
