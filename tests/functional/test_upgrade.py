# SPDX-License-Identifier: Apache-2.0
"""A cluster is upgraded node by node while it is used: daemons one release apart work side by side on
one schema, and no read fails. The next release is this one's sources and what they would add to:
a migration (next_release.sql), a version, one more thing that each node says of itself."""

import fnmatch
import http.client
import itertools
import json
import os
import time
import unittest

from background import Background
from cluster import BUILD, wait_for
from readme import commands
from three_nodes import ThreeNodes

NOW, NEXT = "node/sf-node", "node/sf-node-next"
# What the README says: once; on each node; and how to go back on one.
(ONCE, *EACH, BACK) = commands("Upgrades")


class Usage(Background):
    """Reads and writes by way of each node until it is left. As any client with a list of nodes, it
    asks the next only when one refuses the connection: all else is a failure, of a read."""

    def __init__(self, nodes, paths):
        super().__init__()
        self.nodes, self.paths = nodes, paths
        self.client = nodes[0].client()
        self.client.log_in()
        self.reads, self.failed = 0, []
        self.made, self.unmade, self.unsure = set(), set(), []
        for i in range(len(nodes)):
            self.add(self.read, nodes[i:] + nodes[:i])
            self.add(self.write, nodes[i:] + nodes[:i])

    def read(self, nodes):
        kept = http.client.HTTPConnection(nodes[0].address, timeout=30)
        for path in itertools.cycle(self.paths):
            if self.over.wait(0.02):
                break
            try:
                answer = self.ask(kept, nodes[1:], "GET", path)
                self.reads += 1
                if answer[0] != 200:
                    self.failed.append(f"{path}: {answer}")
            except (OSError, http.client.HTTPException) as error:
                kept.close()
                self.failed.append(f"{path} at {nodes[0].name}: {error!r}")
        kept.close()

    def write(self, nodes):
        for number in itertools.count():
            if self.over.wait(0.2):
                return
            body = {"name": f"{nodes[0].name}-{number}", "netblock": "10.18.0.0/24",
                    "provide_dhcp": False, "provide_nat": False}
            made = self.try_write(nodes, "POST", "/networks", body)
            if made and number % 4 == 0:
                self.made.add(made["uuid"])
            elif made and self.try_write(nodes, "DELETE", f"/networks/{made['uuid']}"):
                self.unmade.add(made["uuid"])

    def try_write(self, nodes, method, path, body=None):
        connection = http.client.HTTPConnection(nodes[0].address, timeout=30)
        try:
            status, data = self.ask(connection, nodes[1:], method, path, body)
            if status == 200:
                return json.loads(data) or True
            self.unsure.append(f"{method} {path}: {status} {data}")
        except (OSError, http.client.HTTPException) as error:
            self.unsure.append(f"{method} {path}: {error!r}")
        finally:
            connection.close()
        return None

    def ask(self, connection, others, method, path, body=None):
        headers = {"Authorization": f"Bearer {self.client.token}"}
        text = json.dumps(body) if body else None
        try:
            connection.request(method, path, text, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except ConnectionRefusedError:
            connection.close()
            if not others:
                raise
        other = http.client.HTTPConnection(others[0].address, timeout=30)
        try:
            return self.ask(other, others[1:], method, path, body)
        finally:
            other.close()


class Upgrade(ThreeNodes):
    # Of each run its own, as a bed that is kept would have the schema of the next release already.
    prefix, port = f"upgr{os.getpid()}", 15500
    backup = f"/srv/upgrade-{os.getpid()}.backup"

    @classmethod
    def setUpClass(cls):
        if not (BUILD / NEXT).exists():
            raise unittest.SkipTest(f"{BUILD / NEXT} is not built")
        super().setUpClass()
        client = cls.nodes[0].client()
        cls.network = client.call("POST", "/networks", {
            "name": "kept", "netblock": "10.19.0.0/24", "provide_dhcp": True,
            "provide_nat": True})["uuid"]
        cls.instance = client.call("POST", "/instances", {
            "name": "kept", "cpus": 1, "memory": 64, "disk": [{"size": 1}],
            "placed_on": cls.nodes[1].name, "network": [{"network_uuid": cls.network}]})["uuid"]
        client.wait(cls.instance, "created", 60)

    def version(self):
        return int(self.bed.sql(self.database, "SELECT MAX(version) FROM schema_version")[0][0])

    def restart(self, node, program):
        node.stop()
        node.program = program
        node.start()

    def follow(self, words, node):
        """What the README has somebody do on a node, where a package is a program of this build."""
        line = " ".join(words)
        if fnmatch.fnmatch(line, "sudo apt install*./shakenfist_*_amd64.deb"):
            self.restart(node, NOW if "--allow-downgrades" in words else NEXT)
        elif line.startswith("sf-node backup "):
            self.assertEqual(0, node.tool("backup", self.backup).returncode)
        elif line == "sf-node members":
            self.wait_well()
            done = node.tool("members")
            self.assertEqual(0, done.returncode, done)
            self.assertEqual(3, done.stdout.count(" alive "), done.stdout)
            row, = [row for row in done.stdout.splitlines() if row.startswith(f"{node.name} *")]
            self.assertEqual(node.program == NEXT, "-next" in row, row)
        else:
            self.fail(f"nobody knows how to follow '{line}'")

    def assert_served(self):
        """Whoever holds the role, of whichever release, serves the network with what it was told."""
        def served():
            for node in self.nodes:
                status = node.services()
                if status["serving"] and self.network in status["networks"]:
                    return not status.get("errors")
            return False
        wait_for(served, 30, "the network is served",
                 lambda: "\n".join(f"{n.services()}\n{n.tail(8)}" for n in self.nodes))

    def assert_all_work(self):
        """Each node writes what the others read, and has an instance built."""
        for node, other in zip(self.nodes, self.nodes[1:] + self.nodes[:1]):
            made = node.client().call("POST", "/instances", {
                "name": "both", "cpus": 1, "memory": 64, "placed_on": other.name,
                "disk": [{"size": 1}], "network": [{"network_uuid": self.network}]})["uuid"]
            other.client().wait(made, "created", 60)
            other.client().delete(made)

    def test_node_by_node_to_the_next_release_under_load_without_a_failed_read(self):
        before, qemu = self.version(), self.nodes[1].qemu(self.instance)
        self.wait_well()
        paths = ("/instances", "/networks", "/nodes", f"/instances/{self.instance}",
                 f"/networks/{self.network}", f"/networks/{self.network}/interfaces",
                 f"/instances/{self.instance}/events")
        with Usage(self.nodes, paths) as usage:
            self.follow(ONCE, self.nodes[0])
            for words in EACH:
                self.follow(words, self.nodes[0])
            self.assertEqual(before + 1, self.version())
            self.assert_served()
            self.restart(self.nodes[1], NOW)  # The old one starts on the new schema, too.
            self.wait_well()
            self.assert_all_work()
            self.follow(BACK, self.nodes[0])  # And what was upgraded can go back.
            self.wait_well()
            self.assert_all_work()
            for words in EACH:
                self.follow(words, self.nodes[0])
            releases = {one["release"] for one in self.members(self.nodes[2]).values()}
            self.assertEqual(2, len(releases), releases)
            for node in self.nodes[1:]:
                for words in EACH:
                    self.follow(words, node)
                self.assert_served()
        print(f"{usage.reads} reads, {len(usage.made) + 2 * len(usage.unmade)} writes,"
              f" {len(usage.unsure)} of them unsure", end=" ", flush=True)
        self.assertEqual([], usage.failed)
        self.assertGreater(usage.reads, 100)
        client = self.nodes[0].client()
        listed = lambda: {one["uuid"] for one in client.call("GET", "/networks")}
        # What others have written shows here a second later.
        wait_for(lambda: not usage.made - listed(), 2, "what was made is there", self.nodes[0].tail)
        wait_for(lambda: not usage.unmade & listed(), 2, "what was deleted is not", self.nodes[0].tail)
        self.assertEqual([], [said for said in usage.unsure if "database" not in said])
        self.assertEqual(qemu, self.nodes[1].qemu(self.instance))
        self.assert_all_work()

        # Two versions apart they are not one after the other any more.
        self.bed.sql(self.database, f"INSERT INTO schema_version VALUES ({before + 2}, 0); SELECT 1")
        self.addCleanup(self.bed.sql, self.database,
                        f"DELETE FROM schema_version WHERE version = {before + 2}; SELECT 1")
        last = self.nodes[2]
        last.stop()
        last.program = NOW
        last.start(wait=False)
        self.assertEqual(1, last.ended())
        self.assertIn(f"schema is version {before + 2}, and this sf-node knows version {before}",
                      last.tail())
        self.assertIn("upgrade this sf-node", last.tail())
        last.program = NEXT

        # What was backed up is of the schema of before, and the old release restores it.
        for node in self.nodes:
            node.stop()
        first = self.nodes[0]
        first.program = NOW
        done = first.tool("restore", "--replace", self.backup)
        self.assertEqual(0, done.returncode, done)
        self.assertEqual(before, self.version())
        for node in self.nodes:
            node.program = NOW
            node.start()
        self.wait_well()
        self.assertEqual("created", first.client().show(self.instance)["state"])
        self.assertEqual(qemu, self.nodes[1].qemu(self.instance))


if __name__ == "__main__":
    unittest.main()
