# SPDX-License-Identifier: Apache-2.0
"""The commands of sf-client 0.7.5, one by one: which calls each makes, in which order, and what it then
formats of the answers, as that ends it with a traceback if a key is missing or of another type."""

import time
import unittest

import disk_images
from case import NodeTest
from cluster import wait_for
from image_server import Slow
from openapi import Description
from sf_client import Command, Refused, instance, network
from sf_client_lines import (print_event, print_instance, print_instance_row, print_interface,
                             print_namespace, print_network, print_node, print_node_row,
                             print_snapshot)
from shapes import ARTIFACT, INSTANCE, NAMESPACE, check, check_artifact

# What the client looks for in the page, and the route that then has to be there.
CAPABILITIES = {
    "agentoperations-crud": "GET /agentoperations/{uuid}",
    "artifact-metadata": "GET /artifacts/{ref}/metadata",
    "artifact-upload-types": "POST /artifacts/upload/{name}",
    "blob-metadata": "GET /blobs/{uuid}/metadata",
    "blob-search-by-hash": "GET /blob_checksums/sha512/{digest}",
    "events-by-type": "GET /instances/{ref}/events",
    "get-instance-namespace": "GET /instances/{ref}",
    "get-network-namespace": "GET /networks/{ref}",
    "hot-plug-interface": "POST /instances/{ref}/interfaces",
    "instance-agentoperations": "GET /instances/{ref}/agentoperations",
    "instance-execute": "POST /instances/{ref}/agent/execute",
    "instance-get": "POST /instances/{ref}/agent/get",
    "instance-put-blob": "POST /instances/{ref}/agent/put",
    "instance-screenshot": "GET /instances/{ref}/screenshot",
    "interface-metadata": "GET /interfaces/{uuid}/metadata",
    "list-addresses": "GET /networks/{ref}/addresses",
    "node-get": "GET /nodes/{name}",
    "node-metadata": "GET /nodes/{name}/metadata",
    "node-process-metrics": "GET /nodes/{name}/processmetrics",
    "route-addresses": "POST /networks/{ref}/route",
    "vdi-console-helper": "GET /instances/{ref}/vdiconsolehelper"
}


class CommandTest(NodeTest):
    def command(self, admin=False, **options):
        return Command(self.admin if admin else self.client, **options)

    def made(self, name, **fields):
        return self.command().create_instance(instance(name, self.empty, **fields))


class Session(CommandTest):
    """What is before and around all commands."""

    def test_the_page_is_public_and_names_what_works_and_nothing_else(self):
        page = self.command().page
        routes = {f"{route.method} {route.path}" for route in
                  Description(self.admin.call("GET", "/openapi.json")).routes}
        for capability, route in CAPABILITIES.items():
            with self.subTest(capability):
                self.assertEqual(route in routes, capability in page)
        # With this one the client would read a large blob again and again, for ever.
        self.assertNotIn("blob-data-limit", page)
        self.assertEqual(200,
                         self.client.bare("GET", "/", headers={"Authorization": "Bearer x"}).status)

    def test_a_base_with_a_trailing_slash_makes_double_slashes(self):
        self.command()("GET", "//instances")

    def test_settings_without_a_namespace_and_a_key_are_400(self):
        answer = self.client.bare("POST", "/auth", {"namespace": None, "key": None})
        self.assertEqual(400, answer.status)
        self.assertTrue(answer.error)

    def test_a_token_that_is_refused_is_renewed_once(self):
        command = self.command()
        command.headers["Authorization"] = "Bearer of-yesterday"
        command("GET", "/instances")
        self.assertEqual([401, 200, 200], command.statuses[-3:])
        # That only administrators may is said by 401, too: once more, and then the end.
        self.assertEqual(401, command.status("GET", "/nodes"))
        self.assertEqual([401, 200, 401], command.statuses[-3:])

    def test_no_answer_to_a_bad_token_is_a_redirect(self):
        for accept in ("*/*", "text/html", ""):
            answer = self.client.bare("GET", "/instances", headers={
                "Accept": accept, "Authorization": "Bearer x"})
            self.assertEqual((401, "application/json"),
                             (answer.status, answer.headers.get_content_type()))
            self.assertTrue(answer.error)

    def test_what_is_too_early_is_asked_for_again_and_nothing_was_done(self):
        slow = self.client.create("slow", self.offer("slow", Slow(
            disk_images.qcow2(), seconds=3)))
        command = self.command()
        self.assertIsNone(command("POST", "/instances/slow/pause"))
        self.assertEqual({406}, set(command.statuses[3:-1]))
        self.assertEqual("paused", self.client.show(slow["uuid"])["power_state"])
        self.client.delete(slow["uuid"])

    def test_without_patience_a_406_is_the_end(self):
        self.client.create("never", "http://127.0.0.1:9/never")
        with self.assertRaises(Refused) as refused:
            self.command(patience=0)("POST", "/instances/never/pause")
        self.assertEqual(406, refused.exception.status)

    def test_unknown_keys_are_ignored(self):
        self.made("future", something_new={"a": [1]}, provide_dns=True)

    def test_every_answer_has_a_request_id(self):
        for path in ("/", "/instances", "/nothing"):
            self.assertTrue(self.client.request("GET", path).headers["X-Request-ID"])

    def test_a_request_id_of_ones_own_is_in_the_events_of_all_that_came_of_it(self):
        def ask(method, path, body, name):
            answer = self.client.request(method, path, body, {"X-Request-ID": name})
            self.assertEqual(200, answer.status, answer)
            self.assertEqual(name, answer.headers["X-Request-ID"])
            return answer.json

        uuid = ask("POST", "/instances", {"name": "traced", "cpus": 1, "memory": 64, "disk": [
            {"base": self.empty}]}, "make.it-1")["uuid"]
        self.client.wait(uuid, "created")
        ask("POST", f"/instances/{uuid}/poweroff", None, "off_2")
        ask("DELETE", f"/instances/{uuid}", None, "end-3")
        self.client.wait(uuid, "deleted")
        named = [(event["message"].split(":")[0], event["extra"].get("request_id"))
                 for event in reversed(self.client.events(uuid))]
        self.assertEqual([(f"instance placed on {self.node.name}", "make.it-1"),
                          ("instance created", "make.it-1"), ("poweroff", "off_2"),
                          ("instance deletion requested", "end-3"), ("instance deleted", "end-3")], named)

    def test_a_request_id_that_is_no_sane_token_is_replaced(self):
        for name in ("a b", "x" * 65, "a\tb", "<b>", "ä"):
            given = self.client.request("GET", "/instances", None, {
                "X-Request-ID": name.encode()}).headers["X-Request-ID"]
            self.assertRegex(given, "^[0-9a-f]{16}$")


class Instances(CommandTest):
    def test_create_list_show_delete(self):
        self.command().create_network(network("front"))
        made = self.made("web1", ssh_key="ssh-rsa A b\n", user_data="aGVsbG8=",
                         network=[{"network_uuid": "front", "macaddress": None, "model": "virtio"}],
                         metadata={"owner": "me"})
        self.assertEqual("created", made["state"])
        self.assertEqual({"model": "cirrus", "memory": 16384, "vdi": "spice"}, made["video"])
        self.assertEqual([{"base": self.empty, "bus": None, "size": 1, "type": "disk"}],
                         made["disk_spec"])
        self.assertEqual(("ssh-rsa A b\n", "aGVsbG8=", []),
                         (made["ssh_key"], made["user_data"], made["side_channels"]))
        self.assertNotIn("requested_placement", made)

        # A row without interfaces would cost one more call each.
        listed = {view["name"]: view for view in self.command()("GET", "/instances", {"all": False})}
        check([INSTANCE], list(listed.values()))
        self.assertIn("0:10.0.0.2", print_instance_row(listed["web1"]))

        show = self.command()
        view = show("GET", "/instances/web1")
        print_instance(view)
        self.assertEqual({"owner": "me"}, show("GET", "/instances/web1/metadata"))
        for interface in show("GET", "/instances/web1/interfaces"):
            print_interface(interface)
            self.assertEqual({}, show("GET", f"/interfaces/{interface['uuid']}/metadata"))
        self.assertEqual(view, show("GET", "/instances/web1",
                                    {"namespace": self.client.namespace}))

        delete = self.command()
        self.assertEqual("deleted", delete.delete_instance("web1")["state"])
        self.assertEqual(404, delete.status("DELETE", f"/instances/{made['uuid']}"))
        self.assertEqual(404, delete.status("GET", "/instances/web1"))
        self.assertEqual("deleted", delete("GET", f"/instances/{made['uuid']}")["state"])
        self.command()("DELETE", "/networks/front")

    def test_library_defaults_are_null_and_side_channels_are_never(self):
        made = self.made("library", side_channels=None, video=None, configdrive=None, metadata=None,
                         network=None, disk=[{"size": "1", "base": "none"}])
        self.assertEqual((["sf-agent"], "openstack-disk", {}),
                         (made["side_channels"], made["configdrive"], made["metadata"]))
        self.assertEqual([{"base": "none", "bus": None, "size": 1, "type": None}],
                         made["disk_spec"])
        self.assertEqual({"model": "cirrus", "memory": 16384, "vdi": "spice"}, made["video"])
        # A library that waits for the agent asks what this begins with.
        self.assertTrue(made["agent_state"].startswith("not ready"))

    def test_create_with_all_options(self):
        made = self.made("all", placed_on="h1", configdrive="none", side_channels=["one", "two"],
                         video={"model": "vga", "memory": "8192"},
                         disk=[{"size": 1, "base": self.empty, "bus": None, "type": "disk"},
                               {"size": 1, "bus": "scsi", "base": None, "type": "disk"}],
                         metadata={"tags": ["web"], "affinity": {"web": -10}})
        self.assertEqual(("h1", "h1"), (made["requested_placement"], made["node"]))
        self.assertEqual(8192, made["video"]["memory"])
        self.assertEqual(["one", "two"], made["side_channels"])
        self.assertEqual([("vda", "virtio"), ("sdb", "scsi")],
                         [(disk["device"], disk["bus"]) for disk in made["disks"]])

    def test_delete_all(self):
        other = self.new_namespace()
        command = Command(other)
        uuids = {command.create_instance(instance(f"all-{i}", self.empty))["uuid"] for i in range(2)}
        delete = Command(other)
        answered = delete("DELETE", "/instances", {"confirm": True, "namespace": other.namespace})
        self.assertEqual(uuids, set(answered))
        for uuid in answered:
            self.assertEqual("deleted", delete.until(
                f"/instances/{uuid}", lambda view: view["state"] == "deleted")["state"])

    def test_power_console_and_screen(self):
        uuid = self.made("tools")["uuid"]
        for verb in ("pause", "unpause", "poweroff", "poweron", "reboothard", "rebootsoft"):
            self.assertIsNone(self.command()("POST", f"/instances/{uuid}/{verb}"))
        (self.node.folder(uuid) / "console.log").write_bytes(b"first\nlast \xff\n")
        command = self.command()
        self.assertEqual(b"last \xff\n",
                         command.bytes("GET", f"/instances/{uuid}/consoledata", {"length": 7}))
        answer = command.answer("GET", f"/instances/{uuid}/consoledata")
        self.assertEqual("utf-8", answer.headers.get_content_charset())
        command.bytes("DELETE", f"/instances/{uuid}/consoledata")
        self.assertEqual(b"", command.bytes("GET", f"/instances/{uuid}/consoledata",
                                            {"length": -1}))
        text = self.command().bytes("GET", f"/instances/{uuid}/vdiconsolehelper").decode()
        self.assertRegex(text, r"\A\[virt-viewer\]\ntype=(spice|vnc)\nhost=\S+\nport=\d+\n")
        self.assertIn("\ndelete-this-file=1\n", text)
        show = self.command()
        blob = show("GET", f"/instances/{uuid}/screenshot")
        self.assertTrue(show.bytes("GET", f"/blobs/{blob}/data?offset=0").startswith(b"\x89PNG"))

    def test_events_and_metadata(self):
        uuid = self.made("told")["uuid"]
        events = self.command()("GET", f"/instances/{uuid}/events",
                                {"event_type": "audit", "limit": "2"})
        self.assertEqual(2, len(events))
        self.assertGreater(events[0]["timestamp"], events[1]["timestamp"])
        for event in self.command()("GET", f"/instances/{uuid}/events"):
            print_event(event)
        self.assertIsNone(self.command()("PUT", f"/instances/{uuid}/metadata/k", {"value": "v"}))
        self.assertEqual({"k": "v"}, self.command()("GET", f"/instances/{uuid}/metadata"))
        self.assertIsNone(self.command()("DELETE", f"/instances/{uuid}/metadata/k"))

    def test_snapshot_with_a_label_and_show_with_snapshots(self):
        self.made("snapped")
        command = self.command()
        asked = command("POST", "/instances/snapped/snapshot",
                        {"all": False, "device": None, "thin": False})
        self.assertEqual(["vda"], list(asked))
        blobs = {one["blob_uuid"] for one in asked.values()}
        rows = command.until("/instances/snapped/snapshot", lambda rows: blobs <= {
            row["blob_uuid"] for row in rows if row["state"] == "created"})
        for row in rows:
            print_snapshot(row)
        label = command("POST", "/label/golden", {"blob_uuid": asked["vda"]["blob_uuid"]})
        check(ARTIFACT, label)
        gone = command("DELETE", f"/artifacts/{asked['vda']['artifact_uuid']}")
        self.assertEqual("deleted", gone["state"])
        # The label keeps it.
        self.made("again", disk=[{"size": 1, "base": "label:golden", "bus": None, "type": "disk"}])

    def test_add_interface(self):
        self.command().create_network(network("side", "10.1.0.0/24"))
        uuid = self.made("plugged")["uuid"]
        added = self.command()("POST", f"/instances/{uuid}/interfaces", {"network": {
            "network_uuid": "side", "macaddress": None, "model": "virtio", "address": "10.1.0.9"}})
        print_interface(added)
        self.assertEqual("10.1.0.9", added["ipv4"])
        self.command().delete_instance(uuid)
        # Within ten seconds of its instance.
        wait_for(lambda: self.command()("GET", f"/interfaces/{added['uuid']}")["state"] == "deleted",
                 10, "the interface is deleted")
        self.command()("DELETE", "/networks/side")


class Networks(CommandTest):
    def test_create_list_show_addresses_route_delete(self):
        made = self.command().create_network(network("front", provide_nat=True))
        self.assertEqual(("created", True, True),
                         (made["state"], made["provide_dhcp"], made["provide_nat"]))
        self.assertEqual({}, self.command()("GET", f"/networks/{made['uuid']}/metadata"))
        for view in self.command()("GET", "/networks", {"all": False}):
            print_network(view)
        show = self.command()
        self.assertIn(made["floating_gateway"], print_network(show("GET", "/networks/front")))
        show("GET", "/networks/front/metadata")
        for event in self.command()("GET", "/networks/front/events", {"limit": "3"}):
            print_event(event)
        routed = self.command()("POST", "/networks/front/route")
        listed = self.command()("GET", "/networks/front/addresses")
        lines = [f"{one['address']},{one['type']},{' '.join(one['user'])},{one['comment']}"
                 for one in listed]
        self.assertIn(f"{routed},routed,network {made['uuid']},routed to it as it is", lines)
        self.assertIsNone(self.command()("DELETE", f"/networks/front/route/{routed}"))
        # The client does not wait, and drops the option --namespace.
        self.assertEqual(made["uuid"], self.command()("DELETE", "/networks/front")["uuid"])
        self.assertEqual(404, self.command().status("GET", "/networks/front"))

    def test_false_is_honoured(self):
        made = self.command().create_network(network("plain", provide_dhcp=False))
        self.assertEqual((False, False, None),
                         (made["provide_dhcp"], made["provide_nat"], made["floating_gateway"]))
        self.command()("DELETE", "/networks/plain")

    def test_interface_show_float_defloat(self):
        self.command().create_network(network("floated", provide_nat=True))
        uuid = self.made("floated", network=[{"network_uuid": "floated", "macaddress": None,
                                              "model": "virtio", "float": True}])["uuid"]
        nic = self.command()("GET", f"/instances/{uuid}/interfaces")[0]["uuid"]
        path = f"/interfaces/{nic}"
        show = self.command()
        self.assertRegex(print_interface(show("GET", path)), r",10\.0\.0\.\d+,\d+\.\d+\.\d+\.\d+,")
        self.assertEqual({}, show("GET", f"{path}/metadata"))
        self.assertIsNone(self.command()("POST", f"{path}/defloat"))
        self.assertIsNone(self.command()("GET", path)["floating"])
        self.assertIsNone(self.command()("POST", f"{path}/float"))
        self.assertTrue(self.command()("GET", path)["floating"])
        self.command().delete_instance(uuid)
        self.command()("DELETE", "/networks/floated")


class Namespaces(CommandTest):
    def test_create_keys_trust_metadata_show_list_delete(self):
        name = f"{self.client.namespace}-cli"
        path = f"/auth/namespaces/{name}"
        print_namespace(self.command(admin=True)("POST", "/auth/namespaces", {"namespace": name}))
        admin = self.command(admin=True)
        keys = f"{path}/keys"
        self.assertEqual("deploy", admin("POST", keys, {"key_name": "deploy", "key": "x"}))
        self.assertEqual("deploy", admin("PUT", keys, {"key_name": "deploy", "key": "y"}))
        self.assertEqual(["deploy"], admin("GET", keys))
        Command(self.node.client(name, "y"))("GET", "/instances")
        trusting = admin("POST", f"{path}/trust", {"external_namespace": self.client.namespace})
        self.assertIn(self.client.namespace, print_namespace(trusting))
        admin("DELETE", f"{path}/trust/{self.client.namespace}")
        for view in self.command(admin=True)("GET", "/auth/namespaces"):
            check(NAMESPACE, view)
            print_namespace(view)
        self.assertIsNone(admin("PUT", f"{path}/metadata/owner", {"value": "ops"}))
        self.assertEqual({"owner": "ops"}, admin("GET", f"{path}/metadata"))
        self.assertIsNone(admin("DELETE", f"{path}/metadata/owner"))
        admin.bytes("DELETE", f"{keys}/deploy")
        self.assertEqual(404, admin.status("DELETE", f"{keys}/deploy"))
        admin.bytes("DELETE", path)
        self.assertEqual("deleted", admin("GET", path)["state"])

    def test_clean(self):
        owner = self.new_namespace()
        command = Command(owner)
        command.create_network(network("front"))
        command.create_instance(instance("web1", self.empty, network=[
            {"network_uuid": "front", "macaddress": None, "model": "virtio"}]))
        clean, body = Command(owner), {"confirm": True, "namespace": owner.namespace}
        for uuid in clean("DELETE", "/instances", body):
            clean.until(f"/instances/{uuid}", lambda view: view["state"] == "deleted")
        self.assertEqual(1, len(clean("DELETE", "/networks", {**body, "clean_wait": True})))
        self.assertTrue(clean("DELETE", "/artifacts", body))
        for kind in ("instances", "networks", "artifacts"):
            self.assertEqual([], clean("GET", f"/{kind}"))


class Nodes(CommandTest):
    def test_list_show_events_resources_cpuhogs(self):
        for node in self.command(admin=True)("GET", "/nodes"):
            print_node_row(node)
            self.assertLess(abs(node["lastseen"] - time.time()), 60)
        show = self.command(admin=True)
        print_node(show("GET", "/nodes/h1"))
        self.assertEqual({}, show("GET", "/nodes/h1/metadata"))
        for event in self.command(admin=True)("GET", "/nodes/h1/events", {"limit": "5"}):
            print_event(event)
        newest = self.command(admin=True)("GET", "/nodes/h1/events",
                                          {"event_type": "resources", "limit": 1})[0]
        print_event(newest)
        used = self.admin.call("GET", "/nodes/h1")["used"]
        self.assertEqual(used["cpus"], newest["extra"]["cpus_used"])
        hogs = self.command(admin=True)
        for node in hogs("GET", "/nodes"):
            figures = hogs("GET", f"/nodes/{node['name']}/processmetrics")
            self.assertTrue([value > 0.25 for name, value in figures.items()
                             if name.startswith("process_cpu_fraction_")])
        self.assertEqual(404, self.command(admin=True).status("GET", "/nodes/nobody"))

    def test_admin_lock_list(self):
        for name, lock in self.command(admin=True)("GET", "/admin/locks").items():
            "{pid},{node},{operation}".format_map(lock) + name


if __name__ == "__main__":
    unittest.main()
