// SPDX-License-Identifier: Apache-2.0
#include "net/docker.h"

#include <sodium.h>

#include <array>
#include <nlohmann/json.hpp>
#include <utility>

namespace sf::net {
namespace {

using nlohmann::json;

constexpr char kApi[] = "http://docker/v1.41";
constexpr char kClusterLabel[] = "shakenfist.cluster";
constexpr char kDigestLabel[] = "shakenfist.digest";
constexpr std::chrono::seconds kImportTimeout{120};
constexpr int kMaxPids = 4096;
constexpr std::size_t kMaxLog = 4 << 20;
constexpr std::size_t kFrameHeader = 8;  // Of output: its stream, three zeros, the length.
constexpr char kStandardError = 2;

std::string Digest(std::string_view text) {
  std::array<unsigned char, 16> hash = {};
  crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const unsigned char*>(text.data()),
                     text.size(), nullptr, 0);
  std::string hex;
  for (const unsigned char byte : hash) hex += fmt::format("{:02x}", byte);
  return hex;
}

/// As a part of a URL's query.
std::string Escaped(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    escaped += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return escaped;
}

std::string Url(const std::string& path) { return kApi + path; }

/// What Docker says of an error, or the beginning of whatever else it answered.
std::string Message(const HttpResponse& response) {
  const json body = json::parse(response.body, nullptr, false);
  if (body.is_object() && body.contains("message") && body["message"].is_string()) {
    return body["message"].get<std::string>();
  }
  return response.body.substr(0, 200);
}

Code ToCode(int status) {
  switch (status) {
    case 400: return Code::kInvalid;
    case 404: return Code::kNotFound;
    case 409: return Code::kConflict;
    default: return Code::kInternal;
  }
}

/// The member at `pointer` of an answer, if it is of the kind asked for.
template <class T>
T Get(const json& body, const char* pointer, T otherwise) {
  const json::json_pointer path(pointer);
  if (!body.contains(path)) return otherwise;
  const json& value = body[path];
  const bool fits = std::is_same_v<T, std::string> ? value.is_string()
                    : std::is_same_v<T, bool>      ? value.is_boolean()
                                                   : value.is_number_integer();
  return fits ? value.get<T>() : otherwise;
}

std::string Label(const json& body, const char* label) {
  const json labels =
      body.is_object() ? body.value(json::json_pointer("/Config/Labels"), json()) : json();
  if (!labels.is_object() || !labels.contains(label) || !labels[label].is_string()) return {};
  return labels[label].get<std::string>();
}

/// What programs in containers wrote, without the frames that tell the two streams apart.
struct Output {
  std::string all;
  std::string errors;
};

Output WithoutFrames(std::string_view framed) {
  Output output;
  while (framed.size() >= kFrameHeader) {
    std::size_t length = 0;
    for (const char byte : framed.substr(4, 4))
      length = length << 8 | static_cast<unsigned char>(byte);
    const bool is_error = framed.front() == kStandardError;
    framed.remove_prefix(kFrameHeader);
    output.all += framed.substr(0, length);
    if (is_error) output.errors += framed.substr(0, length);
    framed.remove_prefix(std::min(length, framed.size()));
  }
  return output;
}

json CreateBody(const ContainerSpec& spec) {
  return {{"Image", spec.image},
          {"Cmd", spec.command},
          {"HostConfig",
           {{"NetworkMode", "host"},
            {"Binds", spec.binds},
            {"CapDrop", {"ALL"}},
            {"CapAdd", spec.capabilities},
            {"ReadonlyRootfs", true},
            {"Tmpfs", {{"/run", ""}, {"/tmp", ""}}},
            {"RestartPolicy", {{"Name", "no"}}},
            {"PidsLimit", kMaxPids},
            {"LogConfig",
             {{"Type", "json-file"}, {"Config", {{"max-size", "1m"}, {"max-file", "2"}}}}}}}};
}

}  // namespace

Result<HttpResponse> Docker::Call(const std::string& what, HttpRequest request) {
  request.unix_socket = socket_;
  auto response = http_.Request(request);
  if (!response) {
    return Fail(response.error().code, "Docker: {}: {}", what, response.error().message);
  }
  if (response->head.status >= 400) {
    return Fail(ToCode(response->head.status), "Docker: {}: {}", what, Message(*response));
  }
  return response;
}

Result<bool> Docker::EnsureImage(const std::string& name, const std::string& tar,
                                 const std::vector<std::string>& entrypoint) {
  const std::string entry = fmt::format("ENTRYPOINT {}", json(entrypoint).dump());
  const std::string digest = Digest(entry + tar);
  const std::string what = fmt::format("image {}", name);
  const auto is = Call(what, {.url = Url(fmt::format("/images/{}/json", name))});
  if (!is && is.error().code != Code::kNotFound) return tl::unexpected(is.error());
  if (is && Label(json::parse(is->body, nullptr, false), kDigestLabel) == digest) return false;

  const auto colon = name.rfind(':');
  std::string url =
      Url(fmt::format("/images/create?fromSrc=-&repo={}&tag={}", Escaped(name.substr(0, colon)),
                      Escaped(colon == name.npos ? "latest" : name.substr(colon + 1))));
  for (const std::string& change : {entry, fmt::format("LABEL {}={}", kDigestLabel, digest),
                                    fmt::format("LABEL {}={}", kClusterLabel, cluster_id_)}) {
    url += "&changes=" + Escaped(change);
  }
  const auto made = TRY(Call(what, {.method = "POST",
                                    .url = std::move(url),
                                    .headers = {{"Content-Type", "application/x-tar"}},
                                    .body = tar,
                                    .timeout = kImportTimeout}));
  // A failure after the first byte is told in a body with a good status.
  if (made.body.find("\"errorDetail\"") != made.body.npos) {
    return Fail(Code::kInternal, "Docker: {}: {}", what, made.body.substr(0, 200));
  }
  return true;
}

Result<bool> Docker::RemoveImage(const std::string& name) {
  const std::string what = fmt::format("image {}", name);
  const auto is = Call(what, {.url = Url(fmt::format("/images/{}/json", name))});
  if (!is && is.error().code == Code::kNotFound) return false;
  if (!is) return tl::unexpected(is.error());
  if (Label(json::parse(is->body, nullptr, false), kClusterLabel) != cluster_id_) return false;
  TRY(Call(what, {.method = "DELETE", .url = Url(fmt::format("/images/{}", name))}));
  return true;
}

Result<Docker::Found> Docker::Find(const std::string& name) {
  const std::string what = fmt::format("container {}", name);
  const auto response = TRY(Call(what, {.url = Url(fmt::format("/containers/{}/json", name))}));
  const json body = json::parse(response.body, nullptr, false);
  if (Label(body, kClusterLabel) != cluster_id_) {
    return Fail(Code::kConflict, "Docker: the container {} is there and not ours", name);
  }
  return Found{.container = {.id = Get<std::string>(body, "/Id", ""),
                             .name = name,
                             .running = Get(body, "/State/Running", false),
                             .exit_code = Get(body, "/State/ExitCode", 0)},
               .digest = Label(body, kDigestLabel)};
}

Result<Container> Docker::Inspect(const std::string& name) { return TRY(Find(name)).container; }

Result<Container> Docker::Ensure(const ContainerSpec& spec) {
  json body = CreateBody(spec);
  // The image by its content: a new one under the old name is a change, too.
  const auto image = TRY(Call(fmt::format("container {}: its image {}", spec.name, spec.image),
                              {.url = Url(fmt::format("/images/{}/json", spec.image))}));
  const std::string image_id =
      Get<std::string>(json::parse(image.body, nullptr, false), "/Id", spec.image);
  body["Labels"] = {{kClusterLabel, cluster_id_}, {kDigestLabel, Digest(body.dump() + image_id)}};
  const auto found = Find(spec.name);
  if (found && found->container.running && found->digest == body["Labels"][kDigestLabel]) {
    return found->container;
  }
  if (!found && found.error().code != Code::kNotFound) return tl::unexpected(found.error());
  if (found) TRY(Remove(spec.name));
  return Create(spec, body.dump());
}

Result<Container> Docker::Create(const ContainerSpec& spec, const std::string& body) {
  const std::string what = fmt::format("container {}", spec.name);
  TRY(Call(what, {.method = "POST",
                  .url = Url(fmt::format("/containers/create?name={}", spec.name)),
                  .headers = {{"Content-Type", "application/json"}},
                  .body = body}));
  const auto started =
      Call(what, {.method = "POST", .url = Url(fmt::format("/containers/{}/start", spec.name))});
  if (!started) {
    (void)Remove(spec.name);  // What cannot start is not left behind; why it cannot is the error.
    return tl::unexpected(started.error());
  }
  return Inspect(spec.name);
}

Result<std::vector<std::string>> Docker::List() {
  const json filter = {{"label", {fmt::format("{}={}", kClusterLabel, cluster_id_)}}};
  const auto response = TRY(Call(
      "list of containers",
      {.url = Url(fmt::format("/containers/json?all=true&filters={}", Escaped(filter.dump())))}));
  const json body = json::parse(response.body, nullptr, false);
  std::vector<std::string> names;
  for (const json& each : body) {
    // Names come with a slash, that of the host's own level.
    const auto name = Get<std::string>(each, "/Names/0", "/");
    names.push_back(name.substr(1));
  }
  return names;
}

Result<void> Docker::Kill(const std::string& name, const std::string& signal) {
  const Found found = TRY(Find(name));
  TRY(Call(fmt::format("container {}: signal {}", name, signal),
           {.method = "POST",
            .url = Url(fmt::format("/containers/{}/kill?signal={}", found.container.id,
                                   Escaped(signal)))}));
  return {};
}

Result<void> Docker::Remove(const std::string& name) {
  const auto found = Find(name);
  if (!found && found.error().code == Code::kNotFound) return {};
  if (!found) return tl::unexpected(found.error());
  const auto removed =
      Call(fmt::format("container {}", name),
           {.method = "DELETE",
            .url = Url(fmt::format("/containers/{}?force=true&v=true", found->container.id))});
  if (!removed && removed.error().code != Code::kNotFound) return tl::unexpected(removed.error());
  return {};
}

Result<std::string> Docker::Run(const std::string& name, const std::vector<std::string>& command) {
  const Found found = TRY(Find(name));
  const std::string what = fmt::format("container {}: {}", name, command.front());
  const json body = {{"Cmd", command}, {"AttachStdout", true}, {"AttachStderr", true}};
  const HttpHeaders is_json = {{"Content-Type", "application/json"}};
  const auto made =
      TRY(Call(what, {.method = "POST",
                      .url = Url(fmt::format("/containers/{}/exec", found.container.id)),
                      .headers = is_json,
                      .body = body.dump()}));
  const std::string exec =
      "/exec/" + Get<std::string>(json::parse(made.body, nullptr, false), "/Id", "");
  const auto ran = TRY(Call(what, {.method = "POST",
                                   .url = Url(exec + "/start"),
                                   .headers = is_json,
                                   .body = R"({"Detach": false})",
                                   .max_body = kMaxLog}));
  const Output output = WithoutFrames(ran.body);
  const auto ended = TRY(Call(what, {.url = Url(exec + "/json")}));
  const int status = Get(json::parse(ended.body, nullptr, false), "/ExitCode", -1);
  if (status == 0) return output.all;
  return Fail(Code::kNotReady, "{}", output.errors.empty() ? what + " failed" : output.errors);
}

Result<std::string> Docker::Logs(const std::string& name, int lines) {
  const Found found = TRY(Find(name));
  const auto response =
      TRY(Call(fmt::format("container {}: its log", name),
               {.url = Url(fmt::format("/containers/{}/logs?stdout=true&stderr=true&tail={}",
                                       found.container.id, lines)),
                .max_body = kMaxLog}));
  return WithoutFrames(response.body).all;
}

}  // namespace sf::net
