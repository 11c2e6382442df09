// SPDX-License-Identifier: Apache-2.0
// An agent for test guests: the other side of reconcile/agents, and written without it, from how
// the protocol is described. agent DEVICE: talks on a virtio-serial port until it is ended. The
// system has come up once /run/booted exists.
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

using nlohmann::json;

namespace {

constexpr char kMarker[] = "*SFv001*";
constexpr std::size_t kMarkerBytes = sizeof(kMarker) - 1;
constexpr std::size_t kHeadBytes = kMarkerBytes + 10;
constexpr std::size_t kChunkBytes = 3 * 1024;
constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int device = -1;
std::map<std::string, std::ofstream> incoming;  // files that are being put

std::string Encode(const std::string& bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    unsigned group = 0;
    for (std::size_t j = i; j < i + 3; ++j) {
      group = group << 8 | (j < bytes.size() ? static_cast<unsigned char>(bytes[j]) : 0U);
    }
    for (int shift = 18; shift >= 0; shift -= 6) text += kDigits[group >> shift & 63];
    if (bytes.size() - i < 3) text.replace(text.size() - (3 - (bytes.size() - i)), 2, "==");
  }
  return text.substr(0, (bytes.size() + 2) / 3 * 4);
}

std::string Decode(const std::string& text) {
  std::string bytes;
  unsigned group = 0;
  int bits = 0;
  for (const char c : text) {
    if (c == '=') break;
    group = group << 6 | static_cast<unsigned>(std::string(kDigits).find(c));
    bits += 6;
    if (bits >= 8) bytes += static_cast<char>(group >> (bits -= 8) & 255);
  }
  return bytes;
}

std::string Read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void Send(const json& packet) {
  const std::string body = packet.dump(-1, ' ', false, json::error_handler_t::replace);
  char head[kHeadBytes + 1];
  std::snprintf(head, sizeof(head), "%s[%08zu]", kMarker, body.size());
  const std::string bytes = head + body;
  for (std::size_t sent = 0; sent < bytes.size();) {
    const ssize_t count = write(device, bytes.data() + sent, bytes.size() - sent);
    if (count > 0) sent += static_cast<std::size_t>(count);
    if (count <= 0) usleep(100'000);  // Nobody listens at the moment.
  }
}

double BootTime() {
  double up = 0;
  std::ifstream("/proc/uptime") >> up;
  return static_cast<double>(time(nullptr)) - up;
}

void Execute(const json& packet, json& answer) {
  const std::string line = packet.at("command-line");
  const pid_t child = fork();
  if (child == 0) {
    for (const auto& [descriptor, path] : {std::pair{1, "/run/out"}, {2, "/run/err"}}) {
      dup2(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600), descriptor);
    }
    execl("/bin/sh", "sh", "-c", line.c_str(), nullptr);
    _exit(127);
  }
  int status = 0;
  waitpid(child, &status, 0);
  answer["command-line"] = line;
  answer["result"] = status == 0;
  answer["return-code"] = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  answer["stdout"] = Read("/run/out");
  answer["stderr"] = Read("/run/err");
  Send(answer);
}

void PutFile(const json& packet, const json& answer) {
  const std::string path = packet.at("path");
  if (packet.contains("stat_result")) {
    incoming[path].open(path, std::ios::binary | std::ios::trunc);
    if (!incoming[path]) throw std::runtime_error("cannot write " + path);
    return;
  }
  std::ofstream& file = incoming.at(path);
  if (!packet.at("chunk").is_null()) {
    file << Decode(packet.at("chunk"));
    return;
  }
  incoming.erase(path);
  Send(answer);
}

void GetFile(const json& packet, json answer) {
  const std::string path = packet.at("path");
  struct stat status;
  answer["path"] = path;
  answer["result"] = stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
  if (answer["result"] == false) {
    answer["message"] = "path is not a file";
    return Send(answer);
  }
  json head = answer;
  head["stat_result"] = {{"mode", status.st_mode}, {"size", status.st_size}};
  Send(head);
  std::ifstream file(path, std::ios::binary);
  std::string bytes(kChunkBytes, '\0');
  answer["encoding"] = "base64";
  answer["offset"] = 0;
  while (file.read(bytes.data(), kChunkBytes) || file.gcount() > 0) {
    const auto count = static_cast<std::size_t>(file.gcount());
    answer["chunk"] = Encode(bytes.substr(0, count));
    Send(answer);
    answer["offset"] = answer["offset"].get<std::size_t>() + count;
  }
  answer["chunk"] = nullptr;
  Send(answer);
}

void Chmod(const json& packet, const json& answer) {
  const std::string path = packet.at("path");
  const json& mode = packet.at("mode");
  if (mode.is_number()) {
    chmod(path.c_str(), mode.get<mode_t>() & 07777);
  } else if (std::system(("chmod " + mode.get<std::string>() + " '" + path + "'").c_str()) != 0) {
    throw std::runtime_error("no such mode");
  }
  Send(answer);
}

void Obey(const json& packet) {
  const std::string command = packet.at("command");
  json answer = {{"command", command + "-response"}, {"unique", packet.value("unique", "")}};
  if (packet.contains("path")) answer["path"] = packet["path"];
  if (command == "ping") {
    Send({{"command", "pong"}, {"unique", packet.at("unique")}});
  } else if (command == "is-system-running") {
    const bool booted = access("/run/booted", F_OK) == 0;
    answer["result"] = booted;
    answer["message"] = booted ? "running" : "starting";
    answer["system_boot_time"] = BootTime();
    Send(answer);
  } else if (command == "execute") {
    Execute(packet, answer);
  } else if (command == "put-file") {
    PutFile(packet, answer);
  } else if (command == "get-file") {
    GetFile(packet, answer);
  } else if (command == "chmod") {
    Chmod(packet, answer);
  } else if (command != "pong") {
    Send({{"command", "unknown-command"}, {"message", command + " is unknown"}});
  }
}

/// Obeys the packets at the front of `buffer`, and takes them away.
void Take(std::string& buffer) {
  for (;;) {
    const std::size_t at = buffer.find(kMarker);
    if (at == std::string::npos || buffer.size() < at + kHeadBytes) return;
    const std::size_t length = std::stoul(buffer.substr(at + kMarkerBytes + 1, 8));
    if (buffer.size() < at + kHeadBytes + length) return;
    const std::string body = buffer.substr(at + kHeadBytes, length);
    buffer.erase(0, at + kHeadBytes + length);
    try {
      Obey(json::parse(body));
    } catch (const std::exception& e) {
      Send({{"command", "command-error"}, {"message", e.what()}});
    }
  }
}

}  // namespace

int main(int, char** arguments) {
  device = open(arguments[1], O_RDWR);
  if (device < 0) return 1;
  Send({{"command", "agent-start"},
        {"message", "version 0.3.16"},
        {"system_boot_time", BootTime()},
        {"unique", "start"}});
  std::string buffer;
  char piece[4096];
  for (;;) {
    const ssize_t count = read(device, piece, sizeof(piece));
    if (count <= 0) usleep(200'000);  // The node is not there at the moment.
    if (count > 0) buffer.append(piece, static_cast<std::size_t>(count));
    Take(buffer);
  }
}
