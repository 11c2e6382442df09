// SPDX-License-Identifier: Apache-2.0
#include "tests/host/private_mariadb.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <fstream>
#include <functional>
#include <thread>
#include <vector>

namespace sf::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

const passwd& Mysql() {
  const passwd* user = getpwnam("mysql");
  if (user == nullptr) FAIL("MariaDB: there is no user mysql");
  return *user;
}

/// Starts a program as the user mysql. It dies with us, however we end.
pid_t Spawn(std::vector<std::string> words, const fs::path& log) {
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const passwd& user = Mysql();
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) FAIL("MariaDB: no process");
  if (pid > 0) return pid;
  const int out = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  const int none = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (dup2(none, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0) _exit(126);
  if (setgroups(0, nullptr) != 0 || setgid(user.pw_gid) != 0 || setuid(user.pw_uid) != 0)
    _exit(126);
  // After setuid, which forgets it.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(126);
  execv(argv[0], argv.data());
  _exit(127);
}

bool Within(std::chrono::milliseconds time, const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(10ms);
  }
  return true;
}

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int FreePort() {
  const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof address;
  const bool bound = bind(probe, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                     getsockname(probe, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  close(probe);
  if (!bound) FAIL("MariaDB: no free port");
  return ntohs(address.sin_port);
}

bool Answers(int port) {
  const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval patience{1, 0};
  setsockopt(probe, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  sockaddr_in address = Loopback(port);
  char greeting = 0;
  const bool answers = connect(probe, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
                       read(probe, &greeting, 1) == 1;
  close(probe);
  return answers;
}

}  // namespace

PrivateMariaDb::PrivateMariaDb() : port_(FreePort()) {
  std::string name = (fs::temp_directory_path() / "sf-mariadb-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) FAIL("MariaDB: no temporary directory");
  folder_ = name;
  if (chown(folder_.c_str(), Mysql().pw_uid, Mysql().pw_gid) != 0) FAIL("MariaDB: needs root");
  std::ofstream(folder_ / "init.sql")
      << "CREATE USER IF NOT EXISTS sf@'%' IDENTIFIED BY 'sfpass';\n"
         "GRANT ALL ON *.* TO sf@'%';\n";
  // Small logs, for these take most of the time.
  const pid_t installer = Spawn(
      {"/usr/bin/mariadb-install-db", "--no-defaults", "--datadir=" + (folder_ / "data").string(),
       "--tmpdir=" + folder_.string(), "--skip-test-db", "--auth-root-authentication-method=socket",
       "--innodb-log-file-size=8M"},
      folder_ / "log");
  int status = 0;
  if (waitpid(installer, &status, 0) != installer || status != 0) {
    FAIL("MariaDB: mariadb-install-db failed; see " << (folder_ / "log").string());
  }
  Start();
}

PrivateMariaDb::~PrivateMariaDb() {
  if (pid_ != 0) kill(pid_, SIGKILL), waitpid(pid_, nullptr, 0);
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

void PrivateMariaDb::Start() {
  if (pid_ != 0) return;
  const auto in = [this](const char* name) { return (folder_ / name).string(); };
  pid_ =
      Spawn({"/usr/sbin/mariadbd", "--no-defaults", "--datadir=" + in("data"),
             // Not one that servers in other pid namespaces have, too: names in it have pids.
             "--tmpdir=" + folder_.string(), "--socket=" + in("socket"), "--pid-file=" + in("pid"),
             "--init-file=" + in("init.sql"), "--bind-address=127.0.0.1",
             "--port=" + std::to_string(port_), "--skip-name-resolve", "--max-connections=200",
             "--performance-schema=OFF", "--innodb-log-file-size=8M",
             "--innodb-buffer-pool-size=64M", "--innodb-flush-log-at-trx-commit=2"},
            folder_ / "log");
  if (!Within(30s, [this] { return waitpid(pid_, nullptr, WNOHANG) != 0 || Answers(port_); })) {
    FAIL("MariaDB: does not answer; see " << in("log"));
  }
}

void PrivateMariaDb::Stop() { End(SIGTERM); }
void PrivateMariaDb::Kill() { End(SIGKILL); }
void PrivateMariaDb::Freeze() { kill(pid_, SIGSTOP); }
void PrivateMariaDb::Thaw() { kill(pid_, SIGCONT); }

void PrivateMariaDb::End(int signal) {
  if (pid_ == 0) return;
  kill(pid_, signal);
  if (!Within(30s, [this] { return waitpid(pid_, nullptr, WNOHANG) == pid_; }))
    FAIL("MariaDB: does not end");
  pid_ = 0;
}

store::DatabaseOptions PrivateMariaDb::FreshDatabase() {
  store::DatabaseOptions options{.hosts = {{"127.0.0.1", port_}},
                                 .user = "sf",
                                 .password = "sfpass",
                                 .database = "information_schema"};
  const std::string name = "sf_test_" + std::to_string(++databases_);
  store::Database server(options);
  const auto made = server.OnOneConnection<void>(
      [&](store::Session& session) { return session.ExecuteScript("CREATE DATABASE " + name); });
  if (!made) FAIL("MariaDB: " << made.error().message);
  options.database = name;
  return options;
}

PrivateMariaDb& SharedMariaDb() {
  static PrivateMariaDb server;
  server.Start();
  return server;
}

}  // namespace sf::test
