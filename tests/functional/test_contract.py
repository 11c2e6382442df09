# SPDX-License-Identifier: Apache-2.0
"""What sf-client 0.7.5 sends and reads, command by command: each begins with GET, GET, POST /auth,
each request has a connection of its own, and bodies are JSON on every method. For the groups of
commands that exist now."""

import json
import time
import unittest

import disk_images
from case import NodeTest
from cluster import wait_for

NUMBER = (int, float)
TEXT_OR_NULL = (str, type(None))
INT_OR_NULL = (int, type(None))
AGENT = "Mozilla/5.0 (Ubuntu; Linux x86_64) Shaken Fist/0.7.5"
CAPABILITIES = ("agentoperations-crud", "instance-agentoperations",
                "instance-agentoperations-all", "instance-execute", "instance-get",
                "instance-put-blob", "artifact-metadata", "artifact-upload-types", "blob-metadata",
                "blob-search-by-hash", "events-by-type", "get-instance-namespace",
                "get-network-namespace", "hot-plug-interface", "instance-screenshot",
                "interface-metadata", "list-addresses", "node-get", "node-metadata",
                "node-process-metrics", "route-addresses", "spice-vdi-console",
                "vdi-console-helper")

INSTANCE = {
    "uuid": str, "name": str, "namespace": str, "cpus": int, "memory": int, "disk_spec": list,
    "disks": list, "interfaces": list, "ssh_key": TEXT_OR_NULL, "user_data": TEXT_OR_NULL,
    "video": dict, "uefi": bool, "secure_boot": bool, "nvram_template": TEXT_OR_NULL,
    "machine_type": str, "configdrive": str, "side_channels": list, "agent_state": str,
    "agent_start_time": (*NUMBER, type(None)),
    "agent_system_boot_time": (*NUMBER, type(None)),
    "node": TEXT_OR_NULL, "power_state": str, "state": str,
    "error_message": TEXT_OR_NULL, "console_port": INT_OR_NULL, "vdi_port": INT_OR_NULL,
    "vdi_tls_port": INT_OR_NULL, "metadata": dict, "version": int
}
ARTIFACT = {
    "uuid": str, "artifact_type": str, "source_url": str, "namespace": str, "state": str,
    "shared": bool, "max_versions": int, "index": int, "blob_uuid": TEXT_OR_NULL, "blobs": dict,
    "metadata": dict, "version": int
}
BLOB = {
    "uuid": str, "size": int, "reference_count": int, "depends_on": TEXT_OR_NULL, "instances": list
}
EVENT = {
    "timestamp": NUMBER, "type": str, "fqdn": str, "duration": (*NUMBER, type(None)),
    "message": str, "extra": dict
}
NODE = {
    "name": str, "ip": str, "fqdn": str, "state": str, "lastseen": NUMBER, "version": str,
    "release": str, "is_hypervisor": bool, "is_network_node": bool, "is_etcd_master": bool,
    "is_eventlog_node": bool, "is_cluster_maintainer": bool, "metadata": dict
}
NAMESPACE = {
    "name": str, "state": str, "keys": list, "trust": dict, "metadata": dict, "version": int
}


class Command:
    """One invocation of the client, up to its end."""

    def __init__(self, test, namespace, key):
        self.client = test.node.client(namespace, key)
        self.headers = {"User-Agent": AGENT, "Accept": "*/*"}
        first = self.client.bare("GET", "", headers={"Accept": "*/*"})
        test.assertEqual(200, self.client.bare("GET", "", headers=self.headers).status)
        self.page = first.text
        answer = self.client.bare("POST", "/auth", {"namespace": namespace, "key": key},
                                  self.headers)
        test.assertEqual(200, answer.status)
        self.headers["Authorization"] = f"Bearer {answer.json['access_token']}"

    def __call__(self, method, path, body=None):
        """The parsed answer; nothing but 200 with a body will do."""
        answer = self.client.bare(method, path, body or None, self.headers)
        if answer.status != 200 or not answer.data:
            raise AssertionError(f"{method} {path}: {answer!r}\n{self.client.explain()}")
        return answer.json

    def status(self, method, path, body=None):
        return self.client.bare(method, path, body, self.headers).status


class Contract(NodeTest):
    def command(self, admin=False):
        owner = self.admin if admin else self.client
        return Command(self, owner.namespace, owner.key)

    def check(self, shape, view):
        """`view` has all keys of `shape`, each of the right kind."""
        for key, kind in shape.items():
            self.assertIn(key, view)
            self.assertIsInstance(view[key], kind, key)
            if bool not in (kinds := kind if isinstance(kind, tuple) else (kind,)):
                self.assertNotIsInstance(view[key], bool, f"{key} is none of {kinds}")

    def check_instance(self, view):
        self.check(INSTANCE, view)
        self.check({"model": str, "memory": int, "vdi": str}, view["video"])
        for disk in view["disk_spec"]:
            self.assertEqual({"base", "bus", "size", "type"}, set(disk))
        for disk in view["disks"]:
            self.check({"device": str, "bus": str, "size": int, "blob_uuid": TEXT_OR_NULL,
                        "snapshot_ignores": bool}, disk)

    def create(self, command, name, **fields):
        """instance create: as the command line sends it, and then a look each second."""
        body = {
            "name": name, "cpus": 1, "memory": 128, "network": [],
            "disk": [{"size": 1, "base": self.empty, "bus": None, "type": "disk"}], "ssh_key": None,
            "user_data": None, "namespace": None, "video": {"model": "cirrus", "memory": "16384"},
            "configdrive": "openstack-disk", "metadata": {}, "side_channels": [], "uefi": False,
            "secure_boot": False, "nvram_template": None, **fields
        }
        view = command("POST", "/instances", body)
        self.assertIn(view["state"], ("initial", "creating", "created"))
        deadline = time.monotonic() + 60
        while view["state"] in ("initial", "creating"):
            self.assertLess(time.monotonic(), deadline, view)
            time.sleep(0.5)
            view = command("GET", f"/instances/{view['uuid']}")
            self.check_instance(view)
        self.assertEqual("created", view["state"])
        return view

    def delete(self, command, ref, uuid):
        """instance delete: the answer has a uuid, and stays readable by it until deleted."""
        self.assertEqual(uuid, command("DELETE", f"/instances/{ref}")["uuid"])
        wait_for(lambda: command("GET", f"/instances/{uuid}")["state"] == "deleted", 60,
                 "it is deleted")

    # ---- the commands ----------------------------------------------------------------------------

    def test_root_page_is_public_and_names_what_works_and_nothing_else(self):
        page = self.command().page
        for capability in CAPABILITIES:
            self.assertIn(capability, page)
        for missing in ("blob-data-limit", "provide-dns", "cluster-cacert"):
            self.assertNotIn(missing, page)
        self.assertEqual(200,
                         self.client.bare("GET", "/", headers={"Authorization": "Bearer x"}).status)

    def test_instance_create_list_show_delete(self):
        command = self.command()
        made = self.create(command, "contract-1", ssh_key="ssh-rsa A b\n", metadata={"owner": "me"})
        self.check_instance(made)
        self.assertEqual({"model": "cirrus", "memory": 16384, "vdi": "spice"}, made["video"])
        self.assertEqual([{"base": self.empty, "bus": None, "size": 1, "type": "disk"}],
                         made["disk_spec"])
        self.assertEqual(("ssh-rsa A b\n", []), (made["ssh_key"], made["side_channels"]))
        self.assertNotIn("requested_placement", made)

        listed = self.command()("GET", "/instances", {"all": False})
        self.assertIn(made["uuid"], [view["uuid"] for view in listed])
        for view in listed:
            self.check_instance(view)

        show = self.command()
        self.assertEqual(made["uuid"], show("GET", "/instances/contract-1")["uuid"])
        self.assertEqual({"owner": "me"}, show("GET", "/instances/contract-1/metadata"))
        self.assertEqual([], show("GET", "/instances/contract-1/interfaces"))
        self.assertEqual(made["uuid"], show("GET", "/instances/contract-1",
                                            {"namespace": self.client.namespace})["uuid"])

        delete = self.command()
        self.delete(delete, "contract-1", made["uuid"])
        self.assertEqual(404, delete.status("DELETE", f"/instances/{made['uuid']}"))
        self.assertEqual(404, delete.status("GET", "/instances/contract-1"))

    def test_library_defaults_are_null_and_side_channels_are_never(self):
        command = self.command()
        made = self.create(command,
                           "library",
                           side_channels=None,
                           video=None,
                           configdrive=None,
                           metadata=None,
                           network=None,
                           disk=[{"size": "1", "base": "none"}])
        self.assertEqual((["sf-agent"], "openstack-disk", {}),
                         (made["side_channels"], made["configdrive"], made["metadata"]))
        self.assertEqual([{"base": "none", "bus": None, "size": 1, "type": None}],
                         made["disk_spec"])
        self.assertEqual({"model": "cirrus", "memory": 16384, "vdi": "spice"}, made["video"])
        self.assertTrue(made["agent_state"])

    def test_the_go_client_sends_empty_strings_for_nothing(self):
        command = self.command()
        made = self.create(command, "go", ssh_key="", user_data="", side_channels=[],
                           disk=[{"size": 1, "base": "", "bus": "", "type": ""}],
                           video={"model": "cirrus", "memory": 16384, "vdi": ""})
        self.assertEqual("vda", made["disks"][0]["device"])
        self.assertEqual("spice", made["video"]["vdi"])

    def test_instance_create_placed_on_a_node(self):
        made = self.create(self.command(), "placed", placed_on="h1")
        self.assertEqual(("h1", "h1"), (made["requested_placement"], made["node"]))

    def test_instance_delete_all(self):
        other = self.new_namespace()
        command = Command(self, other.namespace, other.key)
        uuids = {self.create(command, f"all-{i}")["uuid"] for i in range(2)}
        delete = Command(self, other.namespace, other.key)
        answered = delete("DELETE", "/instances", {"confirm": True, "namespace": other.namespace})
        self.assertEqual(uuids, set(answered))
        for uuid in answered:
            wait_for(lambda: delete("GET", f"/instances/{uuid}")["state"] == "deleted", 60,
                     "it is deleted")

    def test_instance_power_and_console_and_events_and_metadata_commands(self):
        uuid = self.create(self.command(), "tools")["uuid"]
        for call in ("pause", "unpause", "poweroff", "poweron", "reboothard", "rebootsoft"):
            self.assertIsNone(self.command()("POST", f"/instances/{uuid}/{call}"))
        command = self.command()
        console = command.client.bare("GET", f"/instances/{uuid}/consoledata", {"length": 100},
                                      command.headers)
        self.assertEqual((200, "utf-8"), (console.status, console.headers.get_content_charset()))
        self.assertEqual(200, command.status("DELETE", f"/instances/{uuid}/consoledata"))

        events = self.command()("GET", f"/instances/{uuid}/events",
                                {"event_type": "audit", "limit": "5"})
        self.assertTrue(0 < len(events) <= 5)
        for event in events:
            self.check(EVENT, event)
            self.assertEqual("audit", event["type"])
        self.assertGreater(len(self.command()("GET", f"/instances/{uuid}/events")), 0)

        self.assertIsNone(self.command()("PUT", f"/instances/{uuid}/metadata/k", {"value": "v"}))
        self.assertEqual({"k": "v"}, self.command()("GET", f"/instances/{uuid}/metadata"))
        self.assertIsNone(self.command()("DELETE", f"/instances/{uuid}/metadata/k"))

    def test_artifact_cache_list_show_delete(self):
        url = self.offer("contract", disk_images.raw(b"contract"))
        cached = self.command()("POST", "/artifacts",
                                {"url": url, "shared": False, "namespace": None})
        self.check(ARTIFACT, cached)
        self.assertEqual((0, {}, None), (cached["index"], cached["blobs"], cached["blob_uuid"]))
        self.client.wait(cached["uuid"], "created", kind="artifacts")
        listed = self.command()("GET", "/artifacts", {"node": None})
        for artifact in listed:
            self.check(ARTIFACT, artifact)
            for number, blob in artifact["blobs"].items():
                self.assertGreater(int(number), 0)
                self.check(BLOB, blob)
        shown = self.command()("GET", f"/artifacts/{cached['uuid']}")
        self.assertEqual("image", shown["artifact_type"])
        self.assertEqual(shown["blob_uuid"], shown["blobs"][str(shown["index"])]["uuid"])
        for event in self.command()("GET", f"/artifacts/{cached['uuid']}/events"):
            self.check(EVENT, event)
        self.assertEqual(cached["uuid"],
                         self.command()("DELETE", f"/artifacts/{cached['uuid']}")["uuid"])

    def test_namespace_commands(self):
        name = f"{self.client.namespace}-cli"
        create = self.command(admin=True)
        self.check(NAMESPACE, create("POST", "/auth/namespaces", {"namespace": name}))
        keys = f"/auth/namespaces/{name}/keys"
        self.assertEqual("deploy",
                         self.command(admin=True)("POST", keys, {"key_name": "deploy", "key": "x"}))
        self.assertEqual("deploy",
                         self.command(admin=True)("PUT", keys, {"key_name": "deploy", "key": "y"}))
        self.assertEqual(["deploy"], self.command(admin=True)("GET", keys))
        for view in self.command(admin=True)("GET", "/auth/namespaces"):
            self.check(NAMESPACE, view)
            self.assertEqual(["system"], view["trust"]["full"])
        command = self.command(admin=True)
        self.assertIsNone(
            command("PUT", f"/auth/namespaces/{name}/metadata/owner", {"value": "ops"}))
        self.assertEqual({"owner": "ops"}, command("GET", f"/auth/namespaces/{name}/metadata"))
        self.assertIsNone(command("DELETE", f"/auth/namespaces/{name}/metadata/owner"))
        self.assertEqual(200, command.status("DELETE", f"{keys}/deploy"))
        self.assertEqual(404, command.status("DELETE", f"{keys}/deploy"))
        self.assertEqual(200, command.status("DELETE", f"/auth/namespaces/{name}"))
        # What an ansible task reads: deleted for some seconds, then nothing.
        self.assertEqual("deleted", command("GET", f"/auth/namespaces/{name}")["state"])
        self.assertEqual(404, command.status("GET", "/auth/namespaces/never-was"))

    def test_node_list_and_show(self):
        listed = self.command(admin=True)("GET", "/nodes")
        for node in [*listed, self.command(admin=True)("GET", "/nodes/h1")]:
            self.check(NODE, node)
            self.assertLess(abs(node["lastseen"] - time.time()), 60)
        self.assertIsInstance(self.command(admin=True)("GET", "/nodes/h1/events"), list)
        self.assertEqual(404, self.command(admin=True).status("GET", "/nodes/nobody"))

    def test_settings_without_a_namespace_and_a_key_are_400(self):
        answer = self.client.bare("POST", "/auth", {"namespace": None, "key": None})
        self.assertEqual(400, answer.status)
        self.assertTrue(answer.error)

    def test_a_base_with_a_trailing_slash_makes_double_slashes(self):
        command = self.command()
        command("GET", "//instances")

    def test_unknown_keys_are_ignored(self):
        self.create(self.command(), "future", something_new={"a": [1]}, provide_dns=True)

    def test_every_answer_has_a_request_id(self):
        for path in ("/", "/instances", "/nothing"):
            self.assertTrue(self.client.request("GET", path).headers["X-Request-ID"])

    def test_pretty_printed_bodies_on_every_method_are_read(self):
        body = json.dumps({"all": True, "namespace": self.client.namespace},
                          indent=4,
                          sort_keys=True)
        self.assertEqual(200, self.client.request("GET", "/instances", body.encode()).status)


if __name__ == "__main__":
    unittest.main()
