// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "node/base/http_client.h"
#include "node/base/result.h"

namespace sf::net {

/// A container as it should be: on the host's network, without any right but `capabilities`, its
/// own file system read-only.
struct ContainerSpec {
  std::string name;
  std::string image;
  std::vector<std::string> command = {};  ///< appended to the image's entrypoint
  std::vector<std::string> binds = {};    ///< "/on/the/host:/inside"
  std::vector<std::string> capabilities = {};
};

struct Container {
  std::string id;
  std::string name;
  bool running = false;
  int exit_code = 0;
};

/// Containers of this cluster, by the Engine API of the Docker on this host. Ours are known by a
/// label with the cluster's id: one of the same name without it is a stranger's, and is never
/// touched (kConflict).
///
/// All verbs may be repeated. Errors name the container and have Docker's own words. Thread: worker
/// (blocks; each call has a timeout); one at a time.
class Docker {
 public:
  Docker(std::string socket, std::string cluster_id)
      : socket_(std::move(socket)), cluster_id_(std::move(cluster_id)) {}

  /// Makes an image of `tar`, a root file system, unless `name` ("repository:tag") is one already:
  /// it is known again by a digest of it all, in a label. Whether it was made now.
  Result<bool> EnsureImage(const std::string& name, const std::string& tar,
                           const std::vector<std::string>& entrypoint);

  /// Whether it was there, and made by this cluster. kConflict if a container needs it.
  Result<bool> RemoveImage(const std::string& name);

  /// Runs it. One that runs as it should be is left alone; any other of ours is made anew.
  Result<Container> Ensure(const ContainerSpec& spec);
  Result<Container> Inspect(const std::string& name);  ///< kNotFound
  Result<std::vector<std::string>> List();             ///< the names of ours, also of ended ones
  Result<void> Kill(const std::string& name, const std::string& signal);
  Result<void> Remove(const std::string& name);
  /// Runs a program in it, with its rights, to its end; what that wrote, or why it failed:
  /// kNotReady when it ended with a status but 0, and with what it wrote to its standard error.
  Result<std::string> Run(const std::string& name, const std::vector<std::string>& command);
  /// The last `lines` of what it wrote.
  Result<std::string> Logs(const std::string& name, int lines);

 private:
  struct Found {
    Container container;
    std::string digest;  ///< of the request that it was made by
  };
  /// kConflict if it is not ours.
  Result<Found> Find(const std::string& name);
  Result<Container> Create(const ContainerSpec& spec, const std::string& body);
  Result<HttpResponse> Call(const std::string& what, HttpRequest request);

  std::string socket_;
  std::string cluster_id_;
  HttpClient http_;
};

}  // namespace sf::net
