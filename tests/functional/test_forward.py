# SPDX-License-Identifier: Apache-2.0
"""Calls that only the hosting node can answer are answered by every node, with the caller's own
rights and never with more."""

import base64
import hashlib
import json
import time
import unittest
import uuid

import disk_images
from cluster import cluster, wait_for
from three_nodes import ThreeNodes


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Forward(ThreeNodes):
    """The first node hosts the instance of namespace team; the others are asked."""

    prefix, port = "forward", 13400
    options = {"LOG_LEVEL": "debug", "LOG_JSON": "true"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.make_team()
        image = cluster().images.offer("/forward/empty.qcow2", disk_images.qcow2())
        cls.uuid = cls.here.create("web1", image, placed_on=cls.nodes[0].name)["uuid"]
        cls.here.wait(cls.uuid, "created")
        cls.log = cls.nodes[0].folder(cls.uuid) / "console.log"

    @classmethod
    def tearDownClass(cls):
        for node in cls.nodes:
            if not node.running():
                node.start()
        cls.here.delete(cls.uuid)
        cls.here.call("DELETE", "/networks", {"confirm": True})
        super().tearDownClass()

    def power(self, client):
        return client.show(self.uuid)["power_state"]

    # ---- what is passed on -----------------------------------------------------------------------

    def test_every_node_reads_and_clears_the_console(self):
        for client in self.others:
            self.log.write_bytes(b"first\nlast \xff\n")
            self.assertEqual(b"last \xff\n", client.request(
                "GET", "/instances/web1/consoledata", {"length": 7}).data)
            client.call("DELETE", f"/instances/{self.uuid}/consoledata")
            self.assertEqual("", self.here.console(self.uuid))
        # All that is ever read at once passes through another node, too.
        self.log.write_bytes(b"x" * (17 << 20))
        self.assertEqual(16 << 20, len(self.others[0].console(self.uuid)))
        self.here.call("DELETE", f"/instances/{self.uuid}/consoledata")

    def test_every_node_changes_the_power(self):
        for client in self.others:
            for verb, state in (("pause", "paused"), ("unpause", "on"), ("poweroff", "off"),
                                ("poweron", "on"), ("reboothard", "on"), ("rebootsoft", "on")):
                self.assertIsNone(client.call("POST", f"/instances/web1/{verb}"))
                self.assertEqual(state, self.power(client), verb)

    def test_a_request_has_one_id_in_the_logs_of_both_nodes_and_in_its_event(self):
        name = f"pause-{uuid.uuid4()}"
        answer = self.others[0].request("POST", "/instances/web1/pause", None, {"X-Request-ID": name})
        self.assertEqual((200, name), (answer.status, answer.headers["X-Request-ID"]))
        self.here.call("POST", "/instances/web1/unpause")
        for node in self.nodes[:2]:
            lines = [json.loads(line) for line in node.log.read_text().splitlines()]
            said = [line["message"] for line in lines if line.get("request") == name]
            self.assertTrue(any("path=/instances/web1/pause status=200" in one for one in said), said)
        paused = next(e for e in self.here.events(self.uuid) if e["extra"].get("request_id") == name)
        self.assertEqual("pause", paused["message"])

    def test_answers_come_through_as_they_are(self):
        self.here.call("POST", f"/instances/{self.uuid}/poweroff")
        waiting = self.here.create("waiting", f"http://{self.bed.settings['BED_MACHINE']}:9/never",
                                   placed_on=self.nodes[0].name)["uuid"]
        for method, path, body in (("POST", f"/instances/{self.uuid}/pause", None),
                                   ("POST", f"/instances/{waiting}/pause", None),
                                   ("GET", f"/instances/{self.uuid}/consoledata", {"length": "x"})):
            there, here = (client.request(method, path, body)
                           for client in (self.others[0], self.here))
            self.assertEqual((here.status, here.error), (there.status, there.error))
        self.assertEqual(400, there.status)
        self.assertEqual(
            409, self.others[0].request("POST", f"/instances/{self.uuid}/pause").status)
        self.assertEqual(406, self.others[0].request("POST", f"/instances/{waiting}/pause").status)
        self.here.call("POST", f"/instances/{self.uuid}/poweron")
        self.here.delete(waiting)

    def test_a_node_that_is_gone_is_named(self):
        self.nodes[0].kill()
        answer = wait_for(lambda: (a := self.others[0].request(
            "GET", f"/instances/{self.uuid}/consoledata")).status == 503 and a, 5, "503")
        self.assertIn(self.nodes[0].name, answer.error)
        self.assertTrue(answer.headers["Retry-After"])
        self.nodes[0].start()
        wait_for(lambda: self.others[0].request(
            "GET", f"/instances/{self.uuid}/consoledata").status == 200, 10, "it answers again")

    def test_an_interface_is_added_noted_and_listed_by_every_node(self):
        network = self.here.call("POST", "/networks", {
            "name": "front", "netblock": "10.0.0.0/24", "provide_dhcp": True,
            "provide_nat": False})["uuid"]
        there, further = self.others
        made = there.call("POST", "/instances/web1/interfaces",
                          {"network": {"network_uuid": "front"}})
        path = f"/interfaces/{made['uuid']}"
        further.wait(made["uuid"], "created", 20, "interfaces")
        self.assertIn(made["macaddr"], self.nodes[0].virsh(
            "domiflist", self.nodes[0].domain(self.uuid)))
        there.call("PUT", f"{path}/metadata/role", {"value": "uplink"})
        for client in (self.here, there, further):
            wait_for(lambda client=client: client.call("GET", f"{path}/metadata") ==
                     {"role": "uplink"}, 2, "all know its metadata")
            self.assertIn((made["ipv4"], ["instance", self.uuid]), [
                (one["address"], one["user"])
                for one in client.call("GET", f"/networks/{network}/addresses")])

    def test_every_node_tells_what_each_is_at_work_on_and_what_its_processes_take(self):
        self.here.call("POST", f"/instances/{self.uuid}/poweron")
        for node in self.nodes:
            admin = node.client()
            role = admin.call("GET", "/admin/locks")["role/network-services"]
            holder = self.node_named(role["node"])
            self.assertEqual(("serve", True), (role["operation"], role["pid"] > 0))
            self.assertLess(abs(time.time() - role["since"]), 3600)
            self.assertTrue(holder.running())
            figures = admin.call("GET", f"/nodes/{self.nodes[0].name}/processmetrics")
            for name in ("sf-node", f"qemu-{self.uuid}"):
                self.assertGreaterEqual(figures[f"process_cpu_fraction_{name}"], 0)
                self.assertGreater(figures[f"process_resident_bytes_{name}"], 1 << 20)
            elsewhere = admin.call("GET", f"/nodes/{self.nodes[1].name}/processmetrics")
            self.assertNotIn(f"process_cpu_fraction_qemu-{self.uuid}", elsewhere)
            admin.refused(404, "GET", "/nodes/nobody/processmetrics")
        for path in ("/admin/locks", f"/nodes/{self.nodes[0].name}/processmetrics"):
            self.here.refused(401, "GET", path)

    # ---- what is not -----------------------------------------------------------------------------

    def test_to_strangers_it_is_not_there_wherever_they_ask(self):
        for node in self.nodes:
            stranger = node.client("strangers", "secret")
            for method, verb in (("GET", "consoledata"), ("POST", "poweroff")):
                stranger.refused(404, method, f"/instances/{self.uuid}/{verb}")
        self.assertEqual("on", self.power(self.here))

    def test_trust_that_one_node_was_told_of_is_known_to_all_within_a_second(self):
        strangers = [node.client("strangers", "secret") for node in self.nodes]
        for verb, path, body, status in (
                ("POST", "trust", {"external_namespace": "strangers"}, 200),
                ("DELETE", "trust/strangers", None, 404)):
            self.here.call(verb, f"/auth/namespaces/team/{path}", body)
            for client in strangers:
                wait_for(lambda client=client: client.request(
                    "GET", "/auth/namespaces/team/keys").status == status, 2, f"it is {status}")

    def sign(self, key=None, method="GET", target=None, body=b"", **claims):
        """The header that a node sends, as the comment of NodeTokens says it is made."""
        if key is None:
            ring = self.bed.sql(self.database,
                                "SELECT value FROM cluster WHERE name = 'gossip_keys'")[0][0]
            key = bytes.fromhex(ring.split(",")[0])
        claims = {"from": self.nodes[1].name, "to": self.nodes[0].name, "namespace": "team",
                  "key": "k", "at": int(time.time() * 1000), "nonce": uuid.uuid4().hex, **claims}
        text = base64url(json.dumps(claims).encode())
        derived = hashlib.blake2b(b"", digest_size=32, key=key, salt=(1).to_bytes(16, "little"),
                                  person=b"sf-calls").digest()
        target = target or f"/instances/{self.uuid}/consoledata"
        parts = [text.encode(), method.encode(), target.encode(), body]
        mac = hashlib.blake2b(b"".join(len(part).to_bytes(8, "little") + part for part in parts),
                              digest_size=32, key=derived).digest()
        return {"Authorization": f"Node {text}.{base64url(mac)}"}

    def ask(self, header, method="GET", client=None):
        return (client or self.here).bare(
            method, f"/instances/{self.uuid}/consoledata", headers=header)

    def test_the_hosting_node_checks_the_callers_rights_again(self):
        self.assertEqual(200, self.ask(self.sign()).status)
        self.assertEqual(200, self.ask(self.sign(namespace="system")).status)
        self.assertEqual(404, self.ask(self.sign(namespace="strangers")).status)

    def test_a_token_that_is_forged_late_used_or_for_something_else_is_refused(self):
        used = self.sign()
        self.assertEqual(200, self.ask(used).status)
        now = int(time.time() * 1000)
        for header, reason in ((used, "used before"),
                               (self.sign(key=bytes(32)), "key of this cluster"),
                               (self.sign(at=now - 60_000), "clock"),
                               (self.sign(at=now + 60_000), "clock"),
                               (self.sign(to=self.nodes[2].name), "is for node"),
                               (self.sign(method="DELETE"), "not made for this request"),
                               (self.sign(body=b"{}"), "not made for this request"),
                               (self.sign(target="/instances"), "not made for this request"),
                               ({"Authorization": "Node x"}, "malformed")):
            answer = self.ask(header)
            self.assertEqual(401, answer.status, reason)
            self.assertIn(reason, answer.error)

    def test_what_was_passed_on_goes_no_further(self):
        answer = self.ask(self.sign(to=self.nodes[2].name), client=self.others[1])
        self.assertEqual(503, answer.status)
        self.assertIn(f"node {self.nodes[1].name} passed this on here", answer.error)


if __name__ == "__main__":
    unittest.main()
