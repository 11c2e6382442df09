# SPDX-License-Identifier: Apache-2.0
"""Three nodes whose database is away: what they show, what they refuse, what goes on, and how all
is well again by itself. And before that: how soon all of them know of a change."""

import json
import time
import unittest

from case import guest
from cluster import cluster, wait_for
from three_nodes import ThreeNodes

BOOT = 120        # seconds that a tiny guest may take on a busy machine
READ = 2.5        # within which a read is answered, on a busy machine
PATIENCE = 5      # for so long a write waits for the database
NETBLOCK, ADDRESS = "10.8.0.0/24", "10.8.0.10"


class Picture(ThreeNodes):
    prefix, port = "pict", 13500

    def lists(self, node):
        client = node.client()
        return {kind: {(one["uuid"], one["state"], one["version"])
                       for one in client.call("GET", f"/{kind}")}
                for kind in ("instances", "networks")}

    def wait_agreed(self, seconds):
        wait_for(lambda: len({str(sorted(map(str, self.lists(node).items())))
                              for node in self.nodes}) == 1, seconds,
                 "all nodes list the same", lambda: str([self.lists(node) for node in self.nodes]))

    def test_all_nodes_list_the_same_soon_after_a_change_and_its_own_node_at_once(self):
        for step in range(3):
            node = self.nodes[step]
            made = node.client().call("POST", "/networks", {
                "name": f"seen-{step}", "netblock": "10.7.0.0/24", "provide_dhcp": False,
                "provide_nat": False})["uuid"]
            self.assertIn(made, {one["uuid"] for one in node.client().call("GET", "/networks")})
            for other in self.nodes:  # What a picture lacks is looked up.
                self.assertEqual(made, other.client().call("GET", f"/networks/{made}")["uuid"])
            self.wait_agreed(2)
            node.client().call("DELETE", f"/networks/{made}")
            self.assertNotIn(made, {one["uuid"] for one in node.client().call("GET", "/networks")})
            self.wait_agreed(2)

    def test_a_revoked_key_is_refused_by_all_nodes_within_a_second(self):
        admin = self.nodes[0].client()
        admin.call("POST", "/auth/namespaces",
                   {"namespace": "leaver", "key_name": "k", "key": "secret"})
        clients = [node.client("leaver", "secret") for node in self.nodes]
        for client in clients:
            client.call("GET", "/instances")
        admin.call("DELETE", "/auth/namespaces/leaver/keys/k")
        revoked = time.monotonic()
        self.assertEqual(401, clients[0].request("GET", "/instances").status)
        for client in clients:
            wait_for(lambda client=client: client.request("GET", "/instances").status == 401, 2,
                     "the key is refused")
        self.assertLess(time.monotonic() - revoked, 1.5)
        admin.call("DELETE", "/auth/namespaces/leaver")


class WithoutDatabase(ThreeNodes):
    prefix, port = "nodb", 13600

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        client = cls.nodes[0].client()
        cls.image = cluster().images.offer("/nodb/tiny.qcow2", guest("tiny"))
        cls.network = client.call("POST", "/networks", {
            "name": "kept", "netblock": NETBLOCK, "provide_dhcp": True,
            "provide_nat": False})["uuid"]
        cls.host = cls.nodes[2]
        cls.guest = client.call("POST", "/instances", {
            "name": "kept", "cpus": 1, "memory": 128, "placed_on": cls.host.name,
            "disk": [{"base": cls.image, "size": 1}],
            "network": [{"network_uuid": cls.network, "address": ADDRESS}]})["uuid"]
        cls.host.client().wait_console(cls.guest, rf"TINY IP={ADDRESS}/24 .*via=dhcp", BOOT)
        client.wait(cls.guest, "created", 30)
        cls.host.domain(cls.guest)  # By a name that the database tells once, while it is there.

    @classmethod
    def tearDownClass(cls):
        client = cls.nodes[0].client()
        client.delete(cls.guest)
        client.call("DELETE", f"/networks/{cls.network}")
        for node in cls.nodes:
            node.stop()
        super().tearDownClass()

    def setUp(self):
        super().setUp()
        self.clients = [node.client() for node in self.nodes]
        for client in self.clients:
            client.log_in()

    def timed(self, client, method, path, body=None):
        began = time.monotonic()
        answer = client.request(method, path, body)
        return answer, time.monotonic() - began

    def assert_reads_are_answered(self, clients=None):
        for client in clients or self.clients:
            # What is younger than a moment is as good as the rows, and says nothing.
            wait_for(lambda client=client: client.request("GET", "/nodes").headers["Warning"],
                     READ, "reads say that they are stale")
            for path in ("/instances", "/networks", "/nodes", f"/instances/{self.guest}",
                         "/instances/kept", f"/networks/{self.network}",
                         f"/networks/{self.network}/interfaces", "/nodes/nodb-1"):
                answer, took = self.timed(client, "GET", path)
                self.assertEqual(200, answer.status, f"{path}: {answer!r}")
                self.assertTrue(answer.headers["Warning"].startswith("110 "), path)
                self.assertLess(took, READ, path)
            listed = client.call("GET", "/instances")
            self.assertEqual([self.guest], [one["uuid"] for one in listed])
            interface = listed[0]["interfaces"][0]["uuid"]
            self.assertEqual(ADDRESS, client.call("GET", f"/interfaces/{interface}")["ipv4"])

    def assert_writes_are_refused(self):
        for method, path, body in (
                ("POST", "/networks", {"name": "never", "netblock": "10.6.0.0/24"}),
                ("DELETE", f"/instances/{self.guest}", None)):
            answer, took = self.timed(self.clients[0], method, path, body)
            self.assertEqual(503, answer.status, answer)
            self.assertIn("database", answer.error)
            self.assertGreater(int(answer.headers["Retry-After"]), 0)
            self.assertLess(took, PATIENCE + 2, path)

    def assert_all_is_well_again(self):
        for client in self.clients:
            wait_for(lambda client=client: not client.request("GET", "/nodes").headers["Warning"], 15,
                     "reads are answered from the rows again",
                     lambda: "\n".join(node.tail(8) for node in self.nodes))
        self.assertEqual(["created"], [one["state"] for one in self.clients[1].call(
            "GET", "/instances")])
        made = self.clients[2].call("POST", "/networks", {
            "name": "after", "netblock": "10.6.0.0/24", "provide_dhcp": False,
            "provide_nat": False})["uuid"]
        names = {one["name"] for one in self.clients[2].call("GET", "/networks")}
        self.assertLessEqual({"kept", "after"}, names)
        self.assertNotIn("never", names)
        self.clients[1].call("DELETE", f"/networks/{made}")
        for client in self.clients:
            wait_for(lambda client=client: {node["state"] for node in client.call("GET", "/nodes")}
                     == {"created"}, 15, "all nodes are there")

    def test_a_frozen_database_and_a_daemon_started_meanwhile(self):
        restarted = self.nodes[1]
        self.keep_role_from(restarted)
        self.bed.hosts("db", "freeze")
        self.addCleanup(self.bed.hosts, "db", "thaw")
        self.assert_reads_are_answered()
        self.assert_writes_are_refused()
        begun = len(restarted.log.read_text())
        restarted.kill()
        restarted.start()
        self.assert_reads_are_answered([restarted.client()])
        self.bed.hosts("db", "thaw")
        self.assert_all_is_well_again()
        self.assertEqual(1, restarted.log.read_text()[begun:].count("knows this node again"))

    def test_a_killed_database_a_daemon_started_meanwhile_and_a_guest_that_reboots(self):
        restarted = self.nodes[1]
        self.keep_role_from(restarted)
        qemu = self.host.qemu(self.guest)
        console = len(self.host.client().console(self.guest))
        self.bed.hosts("db", "kill")
        self.addCleanup(self.bed.hosts, "db", "start")
        self.assert_reads_are_answered()
        self.assert_writes_are_refused()

        restarted.kill()
        restarted.start()
        self.assertEqual(0o600, (restarted.storage / "picture.json").stat().st_mode & 0o777)
        self.assertEqual(0o600, (restarted.storage / "secrets.json").stat().st_mode & 0o777)
        self.assert_reads_are_answered([self.clients[1]])
        self.assert_reads_are_answered([restarted.client()])  # who has to log in
        wait_for(lambda: {one["state"] for one in json.loads(
            restarted.tool("members", "--json").stdout)} == {"alive"}, 15,
            "it has found the others", restarted.tail)

        # As its owner would, were the rows there to say that it may.
        self.host.virsh("reset", self.host.domain(self.guest))
        wait_for(lambda: self.console_file(console).count("TINY BOOTED") >= 1, BOOT,
                 "the guest has booted again")
        self.assertRegex(self.console_file(console), rf"TINY IP={ADDRESS}/24 .*via=dhcp")
        self.assertEqual(qemu, self.host.qemu(self.guest))

        self.bed.hosts("db", "start")
        self.assert_all_is_well_again()
        self.assertEqual(qemu, self.host.qemu(self.guest))

    def console_file(self, after):
        return (self.host.folder(self.guest) / "console.log").read_text(errors="replace")[after:]


if __name__ == "__main__":
    unittest.main()
