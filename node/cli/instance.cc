// SPDX-License-Identifier: Apache-2.0
#include "node/cli/agent.h"
#include "node/cli/api_client.h"
#include "node/cli/instance_request.h"
#include "node/cli/verb.h"
#include "node/cli/viewer.h"

namespace sf::cli {
namespace {

using nlohmann::json;

const Parameter kInstance = {"instance", "its name or UUID"};

View InstanceTable() {
  return Table({{"UUID", "/uuid"},
                {"NAME", "/name"},
                {"NAMESPACE", "/namespace"},
                {"CPUS", "/cpus"},
                {"MEMORY", "/memory"},
                {"NODE", "/node"},
                {"POWER", "/power_state"},
                {"STATE", "/state"},
                {"ADDRESSES", "/interfaces", Format::kAddresses}});
}

std::vector<Column> InterfaceColumns() {
  return {{"UUID", "/uuid"},         {"NETWORK", "/network_uuid"}, {"ADDRESS", "/ipv4"},
          {"FLOATING", "/floating"}, {"MAC", "/macaddr"},          {"MODEL", "/model"},
          {"STATE", "/state"}};
}

View InstanceRecord() {
  return Record({{"UUID", "/uuid"},
                 {"Name", "/name"},
                 {"Namespace", "/namespace"},
                 {"CPUs", "/cpus"},
                 {"Memory (MB)", "/memory"},
                 {"Node", "/node"},
                 {"State", "/state"},
                 {"Power", "/power_state"},
                 {"Error", "/error_message"},
                 {"Agent", "/agent_state"},
                 {"Console port", "/console_port"},
                 {"VDI port", "/vdi_port"},
                 {"UEFI", "/uefi"},
                 {"Secure boot", "/secure_boot"},
                 {"Video", "/video/model"},
                 {"Side channels", "/side_channels"},
                 {"SSH key", "/ssh_key"},
                 {"User data", "/user_data"},
                 {"Metadata", "/metadata"}},
                {{"Disks",
                  "/disk_spec",
                  {{"SIZE", "/size"}, {"BUS", "/bus"}, {"TYPE", "/type"}, {"BASE", "/base"}}},
                 {"Interfaces", "/interfaces", InterfaceColumns()}});
}

Verb Power(std::string_view name, std::string_view path, std::string_view help,
           std::string_view example) {
  return MakeVerb(name, "POST", path, help, example, Nothing(), {kInstance});
}

Verb AddInterfaceVerb() {
  Verb verb = MakeVerb("add-interface", "POST", "/instances/{instance}/interfaces",
                       "Plug another NIC into it, which it sees at once.",
                       "add-interface web1 -n back@10.1.0.20",
                       Record({{"UUID", "/uuid"},
                               {"Network", "/network_uuid"},
                               {"Address", "/ipv4"},
                               {"Floating", "/floating"},
                               {"MAC", "/macaddr"},
                               {"State", "/state"}}),
                       {kInstance}, &InterfaceRequest);
  for (const Parameter& parameter : InterfaceParameters()) verb.parameters.push_back(parameter);
  return verb;
}

std::vector<Verb> PowerVerbs() {
  Verb reboot =
      Power("reboot", "/instances/{instance}/reboot{soft|hard}",
            "Reboot it: ask its system to, or with --hard do not ask.", "reboot web1 --hard");
  reboot.parameters.push_back({"--hard", "as by the reset button", {}, Type::kSwitch});
  reboot.parameters.push_back({"--soft", "ask its system (the default)", {}, Type::kSwitch});
  return {reboot,
          Power("poweron", "/instances/{instance}/poweron", "Switch it on.", "poweron web1"),
          Power("poweroff", "/instances/{instance}/poweroff", "Switch it off, without asking it.",
                "poweroff web1"),
          Power("pause", "/instances/{instance}/pause", "Stop its processors.", "pause web1"),
          Power("unpause", "/instances/{instance}/unpause", "Let them go on.", "unpause web1")};
}

View SnapshotTable() {
  return Table({{"DEVICE", "/device"},
                {"STATE", "/state"},
                {"CREATED", "/created", Format::kTime},
                {"BLOB", "/blob_uuid"},
                {"ARTIFACT", "/uuid"},
                {"ERROR", "/error_message"}});
}

Result<void> CheckLabel(ApiClient& client, const Arguments& given, json& /*body*/) {
  if (!Has(given, "label") && Has(given, "delete-snapshot-after-label")) {
    return Fail(Code::kInvalid, "--delete-snapshot-after-label needs a --label");
  }
  if (!Has(given, "label") || client.patience().count() > 0) return {};
  return Fail(Code::kInvalid, "a label can be given when the snapshot is there: wait for it");
}

/// `answer` names the snapshots, by device. Several have one name to share: the first has it.
Result<void> LabelSnapshot(ApiClient& client, const Arguments& given, const std::string& answer) {
  if (!Has(given, "label")) return {};
  const json snapshots = json::parse(answer, nullptr, false);
  if (!snapshots.is_object() || snapshots.empty()) return {};
  const json& first = snapshots.front();
  TRY(client.Call("POST", PathOf({"POST", "/label/{label}"}, given),
                  {{"blob_uuid", TextAt(first, "blob_uuid")}}));
  if (!Has(given, "delete-snapshot-after-label")) return {};
  TRY(client.Call("DELETE", PathOf({"DELETE", "/artifacts/{artifact}"},
                                   {{"artifact", {TextAt(first, "artifact_uuid")}}})));
  return {};
}

Verb SnapshotVerb() {
  constexpr std::string_view kPath = "/instances/{instance}/snapshot";
  Verb take = MakeVerb(
      "snapshot", "POST", kPath,
      "Copy its first disk, as it is now, wait until that is done, and list its "
      "snapshots.",
      "snapshot web1 --all", SnapshotTable(),
      {kInstance,
       {"-a,--all", "all its disks", "all", Type::kSwitch},
       {"-d,--device", "this disk: vda, vdc, ...", "device"},
       {"-l,--label", "give the copy (of the first disk) this name"},
       {"--delete-snapshot-after-label", "and keep it by that name only", {}, Type::kSwitch},
       {"--thin", "understood, and makes no difference here", "thin", Type::kSwitch}});
  take.calls.front().until = Until::kSnapshots;
  take.calls.push_back({"GET", kPath});
  take.prepare = &CheckLabel;
  take.follow = &LabelSnapshot;
  return take;
}

std::vector<Verb> CopyVerbs() {
  constexpr std::string_view kPath = "/instances/{instance}/snapshot";
  Verb screenshot =
      MakeVerb("screenshot", "GET", "/instances/{instance}/screenshot",
               "Print its screen, as a PNG.", "screenshot web1 > web1.png", RawText(), {kInstance});
  screenshot.calls.push_back({"GET", "/blobs/{answer}/data"});
  Verb viewer = MakeVerb("vdiconsole", "GET", "/instances/{instance}/vdiconsolehelper",
                         "Show its screen: starts remote-viewer, and waits until it is closed.",
                         "vdiconsole web1", Nothing(), {kInstance});
  viewer.prepare = &FindViewer;
  viewer.follow = &OpenViewer;
  return {
      SnapshotVerb(), viewer,
      MakeVerb("snapshots", "GET", kPath, "List its snapshots, the oldest first.", "snapshots web1",
               SnapshotTable(), {kInstance}),
      screenshot,
      MakeVerb("vdiconsolefile", "GET", "/instances/{instance}/vdiconsolehelper",
               "Print a file for remote-viewer, which lets it in to the screen for a few minutes.",
               "vdiconsolefile web1 > web1.vv", RawText(), {kInstance})};
}

}  // namespace

Noun InstanceNoun() {
  Noun noun{
      "instance",
      "Virtual machines",
      "/instances",
      {MakeVerb("list", "GET", "/instances", "List instances.", "list", InstanceTable(),
                {{"-a,--all", "those that were deleted, too", "all", Type::kSwitch}}),
       MakeVerb("show", "GET", "/instances/{instance}", "Show an instance.", "show web1",
                InstanceRecord(), {kInstance}),
       Waiting(
           Until::kCreated,
           MakeVerb("create", "POST", "/instances", "Create an instance, and wait until it runs.",
                    "create web1 1 1024 -d 8@http://example.com/debian.qcow2 -n front@10.0.0.20",
                    InstanceRecord(), InstanceParameters(), &InstanceRequest)),
       Waiting(Until::kCreated,
               MakeVerb("await", "GET", "/instances/{instance}",
                        "Wait until it runs; fails at once if it never will.",
                        "--async block await web1", InstanceRecord(), {kInstance})),
       Waiting(Until::kDeleted, MakeVerb("delete", "DELETE", "/instances/{instance}",
                                         "Delete an instance, and wait until it is gone.",
                                         "delete web1", Nothing(), {kInstance, NamespaceFlag()})),
       Waiting(Until::kDeleted,
               MakeVerb("delete-all", "DELETE", "/instances",
                        "Delete all instances of the namespace, and wait until they are gone.",
                        "delete-all --confirm", Lines(), {ConfirmFlag(), NamespaceFlag()})),
       MakeVerb("interfaces", "GET", "/instances/{instance}/interfaces", "List its NICs.",
                "interfaces web1", Table(InterfaceColumns()), {kInstance}),
       AddInterfaceVerb(),
       MakeVerb(
           "consoledata", "GET", "/instances/{instance}/consoledata",
           "Print the end of what it wrote to its serial console.", "consoledata web1 -- -1",
           RawText(),
           {kInstance, {"[length]", "so many bytes (10240); -1: all", "length", Type::kNumber}}),
       MakeVerb("consoledelete", "DELETE", "/instances/{instance}/consoledata",
                "Forget what it wrote there.", "consoledelete web1", Nothing(), {kInstance}),
       EventsVerb("instance", "/instances/{instance}/events", "events web1 -l 5"),
       SetMetadataVerb("instance", "/instances/{instance}/metadata/{key}",
                       R"(set-metadata web1 tags '["web"]')"),
       DeleteMetadataVerb("instance", "/instances/{instance}/metadata/{key}",
                          "delete-metadata web1 tags")}};
  for (const Verb& verb : PowerVerbs()) noun.verbs.push_back(verb);
  for (const Verb& verb : CopyVerbs()) noun.verbs.push_back(verb);
  for (const Verb& verb : AgentVerbs()) noun.verbs.push_back(verb);
  return noun;
}

}  // namespace sf::cli
