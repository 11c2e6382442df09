// SPDX-License-Identifier: Apache-2.0
#include "node/clear_host.h"

#include <filesystem>

#include "compute/hypervisor.h"
#include "net/docker.h"
#include "net/guest_nics.h"
#include "net/vxlan_mesh.h"
#include "node/cluster_secrets.h"
#include "node/daemon_settings.h"
#include "node/reconcile/network_services.h"
#include "node/storage_lock.h"
#include "templates/render.h"

namespace sf {
namespace {

Result<void> CheckEmpty(const Config& config, const std::string& cluster_id) {
  const auto domains = TRY(compute::Hypervisor(config.libvirt_uri, cluster_id).List());
  if (domains.empty()) return {};
  return Fail(
      Code::kConflict,
      "{} instances are on this host, {} among them: delete them first (sf instance delete)",
      domains.size(), domains.begin()->first);
}

/// What serves networks would mend its links: it goes first.
Result<void> StopServices(const reconcile::ServicesSettings& settings, net::Docker& docker,
                          std::vector<std::string>& done) {
  for (const std::string& name : TRY(docker.List())) {
    TRY(docker.Remove(name));
    done.push_back("container " + name);
  }
  if (TRY(docker.RemoveImage(settings.image))) done.push_back("image " + settings.image);
  return {};
}

Result<void> LeaveMeshes(const Config& config, const std::string& cluster_id,
                         std::vector<std::string>& done) {
  const Templates templates = TRY(Templates::Load(config.template_path));
  net::GuestNics nics(cluster_id, templates);
  const auto present = TRY(nics.Read());
  TRY(nics.Keep({}, present));
  for (const auto& [name, link] : present.taps) done.push_back("NIC " + name);

  const net::VxlanMesh mesh(ToMeshSettings(config, cluster_id));
  const net::Kernel kernel = TRY(mesh.Read());
  const auto found = net::FindMeshes(mesh.settings(), kernel);
  const auto outcome = TRY(mesh.Keep({}, kernel));
  if (!outcome.errors.empty()) return tl::unexpected(outcome.errors.begin()->second);
  for (const auto& [vni, network] : found) {
    done.push_back(fmt::format("mesh {} of network {}", vni, network));
  }
  return {};
}

}  // namespace

Result<std::vector<std::string>> ClearHost(const Config& config) {
  std::vector<std::string> done;
  const auto secrets = RecallSecrets(config);
  // It was never a node.
  if (!secrets && secrets.error().code == Code::kNotFound) return done;
  if (!secrets) return tl::unexpected(secrets.error());
  const StorageLock lock = TRY(StorageLock::Take(config.storage_path));
  TRY(CheckEmpty(config, secrets->cluster_id));
  const auto settings = ToServicesSettings(config, *secrets);
  // A host whose Docker is gone has nothing that runs in it.
  if (std::filesystem::exists(settings.docker_socket)) {
    net::Docker docker(settings.docker_socket, secrets->cluster_id);
    TRY(StopServices(settings, docker, done));
  }
  TRY(reconcile::ClearEgress(settings));
  TRY(LeaveMeshes(config, secrets->cluster_id, done));
  return done;
}

}  // namespace sf
